// Exact vector search over spans of rows.
//
// A hit carries a key, of which larger is better; users see a score, made of it at the end by
// `score_of_key`:
//   cosine         score = key = cosine similarity in [-1, 1]; a row of norm 0 scores 0
//   inner product  score = key = dot product
//   l2             score = squared distance, smaller is better; key = -score
//
// Thread rule: pure; a QuerySet is immutable and shared, each thread scans into its own TopK.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"
#include "dreamdb/schema.h"
#include "search/topk.h"

namespace dreamdb {

enum class Metric : uint8_t { kCosine, kInnerProduct, kL2 };

std::string_view metric_name(Metric metric);  // "cosine", "ip", "l2"
// Also "dot", "inner_product", "euclidean". InvalidArgument lists the names there are.
Result<Metric> parse_metric(std::string_view name);

inline float score_of_key(Metric metric, float key) {
  return metric == Metric::kL2 ? 0 - key : key;
}

// Queries checked and made ready: of unit norm under cosine.
class QuerySet {
 public:
  size_t count() const { return count_; }
  size_t dim() const { return dim_; }
  Metric metric() const { return metric_; }
  const float* values() const { return values_.data(); }  // [count, dim]
  // The query with this number alone, as it stands here: it finds the same keys.
  QuerySet only(size_t number) const;

 private:
  friend Result<QuerySet> make_queries(std::span<const float> queries, size_t count, size_t dim,
                                       Metric metric);
  std::vector<float> values_;
  size_t count_ = 0;
  size_t dim_ = 0;
  Metric metric_ = Metric::kCosine;
};

// queries: [count, dim]. InvalidArgument: NaN or infinity ("query 3 holds NaN at position 7"), a
// zero vector under cosine, no query, dim 0, or a length other than count x dim.
Result<QuerySet> make_queries(std::span<const float> queries, size_t count, size_t dim,
                              Metric metric);

// Element types that `scan_exact` reads: f32 and f16.
bool can_scan(Dtype dtype);

// Offers each row to the collector of each query.
// rows: [count, dim] of `dtype` (can_scan), aligned to its elements; anchors: [count];
// keep: [count] bytes, rows with 0 are skipped, nullptr keeps all; out: one TopK for each query.
// The key of a row does not depend on how rows are cut into calls.
void scan_exact(const QuerySet& queries, const std::byte* rows, Dtype dtype,
                const uint64_t* anchors, size_t count, const uint8_t* keep, std::span<TopK> out);

}  // namespace dreamdb
