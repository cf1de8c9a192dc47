// Exact search against sums in double, with masks, both element types and every metric.
#include "search/exact.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace dreamdb {
namespace {

constexpr size_t kDim = 37;

struct World {
  std::vector<float> queries, rows;
  std::vector<uint16_t> halves;
  std::vector<uint64_t> anchors;
  std::vector<uint8_t> keep;
};

World make_world(size_t q, size_t n) {
  World w;
  std::mt19937 random(7);
  // Values that f16 holds exactly, so that both element types must give the same truth.
  const auto value = [&] { return static_cast<float>(static_cast<int>(random() % 9) - 4); };
  for (size_t i = 0; i < q * kDim; ++i) w.queries.push_back(value() + 0.5f);
  for (size_t i = 0; i < n * kDim; ++i) {
    const float x = value();
    w.rows.push_back(x);
    static constexpr uint16_t kSmall[] = {0, 0x3c00, 0x4000, 0x4200, 0x4400};  // 0 .. 4
    const auto half = kSmall[static_cast<size_t>(std::abs(x))];
    w.halves.push_back(static_cast<uint16_t>(half | (x < 0 ? 0x8000 : 0)));
  }
  for (size_t i = 0; i < n; ++i) {
    w.anchors.push_back(1000 - i);
    w.keep.push_back(i % 7 == 0 || i / 100 == 3 ? 0 : static_cast<uint8_t>(1 + i % 255));
  }
  return w;
}

double key_of(Metric metric, const float* query, const float* row) {
  double dot = 0, rr = 0, qq = 0, l2 = 0;
  for (size_t i = 0; i < kDim; ++i) {
    dot += static_cast<double>(query[i]) * row[i];
    rr += static_cast<double>(row[i]) * row[i];
    qq += static_cast<double>(query[i]) * query[i];
    l2 += std::pow(static_cast<double>(query[i]) - row[i], 2);
  }
  if (metric == Metric::kInnerProduct) return dot;
  if (metric == Metric::kL2) return -l2;
  return rr == 0 ? 0 : dot / std::sqrt(rr * qq);
}

void check(Metric metric, bool half, bool masked) {
  const size_t q = 35, n = 700, k = 700;
  const World w = make_world(q, n);
  const auto queries = make_queries(w.queries, q, kDim, metric);
  ASSERT_TRUE(queries);
  const auto* rows = half ? reinterpret_cast<const std::byte*>(w.halves.data())
                          : reinterpret_cast<const std::byte*>(w.rows.data());
  const Dtype dtype = half ? Dtype::kF16 : Dtype::kF32;
  const size_t row_bytes = kDim * (half ? 2 : 4);
  const uint8_t* keep = masked ? w.keep.data() : nullptr;
  std::vector<TopK> whole(q, TopK(k)), parts(q, TopK(k));
  scan_exact(*queries, rows, dtype, w.anchors.data(), n, keep, whole);
  for (size_t at = 0; at < n; at += 33)
    scan_exact(*queries, rows + at * row_bytes, dtype, w.anchors.data() + at,
               std::min<size_t>(33, n - at), masked ? keep + at : nullptr, parts);
  size_t expected = 0;
  for (size_t r = 0; r < n; ++r) expected += !masked || w.keep[r] != 0;
  for (size_t j = 0; j < q; ++j) {
    const std::vector<Hit> hits = whole[j].take_sorted();
    ASSERT_EQ(hits, parts[j].take_sorted());
    ASSERT_EQ(hits.size(), expected);
    for (size_t i = 0; i < hits.size(); ++i) {
      const size_t row = 1000 - hits[i].anchor;
      ASSERT_TRUE(!masked || w.keep[row] != 0);
      const double key = key_of(metric, &w.queries[j * kDim], &w.rows[row * kDim]);
      ASSERT_NEAR(hits[i].key, key, 1e-5 * std::max(1.0, std::abs(key)));
      ASSERT_TRUE(i == 0 || better(hits[i - 1], hits[i]));
    }
  }
}

TEST(Exact, EqualsDoubleForEveryMetricTypeAndMask) {
  for (Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2})
    for (bool half : {false, true})
      for (bool masked : {false, true}) check(metric, half, masked);
}

TEST(Exact, CosineOfZeroTinyAndHugeRows) {
  const float rows[4][2] = {{0, 0}, {1e-25f, 0}, {1e25f, 1e25f}, {-3, 0}};
  const uint64_t anchors[4] = {0, 1, 2, 3};
  const float query[2] = {2, 0};
  const auto queries = make_queries(query, 1, 2, Metric::kCosine);
  ASSERT_TRUE(queries);
  std::vector<TopK> out(1, TopK(10));
  scan_exact(*queries, reinterpret_cast<const std::byte*>(rows), Dtype::kF32, anchors, 4, nullptr,
             out);
  const std::vector<Hit> hits = out[0].take_sorted();
  ASSERT_EQ(hits.size(), 4u);
  EXPECT_EQ(hits[0], (Hit{1, 1.0f}));
  EXPECT_EQ(hits[1].anchor, 2u);
  EXPECT_NEAR(hits[1].key, std::sqrt(0.5), 1e-6);
  EXPECT_EQ(hits[2], (Hit{0, 0.0f}));
  EXPECT_EQ(hits[3], (Hit{3, -1.0f}));
}

TEST(Exact, HugeQueriesBecomeUnitVectors) {
  const float query[2] = {3e38f, 0};
  const auto queries = make_queries(query, 1, 2, Metric::kCosine);
  ASSERT_TRUE(queries);
  EXPECT_EQ(queries->values()[0], 1.0f);
}

std::string message_of(std::span<const float> values, size_t count, size_t dim, Metric metric) {
  const auto made = make_queries(values, count, dim, metric);
  if (made) return "";
  EXPECT_EQ(made.error().code, Code::kInvalidArgument);
  return made.error().message;
}

TEST(Exact, RefusesBadQueries) {
  std::vector<float> values(4 * 8, 1.0f);
  EXPECT_EQ(message_of(values, 4, 8, Metric::kL2), "");
  EXPECT_EQ(message_of(values, 4, 9, Metric::kL2), "queries hold 32 values, expected 4 x 9");
  EXPECT_NE(message_of(values, SIZE_MAX / 4, 8, Metric::kL2), "");
  EXPECT_NE(message_of({}, 0, 8, Metric::kL2), "");
  EXPECT_NE(message_of({}, 1, 0, Metric::kL2), "");
  values[3 * 8 + 7] = NAN;
  EXPECT_EQ(message_of(values, 4, 8, Metric::kInnerProduct), "query 3 holds NaN at position 7");
  values[8 + 2] = -INFINITY;
  EXPECT_EQ(message_of(values, 4, 8, Metric::kL2), "query 1 holds -infinity at position 2");
  const std::vector<float> zero(8, 0.0f);
  EXPECT_EQ(message_of(zero, 1, 8, Metric::kL2), "");
  EXPECT_NE(message_of(zero, 1, 8, Metric::kCosine).find("query 0 is the zero vector"),
            std::string::npos);
}

TEST(Exact, MetricNamesRoundTrip) {
  for (Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2})
    EXPECT_EQ(*parse_metric(metric_name(metric)), metric);
  EXPECT_EQ(*parse_metric("dot"), Metric::kInnerProduct);
  EXPECT_FALSE(parse_metric("manhattan"));
  EXPECT_EQ(score_of_key(Metric::kL2, -4.0f), 4.0f);
  EXPECT_FALSE(std::signbit(score_of_key(Metric::kL2, -0.0f)));
}

}  // namespace
}  // namespace dreamdb
