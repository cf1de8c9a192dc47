// The levels of codes of several bits as numbers, in vectors of the compiler's: exact, so the same
// under every instruction set.
#pragma once

#include <string.h>

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

// Eight values at a time: their low bits are kWidth bytes.
template <unsigned kWidth>
void values_of_levels(const uint64_t* high, const uint8_t* low, size_t dim, float* out) {
  using Words [[gnu::vector_size(32)]] = uint32_t;
  using Signed [[gnu::vector_size(32)]] = int32_t;
  using Floats [[gnu::vector_size(32)]] = float;
  constexpr Words kPlaces = {0, kWidth, 2 * kWidth, 3 * kWidth, 0, kWidth, 2 * kWidth, 3 * kWidth};
  constexpr Words kBits = {1, 2, 4, 8, 16, 32, 64, 128};
  constexpr uint32_t kMask = (1u << kWidth) - 1, kTop = 1u << kWidth;
  constexpr float kCentre = static_cast<float>(2 * kTop - 1) / 2;
  constexpr size_t kLoad = sizeof(uint64_t);
  const size_t last = dim / 8 * kWidth - kLoad;  // nothing is read beyond the code
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
    const Floats values =
        __builtin_convertvector(reinterpret_cast<Signed>(level), Floats) - kCentre;
    memcpy(out + j, &values, sizeof values);
  }
}

void level_values(const uint64_t* high, const uint8_t* low, unsigned width, size_t dim,
                  float* out) {
  constexpr decltype(&values_of_levels<1>) kByWidth[] = {
      values_of_levels<1>, values_of_levels<2>, values_of_levels<3>, values_of_levels<4>,
      values_of_levels<5>, values_of_levels<6>, values_of_levels<7>};
  kByWidth[width - 1](high, low, dim, out);
}

}  // namespace
}  // namespace dreamdb::simd
