// Segments of codes: written, read block by block and whole, and refused when a part is off.
#include <gtest/gtest.h>

#include <cmath>

#include "format/segment_testing.h"
#include "format/segment_writer.h"

namespace dreamdb {
namespace {

using segment_testing::noise;
using segment_testing::test_nonce;

// Rows in a few cells, with codes that look random.
struct Codes {
  Codes(size_t rows, uint32_t dimensions, uint32_t width) : dim(dimensions), bits(width) {
    const size_t padded = code_dim(dim);
    for (size_t i = 0; i < rows; ++i) {
      cells.push_back(static_cast<uint32_t>(i / 37 * 3 + 1));
      anchors.push_back(1000 + i % 37 * 1000 + i / 37);
      for (auto* factor : {&add, &scale, &error, &more_add, &more_scale, &more_error})
        factor->push_back(static_cast<float>(i) / 7 + static_cast<float>(factor - &add));
    }
    for (const std::byte byte : noise(rows * padded / 8 + 8, rows))
      raw.push_back(std::to_integer<uint8_t>(byte));
    signs.resize(rows * padded / 64);
    std::memcpy(signs.data(), raw.data(), signs.size() * 8);
    for (size_t j = 0; j < rows * padded; ++j)
      levels.push_back(static_cast<uint8_t>(raw[j % raw.size()] & ((1u << bits) - 1)));
  }

  CodeRows rows() const {
    CodeRows out{cells, anchors, signs, add, scale, error, {}, {}, {}, {}};
    if (bits == 1) return out;
    out.levels = levels;
    out.extra_add = more_add, out.extra_scale = more_scale, out.extra_error = more_error;
    return out;
  }
  Result<BuiltSegment> build() const {
    return build_code_segment(test_nonce(), FieldId{4}, spatial, dim, bits, rows());
  }

