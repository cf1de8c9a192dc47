// Rows for the tests of training.
#pragma once

#include <random>
#include <vector>

#include "search/kmeans.h"

namespace dreamdb {

// [rows, dim], of a spread of `size`.
inline std::vector<float> normals(size_t rows, size_t dim, uint64_t seed, float size = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(rows * dim);
  for (float& value : out) value = size * normal(random);
  return out;
}

// Rows about `centres` [n, dim], row i about centre i % n.
inline std::vector<float> rows_about(const std::vector<float>& centres, size_t rows, size_t dim,
                                     float size) {
  auto out = normals(rows, dim, 2, size);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] += centres[i / dim % (centres.size() / dim) * dim + i % dim];
  return out;
}

inline TrainOptions options_of(size_t cells, Metric metric = Metric::kL2) {
  TrainOptions options;
  options.cells = cells;
  options.metric = metric;
  return options;
}

}  // namespace dreamdb
