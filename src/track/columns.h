// Cutting, joining and picking rows of columns.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dreamdb/batch.h"
#include "dreamdb/schema.h"

namespace dreamdb {

// A validity bitmap under construction.
class Bitmap {
 public:
  explicit Bitmap(size_t rows, bool value = false);
  void set(size_t row) { bits_[row / 8] |= static_cast<uint8_t>(1u << (row % 8)); }
  bool get(size_t row) const { return ((bits_[row / 8] >> (row % 8)) & 1u) != 0; }
  void set_range(size_t begin, size_t end);
  size_t count() const;
  // The bitmap as a Buffer; empty when all rows are set.
  Buffer finish() &&;

 private:
  size_t rows_;
  std::vector<uint8_t> bits_;
};

// A column of the field's type without values.
Column empty_column(const Field& field, size_t rows);

// Bytes of one value of a fixed-width column (matrix rows, i64, f64, u8); 0 for the others.
uint64_t value_bytes(const Column& column);

size_t valid_count(const Column& column, size_t rows);

// Rows [begin, begin + count); shares memory where it can.
Column slice_column(const Column& column, size_t begin, size_t count);
Batch slice_batch(const Batch& batch, size_t begin, size_t count);

// Batches with the same columns, one after the other.
Batch concat_batches(std::span<const Batch> batches);

// The rows at `indexes`, in that order.
Column pick_rows(const Column& column, std::span<const uint32_t> indexes);
Batch pick_rows(const Batch& batch, std::span<const uint32_t> indexes);

// Exhausted when a text column of the rows at `indexes`, or of all batches together, would exceed
// the 4 GiB that offsets can say. To be asked before rows are repeated or batches joined.
Status check_texts(const Batch& batch, std::span<const uint32_t> indexes);
Status check_texts(std::span<const Batch> batches);

// Whether row `a` of one column and row `b` of another of the same field hold the same bytes;
// both must have a value.
bool equal_values(const Column& left, size_t a, const Column& right, size_t b);

}  // namespace dreamdb