  Address spatial = Address::of(noise(8));
  uint32_t dim, bits;
  std::vector<uint32_t> cells;
  std::vector<uint64_t> anchors, signs;
  std::vector<float> add, scale, error, more_add, more_scale, more_error;
  std::vector<uint8_t> raw, levels;
};

void check_round_trip(size_t rows, uint32_t dim, uint32_t bits) {
  SCOPED_TRACE(std::to_string(rows) + " rows of " + std::to_string(dim) + " dimensions, " +
               std::to_string(bits) + " bits");
  const Codes codes(rows, dim, bits);
  const auto built = codes.build();
  ASSERT_TRUE(built) << built.error().message;
  const Entry& entry = built->entry;
  EXPECT_EQ(entry.first, std::ranges::min(codes.anchors));
  EXPECT_EQ(entry.last, std::ranges::max(codes.anchors));
  EXPECT_EQ(entry.rows, rows);
  EXPECT_EQ(entry.records, rows);
  EXPECT_EQ(entry.step, rows == 1 ? 1u : 0u);
  EXPECT_EQ(std::get<int64_t>(entry.stats.at(FieldId{4}).max), codes.cells.back());

  const auto segment = parse_whole_segment(built->object.span(), entry.child);
  ASSERT_TRUE(segment) << segment.error().message;
  const CodeParts& parts = *segment->codes;
  EXPECT_EQ(parts.spatial, codes.spatial);
  EXPECT_EQ(parts.dim, dim);
  EXPECT_EQ(parts.extra.has_value(), bits > 1);
  EXPECT_EQ(parts.ends.back(), rows);
  size_t row = 0;
  for (size_t block = 0; block < parts.codes.blocks(); ++block) {
    // From a place that is not aligned, as a range that was read may be.
    const Buffer stored = borrow_block(built->object.span(), parts.codes, block);
    std::vector<std::byte> shifted(1);
    shifted.insert(shifted.end(), stored.span().begin(), stored.span().end());
    const auto raw =
        decode_codes(*segment, block, Buffer::adopt(std::move(shifted)).slice(1, stored.size()));
    ASSERT_TRUE(raw) << raw.error().message;
    const CodeBlock view = view_codes(*segment, block, *raw);
    const size_t words = code_dim(dim) / 64;
    for (size_t i = 0; i < view.anchors.size(); ++i, ++row) {
      ASSERT_EQ(view.anchors[i], codes.anchors[row]);
      ASSERT_EQ(view.add[i], codes.add[row]);
      ASSERT_EQ(view.scale[i], codes.scale[row]);
      ASSERT_EQ(view.error[i], codes.error[row]);
      ASSERT_TRUE(std::ranges::equal(view.bits.subspan(i * words, words),
                                     std::span(codes.signs).subspan(row * words, words)));
    }
  }
  EXPECT_EQ(row, rows);
}

TEST(SegmentCodes, ComeBackAsTheyWere) {
  for (const uint32_t dim : {1u, 64u, 512u, 768u, 4096u})
    for (const uint32_t bits : {1u, 2u, 5u, 8u}) check_round_trip(500, dim, bits);
  check_round_trip(1, 512, 1);
  check_round_trip(192, 512, 1);
  check_round_trip(193, 512, 4);
  check_round_trip(9, 65'536, 1);
}

TEST(SegmentCodes, OfFiveHundredTwelveDimensionsTake84BytesARow) {
  const auto built = Codes(19'200, 512, 1).build();
  ASSERT_TRUE(built);
  EXPECT_LT(built->entry.size, 19'200 * 84 + 19'200 / 192 * 36 + 19'200 / 37 * 8 + 1000);
}

void expect_refused(const Codes& codes, std::string_view part) {
  const auto built = codes.build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, Code::kInvalidArgument);
  EXPECT_NE(built.error().message.find(part), std::string::npos) << built.error().message;
}

TEST(SegmentCodes, ThatAreOffAreNotBuilt) {
  const Codes good(50, 64, 1);
  Codes bad = good;
  std::swap(bad.anchors[3], bad.anchors[4]);
  expect_refused(bad, "row 4");
  bad = good, bad.cells[0] = 9;
  expect_refused(bad, "row 1");
  bad = good, bad.error[7] = -1;
  expect_refused(bad, "factor");
  bad = good, bad.add[7] = NAN;
  expect_refused(bad, "factor");
  bad = good, bad.anchors[49] = UINT64_MAX;
  expect_refused(bad, "2^64-1");
  bad = good, bad.signs.pop_back();
  expect_refused(bad, "lengths");
  bad = good, bad.bits = 9;
  expect_refused(bad, "9 bits");
  bad = good, bad.dim = 0;
  expect_refused(bad, "0 dimensions");
}

// Changes the footer of a good segment and gives it the address that goes with it.
void expect_footer_refused(const std::function<void(Segment&)>& change, std::string_view part) {
  const auto built = Codes(50, 64, 2).build();
  ASSERT_TRUE(built);
  auto segment = parse_whole_segment(built->object.span(), built->entry.child);
  ASSERT_TRUE(segment);
  change(*segment);
  const auto footer = write_segment_footer(*segment);
  const auto parsed = parse_segment_footer(footer, Address::of(footer));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kCorruption);
  EXPECT_NE(parsed.error().message.find(part), std::string::npos) << parsed.error().message;
}

TEST(SegmentCodes, FootersThatDisagreeAreRefused) {
  expect_footer_refused([](Segment& s) { s.codes->cells[1] = s.codes->cells[0]; }, "S12.5");
  expect_footer_refused([](Segment& s) { s.codes->ends.back() += 1; }, "S12.5");
  expect_footer_refused([](Segment& s) { s.codes->ends.pop_back(); }, "S12.5");
  expect_footer_refused([](Segment& s) { s.codes->extra.reset(); }, "extra");
  expect_footer_refused([](Segment& s) { s.codes->bits = 3; }, "extra");
  expect_footer_refused([](Segment& s) { s.codes->bits = 0; }, "0 bits");
  expect_footer_refused([](Segment& s) { s.codes->dim = 100; }, "codes");
  expect_footer_refused([](Segment& s) { s.field = kRecordTrack; }, "field 0");
}

// Writes the same bytes elsewhere in the blocks, hashed anew: only the check of the whole sees it.
TEST(SegmentCodes, RowsThatDisagreeAreFoundInTheWhole) {
  Codes codes(50, 64, 1);
  const auto expect_bad = [&](const CodeRows& rows, std::string_view part) {
    CodeParts parts;
    parts.spatial = codes.spatial;
    parts.dim = codes.dim;
    parts.cells = {1, 4};
    parts.ends = {37, 50};
    auto draft = SegmentDraft::start_codes(test_nonce(), FieldId{4}, parts, rows.anchors, {});
    std::vector<std::byte> block;
    const auto put = [&](auto values) {
      const auto bytes = std::as_bytes(values);
      block.insert(block.end(), bytes.begin(), bytes.end());
    };
    put(rows.bits), put(rows.anchors), put(rows.add), put(rows.scale), put(rows.error);
    draft.segment().codes->codes =
        draft.add(raw_run(block, 50, code_rows_per_block(code_row_bytes(64)), code_row_bytes(64)));
    const auto built = std::move(draft).assemble();
    ASSERT_TRUE(built);
    const auto parsed = parse_whole_segment(built->object.span(), built->entry.child);
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message.find(part), std::string::npos) << parsed.error().message;
  };
  const Codes good = codes;
  std::swap(codes.anchors[3], codes.anchors[4]);
  expect_bad(codes.rows(), "S12.6");
  codes = good, codes.anchors[37] = codes.anchors[0];
  expect_bad(codes.rows(), "S12.6");
  codes = good, codes.scale[5] = -0.5f;
  expect_bad(codes.rows(), "S12.7");
}

}  // namespace
}  // namespace dreamdb
