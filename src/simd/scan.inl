// The scan of 1-bit codes and the choice of rows, over a `V` as in rows.inl and encode.inl, which
// has besides:
//   V::from_counts(p)          kLanes uint16 as f32
//   V::at_least(v, threshold)  bit i is v[i] >= threshold
//   V::keep(out, first, bits)  writes first + i for each set bit i, ascending; returns how many. It
//                              may write kLanes values.
//   V::Counter                 of a query: count(codes, counts) gives h of kCodes codes as uint16
#pragma once

#include "simd/kernels.h"
#include "simd/rows.inl"
#include "simd/score.inl"

namespace dreamdb::simd {
namespace {

// Codes that are counted at once.
constexpr size_t kCodes = 16;
// The longest code whose h fits in 16 bits.
constexpr size_t kWordsMax = 64;

// The codes that are scanned a page later, and into the second cache those of two pages later:
// processors do not look ahead beyond the page themselves, and the first cache alone has not enough
// requests under way. Measured on a Xeon, memory is read 1.3 times as fast with the first, 1.1
// times again with the second; where codes are in the cache it costs 3 %. Inlined, for a call of a
// function that only prefetches is one that compilers leave out. None from `end` on: what stands
// there are codes of other cells.
[[gnu::always_inline]] inline void prefetch_codes(const uint64_t* codes, size_t words,
                                                  const uint64_t* end) {
  constexpr size_t kLineWords = 8, kAheadWords = 512;
  if (codes + kAheadWords >= end) return;
  for (size_t w = 0; w < kCodes * words; w += kLineWords) {
    prefetch(codes + w, kAheadWords);
    prefetch_far(codes + w, 2 * kAheadWords);
  }
}

// Turns counts of kLanes codes into their bounds.
template <typename V>
class Scorer {
 public:
  using Vec = typename V::Vec;

  explicit Scorer(const BitQuery& query)
      : most_(V::set(static_cast<float>(15 * 64 * query.words))),
        unit_(V::set(query.unit)),
        base_(V::set(query.base)),
        slack_(V::set(query.slack)) {}

  // `h` holds whole numbers below 2^16, so these steps are exact.
  void score(Vec h, const float* add, const float* scale, const float* err, float* lower,
             float* upper) const {
    score_product(V::sub(most_, V::add(h, h)), add, scale, err, lower, upper);
  }

  // `whole`: 15 * dim - 2 * h.
  void score_product(Vec whole, const float* add, const float* scale, const float* err,
                     float* lower, float* upper) const {
    const Vec product = V::mul(unit_, whole);
    const Vec estimate = V::add(V::add(base_, V::load(add)), V::mul(V::load(scale), product));
    const Vec width = V::mul(slack_, V::load(err));
    V::store(lower, V::sub(estimate, width));
    V::store(upper, V::add(estimate, width));
  }

 private:
  Vec most_, unit_, base_, slack_;
};

template <typename V>
void scan_bits(const BitQuery& query, const uint64_t* codes, const float* add, const float* scale,
               const float* err, size_t count, float* lower, float* upper) {
  const Scorer<V> scorer(query);
  size_t i = 0;
  if (query.words <= kWordsMax && count >= kCodes) {
    const typename V::Counter counter(query);
    for (; i + kCodes <= count; i += kCodes) {
      prefetch_codes(codes + i * query.words, query.words, codes + count * query.words);
      alignas(64) uint16_t counts[kCodes];
      counter.count(codes + i * query.words, counts);
      for (size_t j = 0; j < kCodes; j += V::kLanes)
        scorer.score(V::from_counts(counts + j), add + i + j, scale + i + j, err + i + j,
                     lower + i + j, upper + i + j);
    }
  }
  for (; i < count; ++i)
    score_code(query, codes + i * query.words, add[i], scale[i], err[i], lower[i], upper[i]);
}

template <typename V>
size_t select_at_least(const float* values, size_t count, float threshold, uint32_t* out) {
  const typename V::Vec least = V::set(threshold);
  size_t found = 0, i = 0;
  // No more were found than were looked at, so kLanes values have room behind those found.
  for (; i + V::kLanes <= count; i += V::kLanes) {
    const uint32_t bits = V::at_least(V::load(values + i), least);
    if (bits != 0) found += V::keep(out + found, static_cast<uint32_t>(i), bits);
  }
  for (; i < count; ++i)
    if (values[i] >= threshold) out[found++] = static_cast<uint32_t>(i);
  return found;
}

// V::keep where no instruction does it.
inline size_t keep_each(uint32_t* out, uint32_t first, uint32_t bits) {
  size_t kept = 0;
  for (; bits != 0; bits &= bits - 1)
    out[kept++] = first + static_cast<uint32_t>(__builtin_ctz(bits));
  return kept;
}

}  // namespace
}  // namespace dreamdb::simd
