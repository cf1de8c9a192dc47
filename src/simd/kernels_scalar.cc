// Kernels in plain C++: the truth that every instruction set is compared with, and what runs where
// there is none.
#include "simd/kernels.h"
#include "simd/levels.inl"
#include "simd/rotation.inl"
#include "simd/score.inl"

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

void transform(float* values, size_t n) {
  for (size_t h = 1; h < n; h *= 2)
    for (size_t at = 0; at < n; at += 2 * h)
      for (size_t i = at; i < at + h; ++i) {
        const float a = values[i], b = values[i + h];
        values[i] = a + b;
        values[i + h] = a - b;
      }
}

void rotate(float* values, size_t dim, const uint64_t* signs) {
  const size_t n = power_of_two_below(dim);
  for (size_t round = 0; round < kRounds; ++round, signs += dim / 64) {
    for (size_t j = 0; j < dim; ++j)
      if ((signs[j / 64] >> (j % 64) & 1) != 0) values[j] = -values[j];
    if (n == dim) {
      transform(values, dim);
      continue;
    }
    float* part = values + (round % 2 == 0 ? 0 : dim - n);
    transform(part, n);
    for (size_t j = 0; j < n; ++j) part[j] *= inverse_root(n);
    for (size_t j = 0; j < dim / 2; ++j) {
      const float a = values[j], b = values[j + dim / 2];
      values[j] = a + b;
      values[j + dim / 2] = a - b;
    }
  }
  for (size_t j = 0; j < dim; ++j) values[j] *= last_scale(n, dim);
}

struct OrderedSum {
  float lanes[16] = {};

  void add(size_t j, float product) { lanes[j % 16] = j < 16 ? product : lanes[j % 16] + product; }
  float total() {
    for (size_t h = 8; h > 0; h /= 2)
      for (size_t i = 0; i < h; ++i) lanes[i] += lanes[i + h];
    return lanes[0];
  }
};

float dot_ordered(const float* a, const float* b, size_t dim) {
  OrderedSum sum;
  for (size_t j = 0; j < dim; ++j) sum.add(j, a[j] * b[j]);
  return sum.total();
}

void encode_bits(const float* rotated, const float* t, size_t dim, uint64_t* bits, float* sums) {
  OrderedSum l1, l2, st;
  for (size_t w = 0; w < dim / 64; ++w) bits[w] = 0;
  for (size_t j = 0; j < dim; ++j) {
    const bool bit = rotated[j] > 0;
    bits[j / 64] |= static_cast<uint64_t>(bit) << (j % 64);
    l1.add(j, __builtin_fabsf(rotated[j]));
    l2.add(j, rotated[j] * rotated[j]);
    st.add(j, bit ? t[j] : -t[j]);
  }
  sums[0] = l1.total();
  sums[1] = l2.total();
  sums[2] = st.total();
}

void scan_bits(const BitQuery& query, const uint64_t* codes, const float* add, const float* scale,
               const float* err, size_t count, float* lower, float* upper) {
  for (size_t i = 0; i < count; ++i)
    score_code(query, codes + i * query.words, add[i], scale[i], err[i], lower[i], upper[i]);
}

size_t packed_bytes(size_t dim) { return dim * sizeof(float); }

void pack(const float* rows, const float* origin, size_t count, size_t dim, void* packed,
          float* squares) {
  float* const out = static_cast<float*>(packed);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < dim; ++j) out[i * dim + j] = rows[i * dim + j] - origin[j];
    squares[i] = squared_norm(out + i * dim, dim);
  }
}

void find_nearest(const void* rows, size_t row_count, const void* centroids,
                  const float* half_squares, size_t count, size_t dim, const TwoNearest& out) {
  for (size_t c = 0; c < count; ++c) {
    for (size_t r = 0; r < row_count; ++r) {
      const float score = dot(static_cast<const float*>(rows) + r * dim,
                              static_cast<const float*>(centroids) + c * dim, dim) -
                          half_squares[c];
      if (score > out.best[r]) {
        out.second[r] = out.best[r];
        out.second_at[r] = out.best_at[r];
        out.best[r] = score;
        out.best_at[r] = static_cast<uint32_t>(c);
      } else if (score > out.second[r]) {
        out.second[r] = score;
        out.second_at[r] = static_cast<uint32_t>(c);
      }
    }
  }
}

size_t select_at_least(const float* values, size_t count, float threshold, uint32_t* out) {
  size_t found = 0;
  for (size_t i = 0; i < count; ++i)
    if (values[i] >= threshold) out[found++] = static_cast<uint32_t>(i);
  return found;
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
    .nearest = {.block_rows = 1,
                .block_centroids = 1,
                .rounding = 0,
                .packed_bytes = packed_bytes,
                .pack_rows = pack,
                .pack_centroids = pack,
                .find = find_nearest},
    .rotate = rotate,
    .dot_ordered = dot_ordered,
    .encode_bits = encode_bits,
    .scan_bits = scan_bits,
    .scan_bits_many = scan_bits_each<scan_bits>,
    .dot_levels = dot_levels<void>,
    .select_at_least = select_at_least,
};

}  // namespace dreamdb::simd
