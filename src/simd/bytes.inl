// Counts of bits where an instruction counts those of each byte of 16. Over a `B` that each kernel
// file defines:
//   B::Bytes; B::load(p), load_one(p)   two uint64 words; one, the rest 0
//   B::count(v), bit_xor(a, b), add(a, b)       byte by byte
//   B::Sums; B::none(), gather(sums, bytes)     8 uint16: two bytes are added to each
//   B::total(sums)
#pragma once

#include "simd/kernels.h"
#include "simd/scan.inl"

namespace dreamdb::simd {
namespace {

template <typename B>
class ByteCounter {
 public:
  explicit ByteCounter(const BitQuery& query) : words_(query.words) {
    for (size_t plane = 0; plane < 4; ++plane)
      for (size_t w = 0; w < words_; w += 2)
        planes_[w / 2][plane] = load(query.planes + plane * words_, w);
  }

  void count(const uint64_t* codes, uint16_t* counts) const {
    for (size_t i = 0; i < kCodes; ++i) counts[i] = one(codes + i * words_);
  }

 private:
  using Bytes = typename B::Bytes;

  Bytes load(const uint64_t* words, size_t from) const {
    return words_ - from >= 2 ? B::load(words + from) : B::load_one(words + from);
  }

  // The count of the highest plane, doubled and added to that of the next: at most 120 in a byte.
  uint16_t one(const uint64_t* code) const {
    typename B::Sums sums = B::none();
    for (size_t w = 0; w < words_; w += 2) {
      const Bytes bits = load(code, w);
      const Bytes* planes = planes_[w / 2];
      Bytes count = B::count(B::bit_xor(bits, planes[3]));
#pragma GCC unroll 3
      for (size_t down = 1; down < 4; ++down)
        count = B::add(B::add(count, count), B::count(B::bit_xor(bits, planes[3 - down])));
      sums = B::gather(sums, count);
    }
    return B::total(sums);
  }

  size_t words_;
  Bytes planes_[(kWordsMax + 1) / 2][4];
};

}  // namespace
}  // namespace dreamdb::simd
