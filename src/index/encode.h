// Codes of rows: cells assigned, codes made, one segment of them (spec 12.7).
//
// Thread rule: pure functions over an immutable index; callers share rows among threads.
#pragma once

#include <cstdio>
#include <span>
#include <vector>

#include "format/segment.h"
#include "index/spatial_index.h"

namespace dreamdb {

// Codes of rows in the order they were added, and then in that of (cell, anchor).
class CodeTable {
 public:
  explicit CodeTable(const SpatialIndex& index) : index_(&index) {}

  size_t rows() const { return anchors_.size(); }
  std::span<const uint32_t> cells() const { return cells_; }

  // Encodes rows of a field: values [anchors.size(), dim] of `dtype`, f32 or f16.
  // O(rows (cells + log D) D).
  void add(std::span<const uint64_t> anchors, std::span<const std::byte> values, Dtype dtype);
  void append(const CodeTable& other);
  void append_row(const CodeTable& other, size_t row);

  // Bytes of a row as `write` writes it.
  static uint64_t row_bytes(const SpatialIndex& index);
  // All rows to a file, and some of those that stand next in one. False: errno says why.
  bool write(std::FILE* file) const;
  bool read(std::FILE* file, uint64_t rows);

  // Rows in the order of (cell, anchor), as a segment under the index at `spatial`.
  Result<BuiltSegment> build(const Nonce& nonce, FieldId field, const Address& spatial) const;

 private:
  struct Factors {
    std::vector<float> add, scale, error;
    void push(const CodeFactors& f);
    CodeFactors at(size_t row) const { return {add[row], scale[row], error[row]}; }
    void append(const Factors& other);
  };
  bool has_levels() const { return index_->parts().bits > 1; }
  void add_placed(std::span<const uint64_t> anchors, std::span<const float> placed);

  const SpatialIndex* index_;
  std::vector<uint32_t> cells_;
  std::vector<uint64_t> anchors_;
  std::vector<uint64_t> bits_;  // [rows, D / 64]
  Factors factors_;
  std::vector<uint8_t> levels_;  // [rows, D] when the index has more than one bit
  Factors extra_;
};

}  // namespace dreamdb
