// The loops that all vector instruction sets share, over a `V` that each kernel file defines:
//   V::kLanes                           f32 values in one vector
//   V::kTileRows, V::kTileQueries       rows and queries whose sums are held in registers at once
//   V::Vec, zero(), sum(v)
//   V::load(p), V::load_part(p, n)      n < kLanes values, the rest 0; p to f32 or f16 bits
//   V::store(p, v), V::sub(a, b), V::fma(a, b, c)        fma: a * b + c
//
// All of it stands in an anonymous namespace, for each file is compiled with flags of its own. Each
// sum has one accumulator, filled in order of the dimensions: so the sum of a row and a query is
// the same number in every tile shape. Several rows at once hide the latency of the additions.
#pragma once

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

struct Dot {
  template <typename V>
  static typename V::Vec step(typename V::Vec query, typename V::Vec row, typename V::Vec sum) {
    return V::fma(query, row, sum);
  }
};

struct SquaredDistance {
  template <typename V>
  static typename V::Vec step(typename V::Vec query, typename V::Vec row, typename V::Vec sum) {
    const typename V::Vec difference = V::sub(query, row);
    return V::fma(difference, difference, sum);
  }
};

struct SquaredNorm {
  template <typename V>
  static typename V::Vec step(typename V::Vec, typename V::Vec row, typename V::Vec sum) {
    return V::fma(row, row, sum);
  }
};

// The line that stands `ahead` values further; address arithmetic only, never a read.
template <typename T>
inline const void* line_ahead(const T* values, size_t ahead) {
  return reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(values) + ahead * sizeof(T));
}

// Into all caches.
template <typename T>
inline void prefetch(const T* values, size_t ahead) {
  __builtin_prefetch(line_ahead(values, ahead));
}

// Into all but the first.
template <typename T>
inline void prefetch_far(const T* values, size_t ahead) {
  constexpr int kToRead = 0, kSecond = 2;
  __builtin_prefetch(line_ahead(values, ahead), kToRead, kSecond);
}

// out[q * stride + r] for R rows and Q queries.
template <typename V, typename Step, size_t R, size_t Q, bool kPrefetch, typename T>
inline void tile(const float* queries, const T* rows, size_t dim, float* out, size_t stride) {
  typename V::Vec sums[Q][R];
  for (size_t q = 0; q < Q; ++q)
    for (size_t r = 0; r < R; ++r) sums[q][r] = V::zero();
  size_t i = 0;
  for (; i + V::kLanes <= dim; i += V::kLanes) {
    typename V::Vec row[R];
    for (size_t r = 0; r < R; ++r) {
      row[r] = V::load(rows + r * dim + i);
      if (kPrefetch) prefetch(rows + r * dim + i, R * dim);
    }
    for (size_t q = 0; q < Q; ++q) {
      const typename V::Vec query = V::load(queries + q * dim + i);
      for (size_t r = 0; r < R; ++r) sums[q][r] = Step::template step<V>(query, row[r], sums[q][r]);
    }
  }
  if (i < dim) {
    for (size_t q = 0; q < Q; ++q) {
      const typename V::Vec query = V::load_part(queries + q * dim + i, dim - i);
      for (size_t r = 0; r < R; ++r) {
        const typename V::Vec row = V::load_part(rows + r * dim + i, dim - i);
        sums[q][r] = Step::template step<V>(query, row, sums[q][r]);
      }
    }
  }
  for (size_t q = 0; q < Q; ++q)
    for (size_t r = 0; r < R; ++r) out[q * stride + r] = V::sum(sums[q][r]);
}

template <typename V, typename Step, typename T>
void scan_rows(const float* query, const T* rows, size_t count, size_t dim, float* out) {
  constexpr size_t kRows = 2 * V::kTileRows;
  size_t r = 0;
  for (; r + kRows <= count; r += kRows)
    tile<V, Step, kRows, 1, true>(query, rows + r * dim, dim, out + r, 0);
  for (; r < count; ++r) tile<V, Step, 1, 1, false>(query, rows + r * dim, dim, out + r, 0);
}

// Dot product and squared norm of R rows, each value loaded once.
template <typename V, size_t R, typename T>
inline void dot_norm_tile(const float* query, const T* rows, size_t dim, float* dots,
                          float* squares) {
  typename V::Vec dot[R], square[R];
  for (size_t r = 0; r < R; ++r) dot[r] = square[r] = V::zero();
  size_t i = 0;
  for (; i + V::kLanes <= dim; i += V::kLanes) {
    const typename V::Vec q = V::load(query + i);
    for (size_t r = 0; r < R; ++r) {
      const typename V::Vec row = V::load(rows + r * dim + i);
      prefetch(rows + r * dim + i, R * dim);
      dot[r] = V::fma(q, row, dot[r]);
      square[r] = V::fma(row, row, square[r]);
    }
  }
  for (size_t r = 0; r < R; ++r) {
    if (i < dim) {
      const typename V::Vec row = V::load_part(rows + r * dim + i, dim - i);
      dot[r] = V::fma(V::load_part(query + i, dim - i), row, dot[r]);
      square[r] = V::fma(row, row, square[r]);
    }
    dots[r] = V::sum(dot[r]);
    squares[r] = V::sum(square[r]);
  }
}

