// What the figures of search look through: made-up embeddings of a preset in a dataset, with labels
// to filter by, and queries whose nearest are known.
//
// Thread rule: one thread at a time; the work is shared on threads of its own.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/clip_like.h"
#include "dreamdb/dataset.h"

namespace dreamdb::bench {

inline constexpr size_t kTop = 10;
inline constexpr size_t kQueries = 200;
inline constexpr int64_t kLabels = 10'000;

struct QuerySample {
  const char* name;
  std::vector<float> values;                // [kQueries, kDim]
  std::vector<std::vector<uint64_t>> best;  // anchors of the kTop nearest
};

// 60,000, 200,000 or 10^6.
uint64_t search_rows(const Settings& settings);

// `embedding`; `label`, a number below kLabels by chance; `side`, how far the vector reaches along
// one direction, in thousandths.
Schema search_schema();

class Corpus {
 public:
  Corpus(const ClipPreset& preset, uint64_t rows, const Settings& settings);

  // Appends all rows, and finds the nearest of the queries on the way.
  Status fill(Dataset& dataset);

  const QuerySample& in() const { return in_; }
  const QuerySample& out() const { return out_; }
  // The `side` of a vector [kDim].
  int64_t side_of(const float* vector) const;

 private:
  void make(uint64_t first, uint64_t count, std::vector<float>& values) const;
  void compare(uint64_t first, uint64_t count, const std::vector<float>& values,
               std::vector<std::vector<std::pair<double, uint64_t>>>& best) const;
  NewRows rows_at(uint64_t first, uint64_t count, const std::vector<float>& values) const;

  const ClipLike source_;
  const uint64_t rows_;
  const Settings& settings_;
  std::vector<float> direction_;  // [kDim]
  QuerySample in_, out_;
};

}  // namespace dreamdb::bench
