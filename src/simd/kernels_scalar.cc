// Kernels in plain C++: the truth that every instruction set is compared with, and what runs where
// there is none.
#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

// An f16 in f32, as processors do it: exactly, NaN made quiet.
float to_f32(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f) {
    const uint32_t quiet = mantissa == 0 ? 0 : 0x00400000u;
    return __builtin_bit_cast(float, sign | 0x7f800000u | quiet | (mantissa << 13));
  }
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  return __builtin_bit_cast(float, sign | ((exponent + 112) << 23) | (mantissa << 13));
}
float to_f32(float value) { return value; }

template <typename T>
float dot(const float* query, const T* row, size_t dim) {
  float sum = 0;
  for (size_t i = 0; i < dim; ++i) sum += query[i] * to_f32(row[i]);
  return sum;
}

template <typename T>
float squared_norm(const T* row, size_t dim) {
  float sum = 0;
  for (size_t i = 0; i < dim; ++i) sum += to_f32(row[i]) * to_f32(row[i]);
  return sum;
}

template <typename T>
float squared_distance(const float* query, const T* row, size_t dim) {
  float sum = 0;
  for (size_t i = 0; i < dim; ++i) {
    const float difference = query[i] - to_f32(row[i]);
    sum += difference * difference;
  }
  return sum;
}

template <typename T>
void dot_matrix(const float* queries, size_t q, const T* rows, size_t n, size_t dim, float* out) {
  for (size_t r = 0; r < n; ++r)
    for (size_t j = 0; j < q; ++j) out[j * n + r] = dot(queries + j * dim, rows + r * dim, dim);
}

template <typename T>
void dot_norm_matrix(const float* queries, size_t q, const T* rows, size_t n, size_t dim,
                     float* dots, float* squares) {
  dot_matrix(queries, q, rows, n, dim, dots);
  for (size_t r = 0; r < n; ++r) squares[r] = squared_norm(rows + r * dim, dim);
}

template <typename T>
void l2_matrix(const float* queries, size_t q, const T* rows, size_t n, size_t dim, float* out) {
  for (size_t r = 0; r < n; ++r)
    for (size_t j = 0; j < q; ++j)
      out[j * n + r] = squared_distance(queries + j * dim, rows + r * dim, dim);
}

template <typename T>
void dot_rows(const float* query, const T* rows, size_t count, size_t dim, float* out) {
  dot_matrix(query, 1, rows, count, dim, out);
}

template <typename T>
void dot_norm_rows(const float* query, const T* rows, size_t count, size_t dim, float* dots,
                   float* squares) {
  dot_norm_matrix(query, 1, rows, count, dim, dots, squares);
}

template <typename T>
void l2_rows(const float* query, const T* rows, size_t count, size_t dim, float* out) {
  l2_matrix(query, 1, rows, count, dim, out);
}

void widen_f16(const uint16_t* values, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = to_f32(values[i]);
}

bool all_finite_f32(const float* values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if ((__builtin_bit_cast(uint32_t, values[i]) & 0x7f800000u) == 0x7f800000u) return false;
  return true;
}

bool all_finite_f16(const uint16_t* values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if ((values[i] & 0x7c00u) == 0x7c00u) return false;
  return true;
}

bool any_nonzero_f32(const float* values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!(values[i] == 0)) return true;
  return false;
}

bool any_nonzero_f16(const uint16_t* values, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if ((values[i] & 0x7fffu) != 0) return true;
  return false;
}

}  // namespace

const Kernels kScalarKernels = {
    .name = "scalar",
    .dot_rows_f32 = dot_rows<float>,
    .dot_rows_f16 = dot_rows<uint16_t>,
    .dot_norm_rows_f32 = dot_norm_rows<float>,
    .dot_norm_rows_f16 = dot_norm_rows<uint16_t>,
    .l2_rows_f32 = l2_rows<float>,
    .l2_rows_f16 = l2_rows<uint16_t>,
    .dot_matrix_f32 = dot_matrix<float>,
    .dot_matrix_f16 = dot_matrix<uint16_t>,
    .dot_norm_matrix_f32 = dot_norm_matrix<float>,
    .dot_norm_matrix_f16 = dot_norm_matrix<uint16_t>,
    .l2_matrix_f32 = l2_matrix<float>,
    .l2_matrix_f16 = l2_matrix<uint16_t>,
    .widen_f16 = widen_f16,
    .all_finite_f32 = all_finite_f32,
    .all_finite_f16 = all_finite_f16,
    .any_nonzero_f32 = any_nonzero_f32,
    .any_nonzero_f16 = any_nonzero_f16,
};

}  // namespace dreamdb::simd
