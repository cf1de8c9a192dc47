// The score of one code, for the scalar file and for the last codes of the others.
#pragma once

#include "simd/kernels.h"

namespace dreamdb::simd {
namespace {

inline void score_code(const BitQuery& query, const uint64_t* code, float add, float scale,
                       float err, float& lower, float& upper) {
  int64_t h = 0;
  for (size_t plane = 0; plane < 4; ++plane) {
    int64_t count = 0;
    for (size_t w = 0; w < query.words; ++w)
      count += __builtin_popcountll(code[w] ^ query.planes[plane * query.words + w]);
    h += count << plane;
  }
  const float product = query.unit * static_cast<float>(15 * 64 * int64_t(query.words) - 2 * h);
  const float estimate = (query.base + add) + scale * product;
  const float width = query.slack * err;
  lower = estimate - width;
  upper = estimate + width;
}

// Query after query over codes that stay in the cache meanwhile.
template <auto kScan>
void scan_bits_each(const BitQuery* queries, size_t q, const uint64_t* codes, const float* add,
                    const float* scale, const float* err, size_t count, float* lower,
                    float* upper) {
  constexpr size_t kBlock = 256;
  for (size_t i = 0; i < count; i += kBlock) {
    const size_t size = count - i < kBlock ? count - i : kBlock;
    for (size_t j = 0; j < q; ++j)
      kScan(queries[j], codes + i * queries[j].words, add + i, scale + i, err + i, size,
            lower + j * count + i, upper + j * count + i);
  }
}

}  // namespace
}  // namespace dreamdb::simd
