// Segments with codes of vectors (spec 12.7): built, decoded block by block, checked whole.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/assert.h"
#include "base/checked.h"
#include "codec/bits.h"
#include "format/limits.h"
#include "format/segment_code_blocks.h"

namespace dreamdb {
namespace {

Status check_lengths(const CodeRows& rows, uint64_t dim, uint32_t bits) {
  const size_t n = rows.anchors.size();
  const bool factors = rows.add.size() == n && rows.scale.size() == n && rows.error.size() == n;
  const size_t extra = bits > 1 ? n : 0;
  const bool extras = rows.levels.size() == extra * dim && rows.extra_add.size() == extra &&
                      rows.extra_scale.size() == extra && rows.extra_error.size() == extra;
  if (n > 0 && n <= kSegmentRowsMax && factors && extras && rows.cells.size() == n &&
      rows.bits.size() == n * (dim / kWordBits))
    return {};
  return bad_input("codes of " + std::to_string(n) +
                   " rows (1 to 2^24) with columns of other lengths");
}

Status check_rows(const CodeRows& rows) {
  for (size_t i = 1; i < rows.cells.size(); ++i)
    if (std::pair(rows.cells[i - 1], rows.anchors[i - 1]) >=
        std::pair(rows.cells[i], rows.anchors[i]))
      return bad_input("row " + std::to_string(i) + " of codes is not behind the one before it");
  if (std::ranges::max(rows.anchors) > kLastAnchor) return bad_input("anchor 2^64-1");
  if (!are_factors(rows.scale, rows.error, rows.add) ||
      !are_factors(rows.extra_scale, rows.extra_error, rows.extra_add))
    return bad_input("a factor of a code that is negative or not finite");
  return {};
}

void fill_directory(std::span<const uint32_t> cells, CodeParts& parts) {
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i == 0 || cells[i] != cells[i - 1]) {
      parts.cells.push_back(cells[i]);
      parts.ends.push_back(0);
    }
    parts.ends.back() = static_cast<uint32_t>(i + 1);
  }
}

RunDraft codes_run(const CodeRows& rows, uint64_t dim) {
  const size_t words = dim / kWordBits;
  return block_run(rows.anchors.size(), code_row_bytes(dim),
                   [&](BlockDraft& block, size_t first, size_t count) {
                     block.add(rows.bits.subspan(first * words, count * words));
                     block.add(rows.anchors.subspan(first, count));
                     for (const auto factor : {rows.add, rows.scale, rows.error})
                       block.add(factor.subspan(first, count));
                   });
}

// The lower bits of each level, the highest being among the signs already.
std::vector<std::byte> pack_levels(std::span<const uint8_t> levels, uint32_t bits) {
  const unsigned width = bits - 1;
  std::vector<uint64_t> low;
  low.reserve(levels.size());
  for (const uint8_t level : levels) low.push_back(level & ((1u << width) - 1));
  std::vector<std::byte> out(packed_size(low.size(), width));
  pack_bits(low, width, out.data());
  return out;
}

RunDraft extra_run(const CodeRows& rows, uint64_t dim, uint32_t bits) {
  return block_run(rows.anchors.size(), extra_row_bytes(dim, bits),
                   [&](BlockDraft& block, size_t first, size_t count) {
                     const auto packed =
                         pack_levels(rows.levels.subspan(first * dim, count * dim), bits);
                     block.add(std::span<const std::byte>(packed));
                     for (const auto factor : {rows.extra_add, rows.extra_scale, rows.extra_error})
                       block.add(factor.subspan(first, count));
                   });
}

}  // namespace

Result<BuiltSegment> build_code_segment(const Nonce& nonce, FieldId field, const Address& spatial,
                                        uint32_t dim, uint32_t bits, const CodeRows& rows) {
  if (const Status shape = check_code_shape(dim, bits); !shape)
    return bad_input(shape.error().message);
  const uint64_t padded = code_dim(dim);
  DREAMDB_TRY(check_lengths(rows, padded, bits));
  DREAMDB_TRY(check_rows(rows));
  CodeParts parts;
  parts.spatial = spatial;
  parts.dim = dim;
  parts.bits = bits;
  fill_directory(rows.cells, parts);
  ColumnStats cells;
  cells.present = rows.cells.size();
  cells.min = int64_t{rows.cells.front()};
  cells.max = int64_t{rows.cells.back()};
  auto draft = SegmentDraft::start_codes(nonce, field, std::move(parts), rows.anchors,
                                         {{field, std::move(cells)}});
  CodeParts& made = *draft.segment().codes;
  made.codes = draft.add(codes_run(rows, padded));
  if (bits > 1) made.extra = draft.add(extra_run(rows, padded, bits));
  return std::move(draft).assemble();
}

