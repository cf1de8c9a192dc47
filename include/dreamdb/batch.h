// Columns of values at anchors: what is appended, and what every read returns.
//
// Thread rule: values; immutable once handed over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/schema.h"

namespace dreamdb {

// The values of one field for the rows of a batch. What is filled depends on the type:
//   matrix (embedding, array)  values: rows x row_bytes, row-major, little-endian
//   int, timestamp             values: i64[rows]
//   float                      values: f64[rows]
//   bool                       values: u8[rows], 0 or 1
//   string, categorical        offsets: u32[rows + 1], values: UTF-8 bytes
//   blob kinds                 blobs: one Buffer a row
// A row without a value has bit 0 in `valid` and zeros (or nothing) in its place.
struct Column {
  std::string name;
  FieldType type = FieldType::kBlob;
  Dtype dtype = Dtype::kF32;    // matrix only
  std::vector<uint64_t> shape;  // matrix only: of one row
  Buffer valid;                 // bitmap, least significant bit first; empty: all rows have values
  Buffer values;
  Buffer offsets;
  std::vector<Buffer> blobs;

  bool is_valid(size_t row) const {
    return valid.empty() || ((static_cast<uint8_t>(valid.data()[row / 8]) >> (row % 8)) & 1u) != 0;
  }
  // string, categorical: the text of a row.
  std::string_view text(size_t row) const {
    const auto* o = reinterpret_cast<const uint32_t*>(offsets.data());
    return values.view().substr(o[row], o[row + 1] - o[row]);
  }
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(values.data());
  }
};

struct Batch {
  Buffer anchors_bytes;         // u64[rows], ascending where the call says so
  std::vector<Column> columns;  // in the order asked for, by default the schema's

  size_t rows() const { return anchors_bytes.size() / 8; }
  const uint64_t* anchors() const {
    return reinterpret_cast<const uint64_t*>(anchors_bytes.data());
  }
  const Column* find(std::string_view name) const {
    for (const Column& c : columns)
      if (c.name == name) return &c;
    return nullptr;
  }
};

}  // namespace dreamdb
