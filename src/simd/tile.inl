// A tile of AMX, 16 rows of 64 bytes, and its transposition; the packing of bf16 without AMX has
// the same form.
#pragma once

#include <immintrin.h>

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

constexpr size_t kTile = 16, kTileBytes = 1024;

// Rows of 16 numbers, `stride` of them apart, become columns.
inline void transpose(const int32_t* rows, size_t stride, __m512i (&columns)[16]) {
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (size_t i = 0; i < 16; ++i) a[i] = _mm512_load_si512(rows + i * stride);
#pragma GCC unroll 8
  for (size_t i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  // In each quarter of a[4 * i + j]: column j of the quarter, of rows 4 * i to 4 * i + 3.
#pragma GCC unroll 4
  for (size_t i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    const __m512i low = _mm512_shuffle_i32x4(a[j], a[4 + j], 0x88);
    const __m512i high = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0x88);
    const __m512i low_odd = _mm512_shuffle_i32x4(a[j], a[4 + j], 0xdd);
    const __m512i high_odd = _mm512_shuffle_i32x4(a[8 + j], a[12 + j], 0xdd);
    columns[j] = _mm512_shuffle_i32x4(low, high, 0x88);
    columns[8 + j] = _mm512_shuffle_i32x4(low, high, 0xdd);
    columns[4 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
    columns[12 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
  }
}

}  // namespace
}  // namespace dreamdb::simd
