// Spatial indexes: written, read block by block and whole, and refused when a part is off.
#include <gtest/gtest.h>

#include <limits>

#include "format/segment_testing.h"
#include "format/segment_writer.h"

namespace dreamdb {
namespace {

using segment_testing::noise;
using segment_testing::test_nonce;

struct Index {
  Index(size_t cell_count, uint32_t dim, uint32_t bits) : cells(cell_count) {
    const size_t padded = code_dim(dim);
    parts.algorithm = "dreamdb.ivf-l2";
    parts.dim = dim;
    parts.bits = bits;
    parts.level_scale = bits == 1 ? 0 : 3.5;
    parts.signs.assign(4 * padded / 64, 0xfeedfacecafebeef);
    parts.origin.assign(padded, 0.25f);
    parts.trained = 64 * cells;
    parts.spread = 1.5;
    parts.recall = {{1, 700}, {static_cast<uint32_t>(cells), 1000}};
    if (cells == 1) parts.recall.pop_back();
    for (size_t i = 0; i < cells * dim; ++i) centroids.push_back(static_cast<float>(i) / 8);
    for (size_t i = 0; i < cells * padded / 64; ++i) bits_of_routes.push_back(i * 0x9e3779b9);
    for (size_t i = 0; i < cells; ++i) {
      add.push_back(-static_cast<float>(i));
      scale.push_back(static_cast<float>(i) / 3);
      error.push_back(static_cast<float>(i) / 7);
    }
  }
  Result<BuiltSegment> build() const {
    return build_spatial_segment(test_nonce(), FieldId{4}, parts,
                                 {centroids, bits_of_routes, add, scale, error});
  }

  size_t cells;
  SpatialParts parts;
  std::vector<float> centroids, add, scale, error;
  std::vector<uint64_t> bits_of_routes;
};

void check_round_trip(size_t cells, uint32_t dim, uint32_t bits) {
  SCOPED_TRACE(std::to_string(cells) + " cells of " + std::to_string(dim));
  const Index index(cells, dim, bits);
  const auto built = index.build();
  ASSERT_TRUE(built) << built.error().message;
  const auto segment = parse_whole_segment(built->object.span(), built->entry.child);
  ASSERT_TRUE(segment) << segment.error().message;
  EXPECT_EQ(segment->type, SegmentType::kSpatial);
  const SpatialParts& parts = *segment->spatial;
  EXPECT_EQ(parts.algorithm, index.parts.algorithm);
  EXPECT_EQ(parts.dim, dim);
  EXPECT_EQ(parts.bits, bits);
  EXPECT_EQ(parts.level_scale, index.parts.level_scale);
  EXPECT_EQ(parts.signs, index.parts.signs);
  EXPECT_EQ(parts.origin, index.parts.origin);
  EXPECT_EQ(parts.trained, index.parts.trained);
  EXPECT_EQ(parts.spread, index.parts.spread);
  EXPECT_EQ(parts.recall, index.parts.recall);
  std::vector<float> centroids, add;
  std::vector<uint64_t> words;
  for (size_t i = 0; i < parts.centroids.blocks(); ++i) {
    const auto raw =
        decode_centroids(*segment, i, borrow_block(built->object.span(), parts.centroids, i));
    ASSERT_TRUE(raw);
    const auto* values = reinterpret_cast<const float*>(raw->data());
    centroids.insert(centroids.end(), values, values + raw->size() / 4);
  }
  for (size_t i = 0; i < parts.routes.blocks(); ++i) {
    // From a place that is not aligned, as a range that was read may be.
    const Buffer stored = borrow_block(built->object.span(), parts.routes, i);
    std::vector<std::byte> shifted(1);
    shifted.insert(shifted.end(), stored.span().begin(), stored.span().end());
    const auto raw =
        decode_routes(*segment, i, Buffer::adopt(std::move(shifted)).slice(1, stored.size()));
    ASSERT_TRUE(raw);
    const RouteBlock view = view_routes(*segment, i, *raw);
    words.insert(words.end(), view.bits.begin(), view.bits.end());
    add.insert(add.end(), view.add.begin(), view.add.end());
  }
  EXPECT_EQ(centroids, index.centroids);
  EXPECT_EQ(add, index.add);
  EXPECT_EQ(words, index.bits_of_routes);
}

TEST(SpatialSegment, ComesBackAsItWasWritten) {
  check_round_trip(1, 3, 1);
  check_round_trip(5, 100, 4);
  check_round_trip(300, 512, 1);
}

void expect_refused(const Index& index) {
  const auto built = index.build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, Code::kInvalidArgument);
}

TEST(SpatialSegment, BuildRefusesWhatNoReaderTakes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto with = [](auto change) {
    Index index(5, 100, 2);
    change(index);
    expect_refused(index);
  };
  with([](Index& i) { i.parts.algorithm = "dreamdb.tree"; });
  with([](Index& i) { i.parts.bits = 9; });
  with([](Index& i) { i.parts.dim = 0; });
  with([](Index& i) { i.parts.signs.pop_back(); });
  with([](Index& i) { i.parts.origin.push_back(0); });
  with([](Index& i) { i.parts.level_scale = 0; });
  with([](Index& i) { i.parts.bits = 1; });
  with([](Index& i) { i.parts.spread = -1; });
  with([](Index& i) { i.parts.recall = {{6, 1000}}; });
  with([](Index& i) { i.parts.recall = {{2, 900}, {3, 800}}; });
  with([](Index& i) { i.parts.recall = {{2, 900}, {2, 900}}; });
  with([](Index& i) { i.parts.recall = {{2, 1001}}; });
  with([](Index& i) { i.centroids.pop_back(); });
  with([](Index& i) { i.error.pop_back(); });
  with([&](Index& i) { i.centroids[7] = nan; });
  with([&](Index& i) { i.parts.origin[0] = nan; });
  with([](Index& i) { i.scale[1] = -1; });
}

// Each is written as nobody would, and must be told by those who read.
TEST(SpatialSegment, ReadersTellAFactorThatIsOff) {
  Index index(5, 100, 1);
  auto draft = SegmentDraft::start_spatial(test_nonce(), FieldId{4}, index.parts);
  SpatialParts& made = *draft.segment().spatial;
  index.centroids[3] = std::numeric_limits<float>::infinity();
  made.centroids = draft.add(
      raw_run(std::as_bytes(std::span(index.centroids)), 5, matrix_rows_per_block(400), 400));
  const std::vector<std::byte> routes(5 * route_row_bytes(100), std::byte{0xff});
  made.routes = draft.add(
      raw_run(routes, 5, code_rows_per_block(route_row_bytes(100)), route_row_bytes(100)));
  const auto built = std::move(draft).assemble();
  ASSERT_TRUE(built) << built.error().message;
  const auto whole = parse_whole_segment(built->object.span(), built->entry.child);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Code::kCorruption);
  EXPECT_NE(whole.error().message.find("centroids"), std::string::npos);
}

}  // namespace
}  // namespace dreamdb
