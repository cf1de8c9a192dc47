// The table of kernels that each instruction set fills: all that a kernel file includes besides
// intrinsics, so that nothing compiled for a newer processor leaks into the rest.
//
// Rows are [count, dim], row-major without gaps; a pointer is aligned to its element and no more.
// f16 is IEEE binary16, held as its bits. Sums are f32 and depend on the instruction set in their
// last bits, never on `count` or on where a row stands: one row gives one value under all calls of
// a process.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace dreamdb::simd {

struct Kernels {
  const char* name;

  // out[count]: sum of query[i] * row[i].
  void (*dot_rows_f32)(const float* query, const float* rows, size_t count, size_t dim, float* out);
  void (*dot_rows_f16)(const float* query, const uint16_t* rows, size_t count, size_t dim,
                       float* out);
  // dots[count] as above and squares[count]: sum of row[i]^2, in one pass.
  void (*dot_norm_rows_f32)(const float* query, const float* rows, size_t count, size_t dim,
                            float* dots, float* squares);
  void (*dot_norm_rows_f16)(const float* query, const uint16_t* rows, size_t count, size_t dim,
                            float* dots, float* squares);
  // out[count]: sum of (query[i] - row[i])^2.
  void (*l2_rows_f32)(const float* query, const float* rows, size_t count, size_t dim, float* out);
  void (*l2_rows_f16)(const float* query, const uint16_t* rows, size_t count, size_t dim,
                      float* out);

  // queries [q, dim], rows [n, dim], out [q, n]; each row is read from memory once for all queries.
  void (*dot_matrix_f32)(const float* queries, size_t q, const float* rows, size_t n, size_t dim,
                         float* out);
  void (*dot_matrix_f16)(const float* queries, size_t q, const uint16_t* rows, size_t n, size_t dim,
                         float* out);
  // dots [q, n], squares [n].
  void (*dot_norm_matrix_f32)(const float* queries, size_t q, const float* rows, size_t n,
                              size_t dim, float* dots, float* squares);
  void (*dot_norm_matrix_f16)(const float* queries, size_t q, const uint16_t* rows, size_t n,
                              size_t dim, float* dots, float* squares);
  void (*l2_matrix_f32)(const float* queries, size_t q, const float* rows, size_t n, size_t dim,
                        float* out);
  void (*l2_matrix_f16)(const float* queries, size_t q, const uint16_t* rows, size_t n, size_t dim,
                        float* out);

  // out[count]: the same numbers in f32, exactly; NaN keep their payload and become quiet.
  void (*widen_f16)(const uint16_t* values, size_t count, float* out);
  // No NaN and no infinity among the values.
  bool (*all_finite_f32)(const float* values, size_t count);
  bool (*all_finite_f16)(const uint16_t* values, size_t count);
  // A value other than 0.0 and -0.0 is there (NaN counts as one).
  bool (*any_nonzero_f32)(const float* values, size_t count);
  bool (*any_nonzero_f16)(const uint16_t* values, size_t count);
};

// Each is defined where its instruction set exists for the target, see simd.cc.
extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kNeonKernels;

}  // namespace dreamdb::simd
