// A stream of batches as an Arrow C stream in a PyCapsule (`__arrow_c_stream__`).
//
// Thread rule: the GIL is held here; the stream itself may be read on any thread, one at a time.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "arrow_schema.h"
#include "dreamdb/dataset.h"

namespace dreamdb::python {

namespace nb = nanobind;

// A capsule named "arrow_array_stream" with the batches of `stream`, whose columns are `fields`.
nb::object arrow_stream_capsule(BatchStream stream, std::vector<Field> fields);

// Capsules "arrow_schema" and "arrow_array" of one batch (`__arrow_c_array__`). InvalidArgument:
// its payloads do not fit one array.
nb::tuple arrow_batch_capsules(const Batch& batch, std::string anchors = kAnchorColumn);

// A capsule named "arrow_schema".
nb::object arrow_schema_capsule(const std::vector<Field>& fields,
                                std::string anchors = kAnchorColumn);

}  // namespace dreamdb::python
