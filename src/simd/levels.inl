// The dot product of a query with the levels of a code of several bits. Levels become numbers
// exactly; sums differ in their last bits from one instruction set to another.
//
// A `V` may have its own way to sixteen levels at once:
//   V::levels<kWidth>(low, size, top)   of low[2 kWidth] of `size` bytes and 16 highest bits
#pragma once

#include <string.h>

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

template <unsigned kWidth>
constexpr float kLevelCentre = static_cast<float>((2u << kWidth) - 1) / 2;

// In vectors of the compiler's, eight values at a time: their low bits are kWidth bytes.
template <unsigned kWidth>
float dot_of_levels(const float* query, const uint64_t* high, const uint8_t* low, size_t dim) {
  using Words [[gnu::vector_size(32)]] = uint32_t;
  using Signed [[gnu::vector_size(32)]] = int32_t;
  using Floats [[gnu::vector_size(32)]] = float;
  constexpr Words kPlaces = {0, kWidth, 2 * kWidth, 3 * kWidth, 0, kWidth, 2 * kWidth, 3 * kWidth};
  constexpr Words kBits = {1, 2, 4, 8, 16, 32, 64, 128};
  constexpr uint32_t kMask = (1u << kWidth) - 1, kTop = 1u << kWidth;
  constexpr size_t kLoad = sizeof(uint64_t);
  const size_t last = dim / 8 * kWidth - kLoad;  // nothing is read beyond the code
  Floats sum = {};
  for (size_t j = 0, at = 0; j < dim; j += 8, at += kWidth) {
    const size_t from = at < last ? at : last;
    uint64_t word;
    memcpy(&word, low + from, kLoad);
    word >>= 8 * (at - from);
    const auto a = static_cast<uint32_t>(word), b = static_cast<uint32_t>(word >> 4 * kWidth);
    const Words halves = {a, a, a, a, b, b, b, b};
    const uint32_t top = high[j / 64] >> j % 64 & 0xff;
    const Words tops = {top, top, top, top, top, top, top, top};
    const Words level =
        (halves >> kPlaces & kMask) | (reinterpret_cast<Words>((tops & kBits) != 0) & kTop);
    Floats values;
    memcpy(&values, query + j, sizeof values);
    sum += values * (__builtin_convertvector(reinterpret_cast<Signed>(level), Floats) -
                     kLevelCentre<kWidth>);
  }
  return sum[0] + sum[1] + sum[2] + sum[3] + (sum[4] + sum[5] + sum[6] + sum[7]);
}

// The same by V's way, sixteen values at a time.
template <typename V, unsigned kWidth>
float dot_of_levels_by(const float* query, const uint64_t* high, const uint8_t* low, size_t dim) {
  const size_t size = dim / 8 * kWidth;
  const typename V::Vec centre = V::set(kLevelCentre<kWidth>);
  typename V::Vec sums[2] = {V::zero(), V::zero()};
  for (size_t j = 0, at = 0; j < dim; j += 16, at += size_t{2} * kWidth) {
    const auto top = static_cast<uint16_t>(high[j / 64] >> j % 64);
    const typename V::Vec level = V::template levels<kWidth>(low + at, size - at, top);
    typename V::Vec& sum = sums[j / 16 % 2];
    sum = V::fma(V::load(query + j), V::sub(level, centre), sum);
  }
  return V::sum(V::add(sums[0], sums[1]));
}

template <typename V, unsigned kWidth>
constexpr auto level_dot() {
  if constexpr (requires { V::template levels<kWidth>(nullptr, 0, 0); }) {
    return dot_of_levels_by<V, kWidth>;
  } else {
    return dot_of_levels<kWidth>;
  }
}

template <typename V>
float dot_levels(const float* query, const uint64_t* high, const uint8_t* low, unsigned width,
                 size_t dim) {
  constexpr decltype(&dot_of_levels<1>) kByWidth[] = {
      level_dot<V, 1>(), level_dot<V, 2>(), level_dot<V, 3>(), level_dot<V, 4>(),
      level_dot<V, 5>(), level_dot<V, 6>(), level_dot<V, 7>()};
  return kByWidth[width - 1](query, high, low, dim);
}

}  // namespace
}  // namespace dreamdb::simd
