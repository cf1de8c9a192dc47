// The numbers of the rotation, for the scalar file and the others.
#pragma once

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

constexpr size_t kRounds = 4;

// The largest power of two up to `dim`.
inline size_t power_of_two_below(size_t dim) {
  return size_t{1} << (63 - __builtin_clzll(static_cast<unsigned long long>(dim)));
}

// The f32 nearest 1 / sqrt(n) of n = 2^k.
inline float inverse_root(size_t n) {
  const int k = __builtin_ctzll(static_cast<unsigned long long>(n));
  const float even = 1.0f / static_cast<float>(size_t{1} << (k / 2));
  return k % 2 == 0 ? even : even * 0x1.6a09e6p-1f;
}

// What the values are multiplied by after the last round.
inline float last_scale(size_t n, size_t dim) {
  const auto size = static_cast<float>(n);
  return n == dim ? 1.0f / (size * size) : 0.25f;
}

}  // namespace
}  // namespace dreamdb::simd
