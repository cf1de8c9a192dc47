// Counts of bits where no instruction counts them in vectors: a table of 16 bytes for each half
// byte. Its entries carry the weight of their plane, so the bytes of all planes are added as they
// are. Over a `B` that each kernel file defines:
//   B::Bytes, kWords                  uint64 words in one vector
//   B::load(p), load_part(p, words)   the rest 0
//   B::table(weight)                  in each 16 bytes: weight * popcount(0 ... 15)
//   B::low(v), B::high(v)             the lower and upper half of each byte
//   B::look_up(table, v), bit_xor(a, b), add_bytes(a, b), add_words(a, b)
//   B::sum_bytes(v)                   the sums of 8 bytes in each 64 bits
//   B::up_16(v)                       each 64 bits moved up by 16
//   B::fold(x, y, out)                the 64-bit words of x added, those of y added: 2 * 4 uint16
#pragma once

#include "simd/kernels.h"
#include "simd/scan.inl"

namespace dreamdb::simd {
namespace {

template <typename B>
class NibbleCounter {
 public:
  explicit NibbleCounter(const BitQuery& query) : words_(query.words) {
    for (size_t plane = 0; plane < 4; ++plane) {
      tables_[plane] = B::table(1 << plane);
      for (size_t w = 0; w < words_; w += B::kWords) {
        const Bytes bytes = load(query.planes + plane * words_, w);
        planes_[w / B::kWords][plane] = {B::low(bytes), B::high(bytes)};
      }
    }
  }

  void count(const uint64_t* codes, uint16_t* counts) const {
    for (size_t i = 0; i < kCodes; i += 8)
      B::fold(four(codes + i * words_), four(codes + (i + 4) * words_), counts + i);
  }

 private:
  using Bytes = typename B::Bytes;
  struct Halves {
    Bytes low, high;
  };
  static constexpr size_t kChunksMax = (kWordsMax + B::kWords - 1) / B::kWords;

  Bytes load(const uint64_t* words, size_t from) const {
    return words_ - from >= B::kWords ? B::load(words + from)
                                      : B::load_part(words + from, words_ - from);
  }

  // h of four codes in the four uint16 of each 64 bits, to be added up over them.
  Bytes four(const uint64_t* codes) const {
    Bytes sums = one(codes + 3 * words_);
    for (size_t i = 3; i-- > 0;) sums = B::add_words(B::up_16(sums), one(codes + i * words_));
    return sums;
  }

  Bytes one(const uint64_t* code) const {
    Bytes sums = B::sum_bytes(chunk(code, 0));
    for (size_t w = B::kWords; w < words_; w += B::kWords)
      sums = B::add_words(sums, B::sum_bytes(chunk(code, w)));
    return sums;
  }

  // At most 4 + 4 bits of each plane: 120 in a byte.
  Bytes chunk(const uint64_t* code, size_t from) const {
    const Bytes bytes = load(code, from), low = B::low(bytes), high = B::high(bytes);
    const Halves* planes = planes_[from / B::kWords];
    Bytes sums = B::look_up(tables_[0], B::bit_xor(low, planes[0].low));
    sums = B::add_bytes(sums, B::look_up(tables_[0], B::bit_xor(high, planes[0].high)));
#pragma GCC unroll 3
    for (size_t i = 1; i < 4; ++i) {
      sums = B::add_bytes(sums, B::look_up(tables_[i], B::bit_xor(low, planes[i].low)));
      sums = B::add_bytes(sums, B::look_up(tables_[i], B::bit_xor(high, planes[i].high)));
    }
    return sums;
  }

  size_t words_;
  Bytes tables_[4];
  Halves planes_[kChunksMax][4];
};

}  // namespace
}  // namespace dreamdb::simd
