// Vectors and arrays, row by row, become one matrix.
//
// Thread rule: the GIL is held.
#pragma once

#include <memory>

#include "values.h"

namespace dreamdb::python {

// For embeddings and arrays. Rows of the field's own dtype and shape are copied as they lie; lists
// of numbers and other dtypes are converted (see dreamdb/_cast.py for what is refused).
std::unique_ptr<ColumnBuilder> make_matrix_builder(const Field& field);

}  // namespace dreamdb::python
