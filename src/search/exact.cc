// Scores a few hundred rows at a time for all queries, then offers them.
#include "search/exact.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/assert.h"
#include "simd/simd.h"

namespace dreamdb {
namespace {

// Rows scored by one call of a kernel: scores of 32 queries stay below 32 KiB.
constexpr size_t kRunRows = 256;
constexpr size_t kRunQueries = 32;

// Outside of these the f32 sum of squares may have lost its value to overflow or underflow.
constexpr float kSquareMin = 1e-30f;
constexpr float kSquareMax = 1e30f;

std::string describe(float value) {
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "infinity" : "-infinity";
}

Status check_queries(std::span<const float> queries, size_t count, size_t dim) {
  if (count == 0) return fail(Code::kInvalidArgument, "no query given: pass at least one vector");
  if (dim == 0) return fail(Code::kInvalidArgument, "queries have 0 dimensions");
  if (queries.size() / dim != count || queries.size() % dim != 0)
    return fail(Code::kInvalidArgument, "queries hold " + std::to_string(queries.size()) +
                                            " values, expected " + std::to_string(count) + " x " +
                                            std::to_string(dim));
  if (simd::all_finite_f32(queries.data(), queries.size())) return {};
  size_t bad = 0;
  while (std::isfinite(queries[bad])) ++bad;
  return fail(Code::kInvalidArgument, "query " + std::to_string(bad / dim) + " holds " +
                                          describe(queries[bad]) + " at position " +
                                          std::to_string(bad % dim));
}

struct Rows {
  const std::byte* data;
  bool half;
  size_t dim;

  const float* f32(size_t row) const { return reinterpret_cast<const float*>(data) + row * dim; }
  const uint16_t* f16(size_t row) const {
    return reinterpret_cast<const uint16_t*>(data) + row * dim;
  }
};

// The cosine of a row whose squares do not fit f32, with sums in double.
float cosine_in_double(const float* query, const Rows& rows, size_t row) {
  std::vector<float> wide(rows.dim);
  if (rows.half)
    simd::widen_f16(rows.f16(row), rows.dim, wide.data());
  else
    std::copy_n(rows.f32(row), rows.dim, wide.data());
  double dot = 0, square = 0;
  for (size_t i = 0; i < rows.dim; ++i) {
    dot += static_cast<double>(query[i]) * wide[i];
    square += static_cast<double>(wide[i]) * wide[i];
  }
  return square == 0 ? 0 : static_cast<float>(dot / std::sqrt(square));
}

// keys [q, count] of the rows [first, first + count) for q queries.
void score_run(const QuerySet& queries, size_t query, size_t q, const Rows& rows, size_t first,
               size_t count, float* keys) {
  const size_t dim = rows.dim;
  const float* values = queries.values() + query * dim;
  switch (queries.metric()) {
    case Metric::kInnerProduct:
      if (rows.half)
        simd::dot_matrix_f16(values, q, rows.f16(first), count, dim, keys);
      else
        simd::dot_matrix_f32(values, q, rows.f32(first), count, dim, keys);
      return;
    case Metric::kL2:
      if (rows.half)
        simd::l2_matrix_f16(values, q, rows.f16(first), count, dim, keys);
      else
        simd::l2_matrix_f32(values, q, rows.f32(first), count, dim, keys);
      for (size_t i = 0; i < q * count; ++i) keys[i] = -keys[i];
      return;
    case Metric::kCosine: break;
  }
  float squares[kRunRows], scales[kRunRows];
  if (rows.half)
    simd::dot_norm_matrix_f16(values, q, rows.f16(first), count, dim, keys, squares);
  else
    simd::dot_norm_matrix_f32(values, q, rows.f32(first), count, dim, keys, squares);
  for (size_t r = 0; r < count; ++r) scales[r] = 1 / std::sqrt(squares[r]);
  for (size_t j = 0; j < q; ++j)
    for (size_t r = 0; r < count; ++r) keys[j * count + r] *= scales[r];
  for (size_t r = 0; r < count; ++r) {
    if (squares[r] >= kSquareMin && squares[r] <= kSquareMax) continue;
    for (size_t j = 0; j < q; ++j)
      keys[j * count + r] = cosine_in_double(values + j * dim, rows, first + r);
  }
  for (size_t i = 0; i < q * count; ++i) keys[i] = std::clamp(keys[i], -1.0f, 1.0f);
}

}  // namespace

std::string_view metric_name(Metric metric) {
  switch (metric) {
    case Metric::kCosine: return "cosine";
    case Metric::kInnerProduct: return "ip";
    case Metric::kL2: return "l2";
  }
  return "unknown";
}

Result<Metric> parse_metric(std::string_view name) {
  if (name == "cosine") return Metric::kCosine;
  if (name == "ip" || name == "dot" || name == "inner_product") return Metric::kInnerProduct;
  if (name == "l2" || name == "euclidean") return Metric::kL2;
  return fail(Code::kInvalidArgument,
              "unknown metric `" + std::string(name) + "` (use cosine, ip or l2)");
}

Result<QuerySet> make_queries(std::span<const float> queries, size_t count, size_t dim,
                              Metric metric) {
  DREAMDB_TRY(check_queries(queries, count, dim));
  QuerySet set;
  set.values_.assign(queries.begin(), queries.end());
  set.count_ = count;
  set.dim_ = dim;
  set.metric_ = metric;
  if (metric != Metric::kCosine) return set;
  for (size_t j = 0; j < count; ++j) {
    float* query = set.values_.data() + j * dim;
    double square = 0;
    for (size_t i = 0; i < dim; ++i) square += static_cast<double>(query[i]) * query[i];
    if (square == 0)
      return fail(Code::kInvalidArgument, "query " + std::to_string(j) +
                                              " is the zero vector, which has no cosine with any "
                                              "other: pass a vector with a direction");
    const double scale = 1 / std::sqrt(square);
    for (size_t i = 0; i < dim; ++i) query[i] = static_cast<float>(query[i] * scale);
  }
  return set;
}

QuerySet QuerySet::only(size_t number) const {
  QuerySet one;
  const float* const query = values_.data() + number * dim_;
  one.values_.assign(query, query + dim_);
  one.count_ = 1;
  one.dim_ = dim_;
  one.metric_ = metric_;
  return one;
}

bool can_scan(Dtype dtype) { return dtype == Dtype::kF32 || dtype == Dtype::kF16; }

void scan_exact(const QuerySet& queries, const std::byte* rows, Dtype dtype,
                const uint64_t* anchors, size_t count, const uint8_t* keep, std::span<TopK> out) {
  DREAMDB_ASSERT(can_scan(dtype));
  DREAMDB_ASSERT(out.size() == queries.count());
  const Rows source{rows, dtype == Dtype::kF16, queries.dim()};
  std::vector<float> keys(kRunRows * std::min(kRunQueries, queries.count()));
  for (size_t first = 0; first < count;) {
    if (keep != nullptr && keep[first] == 0) {
      ++first;
      continue;
    }
    size_t run = 1;
    while (run < kRunRows && first + run < count && (keep == nullptr || keep[first + run] != 0))
      ++run;
    for (size_t j = 0; j < queries.count(); j += kRunQueries) {
      const size_t q = std::min(kRunQueries, queries.count() - j);
      score_run(queries, j, q, source, first, run, keys.data());
      for (size_t i = 0; i < q; ++i)
        for (size_t r = 0; r < run; ++r) out[j + i].offer(anchors[first + r], keys[i * run + r]);
    }
    first += run;
  }
}

}  // namespace dreamdb