Result<Buffer> decode_codes(const Segment& segment, size_t block, const Buffer& stored) {
  DREAMDB_ASSIGN(Buffer raw, sized_block(segment, segment.codes->codes, "codes", block, stored));
  const CodeBlock view = view_codes(segment, block, raw);
  if (are_factors(view.scale, view.error, view.add)) return raw;
  return block_bad(segment, "codes", block, "a factor that is negative or not finite (S12.7)");
}

Result<Buffer> decode_extra(const Segment& segment, size_t block, const Buffer& stored) {
  DREAMDB_ASSIGN(Buffer raw, sized_block(segment, *segment.codes->extra, "extra", block, stored));
  const ExtraBlock view = view_extra(segment, block, raw);
  if (are_factors(view.scale, view.error, view.add)) return raw;
  return block_bad(segment, "extra", block, "a factor that is negative or not finite (S12.7)");
}

ExtraBlock view_extra(const Segment& segment, size_t block, const Buffer& raw) {
  const CodeParts& codes = *segment.codes;
  const size_t rows = codes.extra->block_items(block);
  size_t at = 0;
  ExtraBlock view;
  view.levels = part_of<std::byte>(raw, at, rows * code_dim(codes.dim) / 8 * (codes.bits - 1));
  view.add = part_of<float>(raw, at, rows);
  view.scale = part_of<float>(raw, at, rows);
  view.error = part_of<float>(raw, at, rows);
  DREAMDB_ASSERT(at == raw.size());
  return view;
}

CodeBlock view_codes(const Segment& segment, size_t block, const Buffer& raw) {
  const CodeParts& codes = *segment.codes;
  const size_t rows = codes.codes.block_items(block);
  size_t at = 0;
  CodeBlock view;
  view.bits = part_of<uint64_t>(raw, at, rows * (code_dim(codes.dim) / kWordBits));
  view.anchors = part_of<uint64_t>(raw, at, rows);
  view.add = part_of<float>(raw, at, rows);
  view.scale = part_of<float>(raw, at, rows);
  view.error = part_of<float>(raw, at, rows);
  DREAMDB_ASSERT(at == raw.size());
  return view;
}

Status check_whole_codes(std::span<const std::byte> object, const Segment& segment) {
  const CodeParts& codes = *segment.codes;
  std::vector<uint64_t> anchors;
  for (size_t i = 0; i < codes.codes.blocks(); ++i) {
    DREAMDB_ASSIGN(const Buffer raw,
                   decode_codes(segment, i, borrow_block(object, codes.codes, i)));
    const auto more = view_codes(segment, i, raw).anchors;
    anchors.insert(anchors.end(), more.begin(), more.end());
  }
  for (size_t i = 0; codes.extra && i < codes.extra->blocks(); ++i)
    DREAMDB_TRY(decode_extra(segment, i, borrow_block(object, *codes.extra, i)));
  for (size_t c = 0, begin = 0; c < codes.ends.size(); begin = codes.ends[c++]) {
    const auto cell = std::span(anchors).subspan(begin, codes.ends[c] - begin);
    if (std::ranges::adjacent_find(cell, std::greater_equal<>()) != cell.end())
      return segment_corrupt(segment.address, "anchors of cell " + std::to_string(codes.cells[c]) +
                                                  " do not ascend (S12.6)");
  }
  std::ranges::sort(anchors);
  if (anchors.back() > kLastAnchor || std::ranges::adjacent_find(anchors) != anchors.end())
    return segment_corrupt(segment.address, "an anchor stands twice, or is 2^64-1 (S12.6)");
  return {};
}

}  // namespace dreamdb
