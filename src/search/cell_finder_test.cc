#include "search/cell_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <set>

namespace dreamdb {
namespace {

constexpr size_t kDim = 192;

std::vector<float> normals(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

// Centroids about a common mean, and of a spread that falls from one dimension to the next, as
// those of embeddings.
struct Index {
  CodeFrame frame;
  std::vector<float> centroids;

  Index(Metric metric, size_t count) : centroids(normals(count * kDim, count)) {
    frame.metric = metric;
    frame.signs = make_signs(kDim, 3);
    const auto mean = normals(kDim, 1);
    for (size_t i = 0; i < centroids.size(); ++i)
      centroids[i] = 0.1f * (mean[i % kDim] +
                             centroids[i] / std::sqrt(1 + 0.1f * static_cast<float>(i % kDim)));
    frame.origin.assign(kDim, 0);
    for (size_t i = 0; i < centroids.size(); ++i)
      frame.origin[i % kDim] += centroids[i] / static_cast<float>(count);
  }

  // Near a centroid, or anywhere.
  std::vector<float> query(size_t i, bool near) const {
    auto out = normals(kDim, 1000 + i);
    const float* const about = centroids.data() + i * 7 % (centroids.size() / kDim) * kDim;
    for (size_t j = 0; j < kDim; ++j)
      out[j] = near ? about[j] + 0.05f * out[j] : frame.origin[j] + 0.1f * out[j];
    std::vector<float> placed(kDim);
    place_vector(frame.metric, out, placed);
    return placed;
  }

  double base(const std::vector<float>& query, size_t cell) const {
    double dot = 0, square = 0;
    for (size_t j = 0; j < kDim; ++j) {
      const double c = centroids[cell * kDim + j];
      dot += c * query[j];
      square += (c - query[j]) * (c - query[j]);
    }
    return frame.metric == Metric::kL2 ? -square : dot;
  }

  // By what cells are ranked.
  double closeness(double base, size_t cell) const {
    if (frame.metric != Metric::kCosine) return base;
    double square = 0;
    for (size_t j = 0; j < kDim; ++j)
      square += static_cast<double>(centroids[cell * kDim + j]) * centroids[cell * kDim + j];
    return base / std::sqrt(square);
  }
};

// How many hits there are below the n closest cells.
size_t check_hits(const Index& index, const std::vector<float>& query,
                  const std::vector<CellHit>& hits, const std::vector<double>& bases) {
  std::set<uint32_t> cells;
  for (const CellHit& hit : hits) {
    EXPECT_NEAR(hit.base, bases[hit.cell], 1e-4);
    double square = 0;
    for (size_t j = 0; j < kDim; ++j) {
      const double apart = index.centroids[hit.cell * kDim + j] - query[j];
      square += apart * apart;
    }
    EXPECT_NEAR(hit.distance, std::sqrt(square), 1e-4);
    EXPECT_TRUE(cells.insert(hit.cell).second);
  }
  if (hits.empty()) return 0;
  std::vector<double> close, sorted;
  for (size_t c = 0; c < bases.size(); ++c) sorted.push_back(index.closeness(bases[c], c));
  for (const CellHit& hit : hits) close.push_back(sorted[hit.cell]);
  for (size_t i = 1; i < close.size(); ++i) EXPECT_LE(close[i], close[i - 1] + 1e-5);
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<ptrdiff_t>(hits.size() - 1),
                           std::greater());
  size_t below = 0;
  for (const double value : close) below += value < sorted[hits.size() - 1] - 1e-5;
  return below;
}

// The same of each n, for `queries` in all.
std::vector<size_t> missed(const Index& index, const std::vector<size_t>& ns, size_t queries,
                           bool near) {
  const CellFinder finder(index.frame, index.centroids);
  std::vector<size_t> out(ns.size());
  for (size_t i = 0; i < queries; ++i) {
    const auto query = index.query(i, near);
    const CodeQuery prepared(index.frame, query);
    std::vector<double> bases;
    for (size_t c = 0; c < finder.count(); ++c) bases.push_back(index.base(query, c));
    for (size_t at = 0; at < ns.size(); ++at) {
      const auto hits = finder.nearest(query, prepared, ns[at]);
      EXPECT_EQ(hits.size(), std::min(ns[at], finder.count()));
      out[at] += check_hits(index, query, hits, bases);
    }
  }
  return out;
}

class CellFinderOf : public testing::TestWithParam<Metric> {};

TEST_P(CellFinderOf, FewCentroidsAreFoundExactly) {
  const std::vector<size_t> ns = {0, 1, 64, 5000};
  for (const size_t count : {1ul, 2ul, 300ul, CellFinder::kScanAllBelow - 1})
    EXPECT_EQ(missed(Index(GetParam(), count), ns, 3, true), std::vector<size_t>(4, 0)) << count;
}

TEST_P(CellFinderOf, OfManyCentroidsOneInAHundredIsMissedAtMost) {
  constexpr size_t kQueries = 30;
  const Index index(GetParam(), 2000);
  const std::vector<size_t> ns = {1, 10, 64, 300};
  for (const bool near : {true, false}) {
    const auto found = missed(index, ns, kQueries, near);
    for (size_t i = 0; i < ns.size(); ++i)
      EXPECT_LE(found[i], ns[i] * kQueries / 100) << ns[i] << (near ? " near" : " far");
  }
  EXPECT_EQ(missed(index, {2000}, 1, true)[0], 0u);
}

TEST_P(CellFinderOf, StoredRoutesGiveTheSame) {
  const Index index(GetParam(), 2000);
  const CellFinder made(index.frame, index.centroids);
  const CellFinder stored(index.frame, index.centroids, make_routes(index.frame, index.centroids));
  const auto query = index.query(5, true);
  const CodeQuery prepared(index.frame, query);
  EXPECT_EQ(made.nearest(query, prepared, 40), stored.nearest(query, prepared, 40));
}

TEST_P(CellFinderOf, TwoStepsGiveTheSame) {
  for (const size_t count : {100, 1000}) {
    const Index index(GetParam(), count);
    const CellFinder whole(index.frame, index.centroids);
    const CellFinder without(index.frame, {}, make_routes(index.frame, index.centroids));
    const auto query = index.query(3, true);
    const CodeQuery prepared(index.frame, query);
    for (const size_t n : {size_t{0}, size_t{1}, size_t{20}, count, count + 1}) {
      const auto cells = without.candidates(query, prepared, n);
      std::vector<const float*> rows;
      for (const uint32_t cell : cells) rows.push_back(index.centroids.data() + cell * kDim);
      const auto hits = without.rank(query, cells, rows, n);
      const auto expected = whole.nearest(query, prepared, n);
      ASSERT_EQ(hits.size(), expected.size());
      for (size_t i = 0; i < hits.size(); ++i) {
        EXPECT_EQ(hits[i].cell, expected[i].cell);
        EXPECT_NEAR(hits[i].base, expected[i].base, 1e-5);
        EXPECT_NEAR(hits[i].distance, expected[i].distance, 1e-5);
      }
      EXPECT_LT(cells.size(), n == 20 && count == 1000 ? 700 : 1001);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, CellFinderOf,
                         testing::Values(Metric::kCosine, Metric::kInnerProduct, Metric::kL2),
                         [](const auto& metric) { return std::string(metric_name(metric.param)); });

TEST(CellFinder, EqualCentroidsAreInOrder) {
  for (const size_t count : {500ul, 1500ul}) {
    Index index(Metric::kCosine, 1);
    const std::vector<float> one = index.centroids;
    for (size_t i = 1; i < count; ++i)
      index.centroids.insert(index.centroids.end(), one.begin(), one.end());
    const CellFinder finder(index.frame, index.centroids);
    const auto query = index.query(0, true);
    const auto hits = finder.nearest(query, CodeQuery(index.frame, query), 5);
    ASSERT_EQ(hits.size(), 5u);
    for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(hits[i].cell, i);
  }
}

TEST(CellFinder, UnderCosineTheLengthOfACentroidDoesNotCount) {
  constexpr size_t kQueries = 30;
  for (const size_t count : {200ul, 2000ul}) {
    Index index(Metric::kCosine, count);
    for (size_t i = 0; i < count; ++i)
      for (size_t j = 0; j < kDim; ++j)
        index.centroids[i * kDim + j] *= std::array{1.0f, 0.25f, 3.0f}[i % 3];
    const std::vector<size_t> ns = {10, 64};
    const auto found = missed(index, ns, kQueries, true);
    for (size_t i = 0; i < ns.size(); ++i)
      EXPECT_LE(found[i], count < CellFinder::kScanAllBelow ? 0 : ns[i] * kQueries / 100);
  }
}

TEST(CellFinder, ACentroidWithoutLengthIsNearToNothing) {
  Index index(Metric::kCosine, 300);
  std::fill_n(index.centroids.begin() + 7 * kDim, kDim, 0.0f);
  const CellFinder finder(index.frame, index.centroids);
  for (size_t i = 2; i < 20; ++i) {
    const auto query = index.query(i, true);
    for (const CellHit& hit : finder.nearest(query, CodeQuery(index.frame, query), 30))
      EXPECT_TRUE(hit.cell != 7 && std::isfinite(hit.distance));
  }
  EXPECT_EQ(finder.closeness({7, 0.5f, 1}), 0);
}

TEST(CellFinder, NumbersTooLargeForBoundsAreScoredOneByOne) {
  Index index(Metric::kL2, 1200);
  for (float& value : index.centroids) value *= 1e19f;
  for (float& value : index.frame.origin) value *= 1e19f;
  const CellFinder finder(index.frame, index.centroids);
  std::vector<float> query(kDim, 3e38f);
  const auto hits = finder.nearest(query, CodeQuery(index.frame, query), 7);
  EXPECT_EQ(hits.size(), 7u);
}

}  // namespace
}  // namespace dreamdb
