// Batches become dictionaries of columns, or rows.
//
// Thread rule: the GIL is held.
#pragma once

#include <nanobind/nanobind.h>

#include "dreamdb/dataset.h"

namespace dreamdb::python {

namespace nb = nanobind;

// A scalar as Python has it; None when absent.
nb::object to_python(const Scalar& value);

// The Python class `Batch`, what streams, take and search return.
void bind_batch(nb::module_& module);

}  // namespace dreamdb::python
