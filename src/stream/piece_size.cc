#include "stream/piece_size.h"

#include <algorithm>

#include "object/objects.h"

namespace dreamdb {

namespace {

constexpr size_t kPieceRowsMax = 262'144;

}  // namespace

RowBytes estimate_row_bytes(const Manifest& manifest, const RowStreamOptions& options) {
  RowBytes bytes;
  const auto track_bytes = [&](FieldId field) -> uint64_t {
    const Root* root = manifest.find_track(field);
    const uint64_t bytes_a_row =
        root == nullptr ? 0 : root->bytes / std::max<uint64_t>(1, root->rows);
    return std::min<uint64_t>(bytes_a_row, 1ull << 30);
  };
  bool scalars = options.filter.has_value();
  for (const Field* field : options.fields) {
    if (is_scalar(field->type)) {
      scalars = true;
      bytes.in_place += 8;
    } else {
      // Rows that lack a matrix are zeros in memory all the same.
      if (is_matrix(field->type)) bytes.in_place += field->row_bytes();
      if (is_blob(field->type)) bytes.apart += track_bytes(field->id);
    }
  }
  if (scalars) bytes.in_place += track_bytes(kRecordTrack);
  return bytes;
}

size_t rows_in_piece(const RowBytes& row, uint64_t piece_bytes, size_t batch_rows) {
  const uint64_t rows = std::max<uint64_t>(1, piece_bytes / (row.in_place + row.apart));
  if (rows < batch_rows) return row.apart > row.in_place ? static_cast<size_t>(rows) : batch_rows;
  const size_t most = std::max(batch_rows, kPieceRowsMax);
  return static_cast<size_t>(std::min<uint64_t>(rows, most)) / batch_rows * batch_rows;
}

bool plans_hold_data(const Manifest& manifest, const RowStreamOptions& options) {
  const auto is_small = [&](const Field* field) {
    const Root* root = manifest.find_track(is_scalar(field->type) ? kRecordTrack : field->id);
    return root != nullptr && root->segments > 0 &&
           root->bytes / root->segments <= kWholeSegmentBytes;
  };
  return std::any_of(options.fields.begin(), options.fields.end(), is_small) ||
         std::any_of(options.filter_fields.begin(), options.filter_fields.end(), is_small);
}

}  // namespace dreamdb