template <typename V, typename T>
void scan_dot_norm(const float* query, const T* rows, size_t count, size_t dim, float* dots,
                   float* squares) {
  constexpr size_t kRows = 2 * V::kTileRows;
  size_t r = 0;
  for (; r + kRows <= count; r += kRows)
    dot_norm_tile<V, kRows>(query, rows + r * dim, dim, dots + r, squares + r);
  for (; r < count; ++r) dot_norm_tile<V, 1>(query, rows + r * dim, dim, dots + r, squares + r);
}

template <typename V, typename Step, size_t Q, typename T>
inline void query_tile(const float* queries, const T* rows, size_t n, size_t dim, float* out,
                       size_t stride) {
  constexpr size_t kRows = V::kTileRows;
  size_t r = 0;
  for (; r + kRows <= n; r += kRows)
    tile<V, Step, kRows, Q, false>(queries, rows + r * dim, dim, out + r, stride);
  for (; r < n; ++r) tile<V, Step, 1, Q, false>(queries, rows + r * dim, dim, out + r, stride);
}

// Rows that one pass over the queries works on: they stay in the first cache while it lasts.
template <typename V, typename T>
inline size_t block_rows(size_t dim) {
  constexpr size_t kBlockBytes = 32 * 1024;
  const size_t rows = dim == 0 ? 64 : kBlockBytes / (dim * sizeof(T));
  return rows < V::kTileRows ? V::kTileRows : rows - rows % V::kTileRows;
}

template <typename V, typename Step, typename T>
void scan_matrix(const float* queries, size_t q, const T* rows, size_t n, size_t dim, float* out) {
  if (q == 1) return scan_rows<V, Step>(queries, rows, n, dim, out);
  constexpr size_t kQueries = V::kTileQueries;
  const size_t block = block_rows<V, T>(dim);
  for (size_t r = 0; r < n; r += block) {
    const size_t count = n - r < block ? n - r : block;
    size_t j = 0;
    for (; j + kQueries <= q; j += kQueries)
      query_tile<V, Step, kQueries>(queries + j * dim, rows + r * dim, count, dim, out + j * n + r,
                                    n);
    for (; j < q; ++j)
      query_tile<V, Step, 1>(queries + j * dim, rows + r * dim, count, dim, out + j * n + r, n);
  }
}

template <typename V, typename T>
void scan_dot_norm_matrix(const float* queries, size_t q, const T* rows, size_t n, size_t dim,
                          float* dots, float* squares) {
  if (q == 1) return scan_dot_norm<V>(queries, rows, n, dim, dots, squares);
  const size_t block = block_rows<V, T>(dim);
  for (size_t r = 0; r < n; r += block) {
    const size_t count = n - r < block ? n - r : block;
    // The query is not used by this step; any `dim` floats do.
    query_tile<V, SquaredNorm, 1>(queries, rows + r * dim, count, dim, squares + r, 0);
    size_t j = 0;
    for (; j + V::kTileQueries <= q; j += V::kTileQueries)
      query_tile<V, Dot, V::kTileQueries>(queries + j * dim, rows + r * dim, count, dim,
                                          dots + j * n + r, n);
    for (; j < q; ++j)
      query_tile<V, Dot, 1>(queries + j * dim, rows + r * dim, count, dim, dots + j * n + r, n);
  }
}

template <typename V>
void widen(const uint16_t* values, size_t count, float* out) {
  size_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) V::store(out + i, V::load(values + i));
  if (i == count) return;
  float last[V::kLanes];
  V::store(last, V::load_part(values + i, count - i));
  for (size_t j = 0; i + j < count; ++j) out[i + j] = last[j];
}

// The checks are plain loops: the compiler makes vectors of them with the flags of the file.
inline constexpr size_t kCheckBlock = 4096;

inline uint32_t magnitude(float value) { return __builtin_bit_cast(uint32_t, value) & 0x7fffffffu; }
inline uint32_t magnitude(uint16_t value) { return value & 0x7fffu; }

template <uint32_t kInfinity, typename T>
bool all_finite(const T* values, size_t count) {
  for (size_t at = 0; at < count; at += kCheckBlock) {
    const size_t end = count - at < kCheckBlock ? count : at + kCheckBlock;
    uint32_t bad = 0;
    for (size_t i = at; i < end; ++i) bad |= magnitude(values[i]) >= kInfinity ? 1u : 0u;
    if (bad != 0) return false;
  }
  return true;
}

template <typename T>
bool any_nonzero(const T* values, size_t count) {
  for (size_t at = 0; at < count; at += kCheckBlock) {
    const size_t end = count - at < kCheckBlock ? count : at + kCheckBlock;
    uint32_t bits = 0;
    for (size_t i = at; i < end; ++i) bits |= magnitude(values[i]);
    if (bits != 0) return true;
  }
  return false;
}

}  // namespace
}  // namespace dreamdb::simd
