// What the kernels of bf16 for the two nearest centroids share: packing, and scores that win.
//
// A block is 32 rows or centroids, for each 32 dimensions two tiles of 16. In a tile of centroids
// each has 64 bytes; in a tile of rows, each 64 bytes are a pair of dimensions of 16 rows: so the
// lanes of a product are rows, and no sum crosses lanes.
#pragma once

#include "simd/tile.inl"

namespace dreamdb::simd {
namespace {

constexpr size_t kNearestBlock = 2 * kTile;
constexpr size_t kStepDim = 32, kStepBytes = 2 * kTileBytes;

inline size_t steps_of(size_t dim) { return (dim + kStepDim - 1) / kStepDim; }
inline size_t bf16_packed_bytes(size_t dim) { return steps_of(dim) * 64; }

// 16 numbers less those of the origin, of which `mask` are there.
inline __m512 centred(const float* row, const float* origin, __mmask16 mask) {
  return _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, row), _mm512_maskz_loadu_ps(mask, origin));
}

// Rounds a row, 64 bytes a step at `out`, `stride` bytes apart; returns the sum of squares.
inline float round_row(const float* row, const float* origin, size_t dim, char* out,
                       size_t stride) {
  __m512 sum = _mm512_setzero_ps();
  for (size_t at = 0; at < dim; at += kStepDim, out += stride) {
    const size_t left = dim - at;
    const auto mask = left < kStepDim ? (1u << left) - 1 : ~0u;
    const __m512bh values = _mm512_cvtne2ps_pbh(
        centred(row + at + 16, origin + at + 16, static_cast<__mmask16>(mask >> 16)),
        centred(row + at, origin + at, static_cast<__mmask16>(mask)));
    sum = _mm512_dpbf16_ps(sum, values, values);
    _mm512_store_si512(out, __builtin_bit_cast(__m512i, values));
  }
  return _mm512_reduce_add_ps(sum);
}

// Rounded rows of a tile, [16][steps] of 64 bytes, become pairs of dimensions of 16 rows.
inline void store_pairs(const int32_t* rounded, size_t steps, char* out) {
  __m512i columns[kTile];
  for (size_t step = 0; step < steps; ++step, out += kStepBytes) {
    transpose(rounded + step * kTile, steps * kTile, columns);
    for (size_t i = 0; i < kTile; ++i) _mm512_store_si512(out + i * 64, columns[i]);
  }
}

template <bool kTransposed>
void pack_bf16(const float* rows, const float* origin, size_t count, size_t dim, void* packed,
               float* squares) {
  // Steps that are rounded before they are transposed, in memory that stays in the first cache.
  constexpr size_t kSteps = 16;
  alignas(64) int32_t rounded[kTile * kSteps * kTile];
  const size_t steps = steps_of(dim);
  const size_t end = (count + kNearestBlock - 1) / kNearestBlock * kNearestBlock;
  for (size_t first = 0; first < end; first += kTile) {
    char* const out = static_cast<char*>(packed) + first / kNearestBlock * steps * kStepBytes +
                      first / kTile % 2 * kTileBytes;
    for (size_t i = 0; i < kTile; ++i) squares[first + i] = 0;
    for (size_t step = 0; step < steps; step += kSteps) {
      const size_t some = steps - step < kSteps ? steps - step : kSteps;
      const size_t at = step * kStepDim;
      const size_t numbers = dim - at < some * kStepDim ? dim - at : some * kStepDim;
      for (size_t i = 0; i < kTile; ++i) {
        char* const to = kTransposed ? reinterpret_cast<char*>(rounded) + i * some * 64
                                     : out + step * kStepBytes + i * 64;
        const size_t stride = kTransposed ? 64 : kStepBytes;
        if (first + i < count)
          squares[first + i] +=
              round_row(rows + (first + i) * dim + at, origin + at, numbers, to, stride);
        else
          for (size_t s = 0; s < some; ++s)
            _mm512_store_si512(to + s * stride, _mm512_setzero_si512());
      }
      if (kTransposed) store_pairs(rounded, some, out + step * kStepBytes);
    }
  }
}

// The two best scores of 16 rows.
class Winners {
 public:
  Winners(const TwoNearest& found, size_t row)
      : best_(_mm512_loadu_ps(found.best + row)),
        second_(_mm512_loadu_ps(found.second + row)),
        best_at_(_mm512_loadu_si512(found.best_at + row)),
        second_at_(_mm512_loadu_si512(found.second_at + row)) {}

  void take(__m512 product, float half_square, uint32_t position) {
    const __m512 score = _mm512_sub_ps(product, _mm512_set1_ps(half_square));
    const __m512i at = _mm512_set1_epi32(static_cast<int>(position));
    const __mmask16 wins = _mm512_cmp_ps_mask(score, best_, _CMP_GT_OQ);
    const __mmask16 follows = _mm512_cmp_ps_mask(score, second_, _CMP_GT_OQ);
    second_ = _mm512_mask_mov_ps(_mm512_mask_mov_ps(second_, follows, score), wins, best_);
    second_at_ =
        _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(second_at_, follows, at), wins, best_at_);
    best_ = _mm512_mask_mov_ps(best_, wins, score);
    best_at_ = _mm512_mask_mov_epi32(best_at_, wins, at);
  }

  void store(const TwoNearest& found, size_t row) const {
    _mm512_storeu_ps(found.best + row, best_);
    _mm512_storeu_ps(found.second + row, second_);
    _mm512_storeu_si512(found.best_at + row, best_at_);
    _mm512_storeu_si512(found.second_at + row, second_at_);
  }

 private:
  __m512 best_, second_;
  __m512i best_at_, second_at_;
};

using FindNearest = decltype(NearestKernels::find);

constexpr NearestKernels make_nearest_bf16(FindNearest find) {
  return NearestKernels{
      .block_rows = kNearestBlock,
      .block_centroids = kNearestBlock,
      .rounding = 0x1p-9f,
      .packed_bytes = bf16_packed_bytes,
      .pack_rows = pack_bf16<true>,
      .pack_centroids = pack_bf16<false>,
      .find = find,
  };
}

}  // namespace
}  // namespace dreamdb::simd
