// The Arrow types of a dataset's fields.
//
// Thread rule: pure functions.
#pragma once

#include <span>

#include "arrow_abi.h"
#include "dreamdb/schema.h"

namespace dreamdb::python {

// A struct of `_anchor: uint64` and the fields in their order:
//   image, audio, video, blob   binary                  bool               bool
//   text, string, categorical   string                  int, timestamp     int64
//   embedding                   fixed_size_list<D>      float              float64
//   array                       extension arrow.fixed_shape_tensor over fixed_size_list
// bf16, which Arrow lacks, is shown as uint16 bits. `out` owns what it points to.
void export_schema(std::span<const Field> fields, ArrowSchema* out);

// The letter by which the interface calls a dtype.
const char* arrow_format(Dtype dtype);

}  // namespace dreamdb::python
