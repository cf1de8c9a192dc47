// Columns as NumPy arrays or lists become rows to append, without copying where they lie right.
//
// Thread rule: the GIL is held.
#pragma once

#include "dreamdb/dataset.h"
#include "values.h"

namespace dreamdb::python {

// `columns` maps field names to arrays that dreamdb/_columns.py has brought to the field's own
// dtype, shape and order, or to lists of values, where None stands for an absent one. `anchors` is
// a uint64 array or None. Errors count rows from `first_row`. What is returned keeps the arrays
// alive.
NewRows columns_in(const Schema& schema, size_t rows, nb::handle anchors, const nb::dict& columns,
                   size_t first_row);

// The rows [first, first + count) of `rows`, sharing its memory.
NewRows slice_rows(const NewRows& rows, size_t first, size_t count);

// How many rows of `rows` are worth one piece of work: a multiple of 8.
size_t rows_per_piece(const NewRows& rows, size_t piece_bytes, size_t piece_rows);

// The same rows in memory of their own, which Python cannot change.
NewRows copy_rows(const NewRows& rows);

}  // namespace dreamdb::python
