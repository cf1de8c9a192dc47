// The Arrow types of a dataset's fields.
//
// Thread rule: pure functions.
#pragma once

#include <span>
#include <string>

#include "arrow_abi.h"
#include "dreamdb/schema.h"

namespace dreamdb::python {

// What the column of anchors is called where records are exported.
inline constexpr const char* kAnchorColumn = "_anchor";

// A struct of `anchors: uint64` and the fields in their order:
//   image, audio, video, blob   binary                  bool               bool
//   text, string, categorical   string                  int, timestamp     int64
//   embedding                   fixed_size_list<D>      float              float64
//   array                       extension arrow.fixed_shape_tensor over fixed_size_list
// bf16, which Arrow lacks, is shown as uint16 bits. `out` owns what it points to.
void export_schema(std::span<const Field> fields, std::string anchors, ArrowSchema* out);

// The letter by which the interface calls a dtype.
const char* arrow_format(Dtype dtype);

}  // namespace dreamdb::python
