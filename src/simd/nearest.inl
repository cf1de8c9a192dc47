// The two nearest of many centroids, in f32: rows are transposed, so that each lane is a row and no
// sum crosses lanes. Over a `V` as in rows.inl, and besides:
//   V::kNearestVectors, V::kNearestCentroids    vectors of rows and centroids whose sums are held
//                                               in registers at once
//   V::set(x)                                   x in all lanes
#pragma once

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

// Takes the scores of a block, [centroids][kRows], into what was found so far; `first` is the
// position of the first centroid. A plain loop over rows: the compiler makes vectors of it.
template <size_t kRows>
inline void take_scores(const float* __restrict products, const float* __restrict half_squares,
                        size_t centroids, uint32_t first, float* __restrict best,
                        float* __restrict second, uint32_t* __restrict best_at,
                        uint32_t* __restrict second_at) {
  for (size_t c = 0; c < centroids; ++c) {
    const float half = half_squares[c];
    const uint32_t at = first + static_cast<uint32_t>(c);
    for (size_t r = 0; r < kRows; ++r) {
      const float score = products[c * kRows + r] - half;
      const bool wins = score > best[r], follows = score > second[r];
      const float loser = wins ? best[r] : score;
      const uint32_t loser_at = wins ? best_at[r] : at;
      second[r] = follows ? loser : second[r];
      second_at[r] = follows ? loser_at : second_at[r];
      best[r] = wins ? score : best[r];
      best_at[r] = wins ? at : best_at[r];
    }
  }
}

inline size_t f32_packed_bytes(size_t dim) { return dim * sizeof(float); }

// Blocks, [dim][kBlock]; zeros fill the last.
template <size_t kBlock>
void pack_f32(const float* rows, const float* origin, size_t count, size_t dim, void* packed,
              float* squares) {
  for (size_t first = 0; first < count; first += kBlock) {
    float* const out = static_cast<float*>(packed) + first * dim;
    for (size_t i = 0; i < kBlock; ++i) {
      float square = 0;
      const bool is_there = first + i < count;
      for (size_t j = 0; j < dim; ++j) {
        const float value = is_there ? rows[(first + i) * dim + j] - origin[j] : 0;
        out[j * kBlock + i] = value;
        square += value * value;
      }
      squares[first + i] = square;
    }
  }
}

// Products of a block: [centroids][rows].
template <typename V>
inline void multiply_block(const float* rows, const float* centroids, size_t dim, float* out) {
  constexpr size_t kVectors = V::kNearestVectors, kCentroids = V::kNearestCentroids;
  typename V::Vec sums[kCentroids][kVectors];
  for (size_t c = 0; c < kCentroids; ++c)
    for (size_t v = 0; v < kVectors; ++v) sums[c][v] = V::zero();
  for (size_t j = 0; j < dim; ++j) {
    typename V::Vec row[kVectors];
    for (size_t v = 0; v < kVectors; ++v) row[v] = V::load(rows + (j * kVectors + v) * V::kLanes);
    for (size_t c = 0; c < kCentroids; ++c) {
      const typename V::Vec value = V::set(centroids[j * kCentroids + c]);
      for (size_t v = 0; v < kVectors; ++v) sums[c][v] = V::fma(value, row[v], sums[c][v]);
    }
  }
  for (size_t c = 0; c < kCentroids; ++c)
    for (size_t v = 0; v < kVectors; ++v)
      V::store(out + (c * kVectors + v) * V::kLanes, sums[c][v]);
}

template <typename V>
void find_nearest_f32(const void* rows, size_t row_blocks, const void* centroids,
                      const float* half_squares, size_t centroid_blocks, size_t dim,
                      const TwoNearest& out) {
  constexpr size_t kRows = V::kNearestVectors * V::kLanes, kCentroids = V::kNearestCentroids;
  float products[kCentroids * kRows];
  for (size_t c = 0; c < centroid_blocks; ++c) {
    const float* const block = static_cast<const float*>(centroids) + c * kCentroids * dim;
    for (size_t r = 0; r < row_blocks; ++r) {
      multiply_block<V>(static_cast<const float*>(rows) + r * kRows * dim, block, dim, products);
      const size_t at = r * kRows;
      take_scores<kRows>(products, half_squares + c * kCentroids, kCentroids,
                         static_cast<uint32_t>(c * kCentroids), out.best + at, out.second + at,
                         out.best_at + at, out.second_at + at);
    }
  }
}

template <typename V>
constexpr NearestKernels make_nearest_f32() {
  constexpr size_t kRows = V::kNearestVectors * V::kLanes, kCentroids = V::kNearestCentroids;
  return NearestKernels{
      .block_rows = kRows,
      .block_centroids = kCentroids,
      .rounding = 0,
      .packed_bytes = f32_packed_bytes,
      .pack_rows = pack_f32<kRows>,
      .pack_centroids = pack_f32<kCentroids>,
      .find = find_nearest_f32<V>,
  };
}

}  // namespace
}  // namespace dreamdb::simd
