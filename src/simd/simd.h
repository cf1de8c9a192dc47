// Kernels over rows of vectors, of the best instruction set that this processor has.
//
// The choice is made once, at the first call. The environment variable DREAMDB_SIMD=scalar, avx2,
// avx512, avx512_bitalg, avx512_bf16, amx, neon or wasm forces one; a name that is unknown or not
// available here is reported once on stderr and the default is taken.
//
// Thread rule: pure functions over the caller's memory; call from any thread.
#pragma once

#include <span>

#include "simd/kernels.h"

namespace dreamdb::simd {

// The chosen table. Call as `simd::active().dot_rows_f32(query, rows, count, dim, out)`; what each
// function does stands in kernels.h.
const Kernels& active();

// All tables that run on this processor, the slowest (scalar) first.
std::span<const Kernels* const> available();

inline void dot_rows_f32(const float* query, const float* rows, size_t count, size_t dim,
                         float* out) {
  active().dot_rows_f32(query, rows, count, dim, out);
}
inline void dot_rows_f16(const float* query, const uint16_t* rows, size_t count, size_t dim,
                         float* out) {
  active().dot_rows_f16(query, rows, count, dim, out);
}
inline void dot_norm_rows_f32(const float* query, const float* rows, size_t count, size_t dim,
                              float* dots, float* squares) {
  active().dot_norm_rows_f32(query, rows, count, dim, dots, squares);
}
inline void dot_norm_rows_f16(const float* query, const uint16_t* rows, size_t count, size_t dim,
                              float* dots, float* squares) {
  active().dot_norm_rows_f16(query, rows, count, dim, dots, squares);
}
inline void l2_rows_f32(const float* query, const float* rows, size_t count, size_t dim,
                        float* out) {
  active().l2_rows_f32(query, rows, count, dim, out);
}
inline void l2_rows_f16(const float* query, const uint16_t* rows, size_t count, size_t dim,
                        float* out) {
  active().l2_rows_f16(query, rows, count, dim, out);
}
inline void dot_matrix_f32(const float* queries, size_t q, const float* rows, size_t n, size_t dim,
                           float* out) {
  active().dot_matrix_f32(queries, q, rows, n, dim, out);
}
inline void dot_matrix_f16(const float* queries, size_t q, const uint16_t* rows, size_t n,
                           size_t dim, float* out) {
  active().dot_matrix_f16(queries, q, rows, n, dim, out);
}
inline void dot_norm_matrix_f32(const float* queries, size_t q, const float* rows, size_t n,
                                size_t dim, float* dots, float* squares) {
  active().dot_norm_matrix_f32(queries, q, rows, n, dim, dots, squares);
}
inline void dot_norm_matrix_f16(const float* queries, size_t q, const uint16_t* rows, size_t n,
                                size_t dim, float* dots, float* squares) {
  active().dot_norm_matrix_f16(queries, q, rows, n, dim, dots, squares);
}
inline void l2_matrix_f32(const float* queries, size_t q, const float* rows, size_t n, size_t dim,
                          float* out) {
  active().l2_matrix_f32(queries, q, rows, n, dim, out);
}
inline void l2_matrix_f16(const float* queries, size_t q, const uint16_t* rows, size_t n,
                          size_t dim, float* out) {
  active().l2_matrix_f16(queries, q, rows, n, dim, out);
}
inline void widen_f16(const uint16_t* values, size_t count, float* out) {
  active().widen_f16(values, count, out);
}
inline bool all_finite_f32(const float* values, size_t count) {
  return active().all_finite_f32(values, count);
}
inline bool all_finite_f16(const uint16_t* values, size_t count) {
  return active().all_finite_f16(values, count);
}
inline bool any_nonzero_f32(const float* values, size_t count) {
  return active().any_nonzero_f32(values, count);
}
inline bool any_nonzero_f16(const uint16_t* values, size_t count) {
  return active().any_nonzero_f16(values, count);
}
inline const NearestKernels& nearest() { return active().nearest; }
inline void rotate(float* values, size_t dim, const uint64_t* signs) {
  active().rotate(values, dim, signs);
}
inline float dot_ordered(const float* a, const float* b, size_t dim) {
  return active().dot_ordered(a, b, dim);
}
inline void encode_bits(const float* rotated, const float* t, size_t dim, uint64_t* bits,
                        float* sums) {
  active().encode_bits(rotated, t, dim, bits, sums);
}
inline void scan_bits(const BitQuery& query, const uint64_t* codes, const float* add,
                      const float* scale, const float* err, size_t count, float* lower,
                      float* upper) {
  active().scan_bits(query, codes, add, scale, err, count, lower, upper);
}
inline void scan_bits_many(const BitQuery* queries, size_t q, const uint64_t* codes,
                           const float* add, const float* scale, const float* err, size_t count,
                           float* lower, float* upper) {
  active().scan_bits_many(queries, q, codes, add, scale, err, count, lower, upper);
}
inline float dot_levels(const float* query, const uint64_t* high, const uint8_t* low,
                        unsigned width, size_t dim) {
  return active().dot_levels(query, high, low, width, dim);
}
inline size_t select_at_least(const float* values, size_t count, float threshold, uint32_t* out) {
  return active().select_at_least(values, count, threshold, out);
}

}  // namespace dreamdb::simd
