// When a filter makes a search look into more cells, on an index made by hand: cells along a line,
// a query at its beginning.
#include "index/index_search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "index/encode.h"
#include "track/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kDim = 8, kPadded = 64;
constexpr size_t kCells = 64;
constexpr float kSpacing = 10;
constexpr FieldId kVector{1};

struct Row {
  size_t cell;
  float aside;  // from the centroid, across the line
  bool passes;  // the filter
};

struct Found {
  std::vector<uint64_t> anchors;
  uint64_t probes;
};

// Rows with the anchors 0, 1, ... in the order they are given, their codes and a filter.
class Line {
 public:
  explicit Line(const std::vector<Row>& rows) {
    Field field = field_of(FieldType::kEmbedding, kVector);
    field.shape = {kDim};
    EXPECT_TRUE(version_.manifest->schema.add(field));
    std::vector<uint64_t> anchors, passing;
    for (const Row& row : rows) {
      const uint64_t anchor = anchors.size();
      std::vector<float> value(kDim, 0);
      value[0] = kSpacing * static_cast<float>(row.cell);
      value[1] = row.aside;
      value[2] = 1e-4f * static_cast<float>(anchor);  // no two are equally far
      values_.insert(values_.end(), value.begin(), value.end());
      anchors.push_back(anchor);
      if (row.passes) passing.push_back(anchor);
    }
    EXPECT_TRUE(version_.add(
        kVector,
        build_matrix_segment(version_.nonce, kVector, anchors, Dtype::kF32, field.shape, bytes()),
        false));
    CodeTable codes(*index_);
    codes.add(anchors, bytes(), Dtype::kF32);
    TestVersion code_track = version_;
    code_track.manifest = std::make_shared<Manifest>();
    EXPECT_TRUE(code_track.add(kVector, codes.build(Nonce{}, kVector, Address{}), false));
    FieldIndex place;
    place.field = kVector;
    place.codes = *code_track.manifest->find_track(kVector);
    version_.manifest->indexes = {place};
    filter_.set = std::make_shared<const AnchorSet>(std::move(passing));
  }

  Found find(size_t top_k, size_t probes, size_t plain_probes) const {
    const Field& field = version_.manifest->schema.fields()[0];
    IndexSearch search(*version_.objects, version_.manifest, field, index_);
    auto best = search.run(query(), {top_k, probes, plain_probes, bound_deviations(1), filter_});
    EXPECT_TRUE(best) << best.error().message;
    return {anchors_of(best->at(0)), search.work().probes};
  }

  // The nearest of all that pass.
  std::vector<uint64_t> nearest(size_t top_k) const {
    TopK best(top_k);
    std::vector<uint64_t> anchors;
    std::vector<uint8_t> keep;
    for (uint64_t anchor = 0; anchor < values_.size() / kDim; ++anchor) {
      anchors.push_back(anchor);
      keep.push_back(filter_.has(anchor));
    }
    scan_exact(query(), bytes().data(), Dtype::kF32, anchors.data(), anchors.size(), keep.data(),
               {&best, 1});
    return anchors_of(best);
  }

 private:
  static std::vector<uint64_t> anchors_of(TopK& best) {
    std::vector<uint64_t> out;
    for (const Hit& hit : best.take_sorted()) out.push_back(hit.anchor);
    return out;
  }
  static QuerySet query() {
    return *make_queries(std::vector<float>(kDim, 0), 1, kDim, Metric::kL2);
  }
  static SpatialIndexPtr make_index() {
    SpatialParts parts;
    parts.algorithm = "dreamdb.ivf-l2";
    parts.dim = kDim;
    parts.bits = 1;
    parts.signs = make_signs(kPadded, 5);
    parts.origin.assign(kPadded, 0);
    std::vector<float> centroids(kCells * kDim), padded(kCells * kPadded);
    for (size_t cell = 0; cell < kCells; ++cell)
      centroids[cell * kDim] = padded[cell * kPadded] = kSpacing * static_cast<float>(cell);
    return std::make_shared<const SpatialIndex>(
        Address{}, parts, centroids, make_routes({Metric::kL2, parts.origin, parts.signs}, padded));
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(values_)); }

  const SpatialIndexPtr index_ = make_index();
  TestVersion version_;
  std::vector<float> values_;
  AnchorFilter filter_;
};

