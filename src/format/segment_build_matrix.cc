// Builds segments of embeddings and arrays (spec 7.5).
#include "base/checked.h"
#include "format/segment_writer.h"

namespace dreamdb {

Result<BuiltSegment> build_matrix_segment(const Nonce& nonce, FieldId field,
                                          std::span<const uint64_t> anchors, Dtype dtype,
                                          const std::vector<uint64_t>& shape,
                                          std::span<const std::byte> matrix) {
  const auto row_bytes = matrix_row_bytes(dtype, shape);
  if (!row_bytes) return bad_input("a row exceeds 1 GiB or 32 dimensions");
  DREAMDB_ASSIGN(SegmentDraft draft,
                 SegmentDraft::start(nonce, SegmentType::kMatrix, field, anchors));
  const auto expected = checked_mul<uint64_t>(draft.rows(), *row_bytes);
  if (expected != matrix.size())
    return bad_input("a matrix of " + std::to_string(matrix.size()) + " bytes, expected " +
                     std::to_string(draft.rows()) + " rows of " + std::to_string(*row_bytes));
  if (dtype == Dtype::kBool) {
    std::byte all{0};
    for (const std::byte element : matrix) all |= element;
    if (all > std::byte{1}) return bad_input("an element of type bool is neither 0 nor 1");
  }
  Segment& segment = draft.segment();
  segment.dtype = dtype;
  segment.shape = shape;
  segment.row_bytes = *row_bytes;
  segment.data = draft.add(raw_run(matrix, *row_bytes == 0 ? 0 : draft.rows(),
                                   matrix_rows_per_block(*row_bytes), *row_bytes));
  return std::move(draft).assemble();
}

}  // namespace dreamdb
