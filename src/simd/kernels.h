// The table of kernels that each instruction set fills: all that a kernel file includes besides
// intrinsics, so that nothing compiled for a newer processor leaks into the rest.
//
// Rows are [count, dim], row-major without gaps; a pointer is aligned to its element and no more.
// f16 is IEEE binary16, held as its bits. Sums are f32 and depend on the instruction set in their
// last bits, never on `count` or on where a row stands: one row gives one value under all calls of
// a process. The kernels of the quantizer, below, are stricter: their results are the same bits
// under every instruction set, for they are stored under content addresses.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace dreamdb::simd {

// A query against 1-bit codes: its values rounded to 4 bits, transposed to planes, and what turns
// counts of bits into scores and bounds.
struct BitQuery {
  const uint64_t* planes;  // [4][words]: bit j % 64 of word j / 64 is bit i of value j in plane i
  size_t words;            // of a code and of a plane: dim / 64
  float unit;
  float base;
  float slack;
};

// The two centroids of the best scores for each row, of equal ones the first, and these scores:
// dot(row, centroid) - |centroid|^2 / 2, the greater the nearer.
struct TwoNearest {
  float *best, *second;
  uint32_t *best_at, *second_at;
};

// Many rows against many centroids, a product of matrices of which only the winners are kept. Both
// are packed first, in a form of the instruction set's own: less `origin`, as f32 or rounded to
// bf16, transposed, in whole blocks. Packed memory is aligned to 64 bytes; its size is that of the
// padded count.
struct NearestKernels {
  size_t block_rows, block_centroids;
  // The relative error of a packed number: 0 where it is f32.
  float rounding;
  // Of a packed row or centroid.
  size_t (*packed_bytes)(size_t dim);
  // squares: of the packed numbers of each row, 0 for those that fill the last block; as long as
  // that makes it.
  void (*pack_rows)(const float* rows, const float* origin, size_t count, size_t dim, void* packed,
                    float* squares);
  void (*pack_centroids)(const float* centroids, const float* origin, size_t count, size_t dim,
                         void* packed, float* squares);
  // rows, centroids: packed; half_squares: of each centroid, infinity where it only fills a block.
  // out holds what was found so far, and is as long as the rows in whole blocks; positions of
  // centroids are those in this call. A score that is no number is passed over.
  void (*find)(const void* rows, size_t row_blocks, const void* centroids,
               const float* half_squares, size_t centroid_blocks, size_t dim,
               const TwoNearest& out);
};

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

  NearestKernels nearest;

  // The quantizer's (spec chapter 12). `dim` is a multiple of 64 from here on; every product is
  // rounded to f32 before it is added, and every order of additions is part of the result.

  // values[dim], in place: four rounds of sign flips and Hadamard transforms. signs[4][dim / 64]:
  // bit j % 64 of word j / 64 negates value j in a round. n = 2^k is the largest power of two up to
  // dim. With n == dim, a round is the transform of all, and 2^(-2k) scales the end; otherwise a
  // round is the transform of the first n values (the last n in odd rounds), each of them times the
  // f32 nearest 2^(-k/2), then (a, b) -> (a + b, a - b) between the two halves of all values, and
  // 1/4 scales the end. A transform has stages h = 1, 2, 4 ... n/2 in this order, each (a, b) ->
  // (a + b, a - b) at distance h.
  void (*rotate)(float* values, size_t dim, const uint64_t* signs);
  // Sum of a[j] * b[j] in the order of an ordered sum: 16 lanes, lane i being ((p[i] + p[i + 16]) +
  // p[i + 32]) + ...; then lanes i and i + 8 are added, then i and i + 4, i + 2, i + 1.
  float (*dot_ordered)(const float* a, const float* b, size_t dim);
  // bits[dim / 64]: bit j is rotated[j] > 0. sums[3], ordered sums: |rotated[j]|, rotated[j]^2, and
  // t[j] negated where bit j is clear.
  void (*encode_bits)(const float* rotated, const float* t, size_t dim, uint64_t* bits,
                      float* sums);
  // codes [count, words], and of each code three factors. With h the sum over planes i of 2^i *
  // popcount(code XOR plane i):
  //   estimate = (base + add) + scale * (unit * (15 * 64 * words - 2 * h))
  //   lower, upper [count] = estimate -, + slack * err
  void (*scan_bits)(const BitQuery& query, const uint64_t* codes, const float* add,
                    const float* scale, const float* err, size_t count, float* lower, float* upper);
  // The same for q queries of equal `words`, lower and upper [q, count]: each code is read from
  // memory once for all of them. Writing is most of the work: rows that begin at 64 bytes (`count`
  // a multiple of 16) take two thirds of the time.
  void (*scan_bits_many)(const BitQuery* queries, size_t q, const uint64_t* codes, const float* add,
                         const float* scale, const float* err, size_t count, float* lower,
                         float* upper);

  // The dot product of query[dim] with the values of a code of width + 1 bits, width 1 to 7:
  // level - (2^(width + 1) - 1) / 2, where the highest bits of the levels stand in high[dim / 64],
  // bit j % 64 of word j / 64, and the others, `width` of each, in low[dim / 8 * width], value 0 in
  // the lowest bits of the first byte. dim: a multiple of 64.
  float (*dot_levels)(const float* query, const uint64_t* high, const uint8_t* low, unsigned width,
                      size_t dim);

  // out: each i with values[i] >= threshold (no NaN is), ascending; returns how many there are. out
  // has room for `count` of them.
  size_t (*select_at_least)(const float* values, size_t count, float threshold, uint32_t* out);
};

// Each is defined where its instruction set exists for the target, see simd.cc.
extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
extern const Kernels kAvx512BitalgKernels;
extern const Kernels kAvx512Bf16Kernels;
extern const Kernels kAmxKernels;
extern const Kernels kNeonKernels;
extern const Kernels kWasmKernels;

}  // namespace dreamdb::simd