void add_rows(std::vector<Row>& rows, size_t count, const Row& row) {
  rows.insert(rows.end(), count, row);
}

TEST(ProbesUnderFilter, TheFewerPassTheMoreThanInProportion) {
  constexpr size_t kMany = 1'000'000;
  EXPECT_EQ(probes_under_filter(8, 1, kMany), 8u + 1);
  EXPECT_EQ(probes_under_filter(8, 0.5, kMany), 8u * 2 + 1);
  EXPECT_EQ(probes_under_filter(8, 0.25, kMany), 8u * 4 * 2 + 1);
  EXPECT_EQ(probes_under_filter(8, 0.125, kMany), 8u * 8 * 3 + 1);
  EXPECT_EQ(probes_under_filter(8, 1.0 / 16, kMany), 8u * 16 * 4 + 1);
  EXPECT_EQ(probes_under_filter(8, 1.0 / 256, kMany), 8u * 256 * 4 + 1);  // no further than that
}

TEST(ProbesUnderFilter, NeverMoreThanThereAre) {
  EXPECT_EQ(probes_under_filter(8, 0.5, 17), 17u);
  EXPECT_EQ(probes_under_filter(8, 0.5, 16), 16u);
  EXPECT_EQ(probes_under_filter(8, 1e-300, 100), 100u);
  EXPECT_EQ(probes_under_filter(8, 0, 100), 100u);
  EXPECT_EQ(probes_under_filter(1, 0, 1), 1u);
}

// The filter leaves nothing in the first half of the cells; beyond those that are read, rows are
// nearer than in the last of them.
TEST(IndexSearch, HitsAtTheEdgeHaveItLookFurther) {
  std::vector<Row> rows;
  for (size_t cell = 0; cell < kCells; ++cell)
    add_rows(rows, 2, {cell, cell < 8 ? 50.0f : 0.0f, cell >= 4});
  const Line line(rows);
  const Found found = line.find(8, 8, 4);
  EXPECT_EQ(found.probes, 32u);
  EXPECT_EQ(found.anchors, line.nearest(8));
  // Who names the cells to read gets those.
  const Found asked = line.find(8, 8, 0);
  EXPECT_EQ(asked.probes, 8u);
  EXPECT_NE(asked.anchors, found.anchors);
  // Of a few cells the half says nothing.
  EXPECT_EQ(line.find(6, 7, 3).probes, 7u);
}

TEST(IndexSearch, OneHitInTenAtTheEdgeIsNoSign) {
  for (const size_t inner : {9, 8}) {
    std::vector<Row> rows;
    for (size_t cell = 0; cell < kCells; ++cell)
      for (size_t i = 0; i < 5; ++i) add_rows(rows, 1, {cell, 0, cell >= 4 || rows.size() < inner});
    const Line line(rows);
    const Found found = line.find(10, 8, 4);
    EXPECT_EQ(found.probes, inner == 9 ? 8u : 32u);
    EXPECT_EQ(found.anchors, line.nearest(10));
  }
}

// As many cells hold enough that match, but next to the query hardly any row does: what the cells
// further out let through must not hide that.
TEST(IndexSearch, FewMatchesNearTheQueryHaveItLookFurther) {
  constexpr size_t kCellRows = 300, kNear = 6, kFirstProbes = 16;
  for (const bool is_rare : {true, false}) {
    std::vector<Row> rows;
    for (size_t cell = 0; cell < kCells; ++cell) {
      const size_t passing = is_rare && cell < kNear ? kCellRows / 30 : kCellRows;
      const float aside = cell < kFirstProbes ? 500.0f : 0.0f;
      add_rows(rows, passing, {cell, aside, true});
      add_rows(rows, kCellRows - passing, {cell, aside, false});
    }
    const Line line(rows);
    const Found found = line.find(10, kFirstProbes, kNear);
    EXPECT_EQ(found.probes, is_rare ? kCells : kFirstProbes);
    EXPECT_EQ(found.anchors == line.nearest(10), is_rare);
  }
}

}  // namespace
}  // namespace dreamdb
