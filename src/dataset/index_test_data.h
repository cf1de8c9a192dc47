// Indexed datasets for tests of searches through an index.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "dataset/small_dataset.h"

namespace dreamdb::testing {

inline constexpr size_t kDim = 48;

inline Schema vectors_schema(const std::string& algorithm, Dtype dtype = Dtype::kF32) {
  Schema schema;
  Field vector = embedding_field("emb", kDim, false);
  vector.algorithm = algorithm;
  vector.dtype = dtype;
  EXPECT_TRUE(schema.add(vector));
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  return schema;
}

// Clustered vectors; row i follows from i alone.
inline std::vector<float> vector_of(uint64_t i) {
  std::mt19937_64 about(i % 23), own(i + 1000);
  std::normal_distribution<float> normal;
  std::vector<float> out(kDim);
  for (float& value : out) value = normal(about);
  for (float& value : out) value += 0.6f * normal(own);
  return out;
}

inline NewRows rows_of(uint64_t first, uint64_t count) {
  std::vector<float> values;
  std::vector<int64_t> numbers;
  for (uint64_t i = first; i < first + count; ++i) {
    const auto vector = vector_of(i);
    values.insert(values.end(), vector.begin(), vector.end());
    numbers.push_back(static_cast<int64_t>(i));
  }
  return rows_at(range(first * 10, count, 10),
                 {embedding_column("emb", kDim, values), int_column("n", numbers)});
}

// Other vectors than those of `rows_of`, among the same clusters.
inline std::vector<float> vectors_of_others(uint64_t count) {
  std::vector<float> out;
  for (uint64_t i = 0; i < count; ++i) {
    const auto vector = vector_of(500'000 + i);
    out.insert(out.end(), vector.begin(), vector.end());
  }
  return out;
}

inline std::vector<float> queries_of(size_t count) {
  std::vector<float> out;
  for (size_t q = 0; q < count; ++q) {
    auto vector = vector_of(1'000'000 + q * 37);
    out.insert(out.end(), vector.begin(), vector.end());
  }
  return out;
}

inline Distance distance_of(const std::string& algorithm) {
  if (algorithm.ends_with("l2")) return Distance::kL2;
  return algorithm.ends_with("ip") ? Distance::kInnerProduct : Distance::kCosine;
}

inline SearchAnswer search(const Dataset& ds, size_t count, const SearchOptions& options) {
  auto answer = ds.search("emb", queries_of(count), count, options);
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? *std::move(answer) : SearchAnswer{std::vector<SearchHits>(count), {}};
}

inline std::vector<uint64_t> anchors_of(const SearchHits& hits) {
  return {hits.rows.anchors(), hits.rows.anchors() + hits.rows.rows()};
}

// The part of the true hits that were found; scores of those found are the true ones.
inline double recall_of(const Dataset& ds, size_t count, SearchOptions options,
                        SearchReport& report) {
  const SearchAnswer found = search(ds, count, options);
  options.exact = true;
  const SearchAnswer truth = search(ds, count, options);
  report = found.report;
  EXPECT_TRUE(truth.report.algorithm.empty());
  size_t met = 0, all = 0;
  for (size_t q = 0; q < count; ++q) {
    const auto a = anchors_of(found.hits[q]), b = anchors_of(truth.hits[q]);
    EXPECT_EQ(a.size(), b.size());
    all += b.size();
    for (size_t i = 0; i < b.size(); ++i) {
      const auto at = std::ranges::find(a, b[i]);
      if (at == a.end()) continue;
      ++met;
      EXPECT_EQ(found.hits[q].scores[static_cast<size_t>(at - a.begin())], truth.hits[q].scores[i]);
    }
  }
  return all == 0 ? 1 : static_cast<double>(met) / static_cast<double>(all);
}

inline Dataset indexed(const std::string& algorithm, uint64_t rows, const IndexOptions& options,
                       Dtype dtype = Dtype::kF32) {
  auto ds = Dataset::create(fresh_locator(), vectors_schema(algorithm, dtype));
  EXPECT_TRUE(ds);
  EXPECT_TRUE(ds->append(rows_of(0, rows)));
  const auto info = ds->reindex("emb", options);
  EXPECT_TRUE(info) << info.error().message;
  return *std::move(ds);
}

inline IndexOptions of_cells(size_t cells, uint32_t bits = 1) {
  IndexOptions options;
  options.cells = cells;
  options.bits = bits;
  return options;
}

}  // namespace dreamdb::testing
