// The scan of 1-bit codes with BITALG and VNNI, which count the bits of bytes and add weighted
// bytes.
#pragma once

#include "simd/avx512.inl"

namespace dreamdb::simd {
namespace {

// The words of a code where they are not known before.
constexpr size_t kAny = 0;

// The planes of a query in registers, and codes against them.
class Planes {
 protected:
  Planes() {
    for (int plane = 0; plane < 4; ++plane)
      weights_[plane] = _mm512_set1_epi8(static_cast<char>(1 << plane));
  }
  // Adds to 16 lanes what the bits of 32 dimensions count in each: at most 480.
  void add(__m512i& lanes, __m512i bits, const __m512i (&planes)[4], size_t plane) const {
    const __m512i differ = _mm512_popcnt_epi8(_mm512_xor_si512(bits, planes[plane]));
    lanes = _mm512_dpbusd_epi32(lanes, differ, weights_[plane]);
  }

 private:
  __m512i weights_[4];
};

// For codes of kVectors * 8 words, or up to 7 fewer unless kFull: a load with a mask costs an
// operation.
template <size_t kVectors, bool kFull>
class WholePlanes : Planes {
 public:
  static constexpr size_t kWords = kFull ? 8 * kVectors : kAny;

  explicit WholePlanes(const BitQuery& query)
      : words_(query.words), last_(static_cast<__mmask8>(0xff >> (8 * kVectors - words_))) {
    for (size_t plane = 0; plane < 4; ++plane)
      for (size_t i = 0; i < kVectors; ++i)
        planes_[i][plane] = load(query.planes + plane * words_, i);
  }

  // Adds to the lanes of each of four codes. They go side by side, for the additions of one wait
  // for each other.
  void add_codes(__m512i (&lanes)[4], const uint64_t* codes) const {
#pragma GCC unroll 4
    for (size_t i = 0; i < kVectors; ++i) {
      __m512i bits[4];
#pragma GCC unroll 4
      for (size_t code = 0; code < 4; ++code) bits[code] = load(codes + code * words(), i);
#pragma GCC unroll 4
      for (size_t plane = 0; plane < 4; ++plane)
#pragma GCC unroll 4
        for (size_t code = 0; code < 4; ++code) add(lanes[code], bits[code], planes_[i], plane);
    }
  }

 private:
  size_t words() const { return kFull ? kWords : words_; }

  __m512i load(const uint64_t* words, size_t i) const {
    if (kFull || i + 1 < kVectors) return _mm512_loadu_si512(words + 8 * i);
    return _mm512_maskz_loadu_epi64(last_, words + 8 * i);
  }

  size_t words_;
  __mmask8 last_;
  __m512i planes_[kVectors][4];
};

// For codes of kVectors * 8 + 4 words: of two codes one after the other, the vector in the middle
// holds the end of the first and the beginning of the second.
template <size_t kVectors>
class HalfPlanes : Planes {
 public:
  static constexpr size_t kWords = 8 * kVectors + 4;

  explicit HalfPlanes(const BitQuery& query) {
    uint64_t twice[2 * kWords];
    for (size_t plane = 0; plane < 4; ++plane) {
      for (size_t w = 0; w < 2 * kWords; ++w) twice[w] = query.planes[plane * kWords + w % kWords];
      for (size_t i = 0; i < kTwo; ++i) planes_[i][plane] = _mm512_loadu_si512(twice + 8 * i);
    }
  }

  void add_codes(__m512i (&lanes)[4], const uint64_t* codes) const {
    __m512i middle[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    __m512i bits[2][kTwo];
#pragma GCC unroll 6
    for (size_t i = 0; i < 2 * kTwo; ++i)
      bits[i / kTwo][i % kTwo] = _mm512_loadu_si512(codes + 8 * i);
#pragma GCC unroll 4
    for (size_t plane = 0; plane < 4; ++plane)
#pragma GCC unroll 4
      for (size_t i = 0; i < kTwo; ++i)
#pragma GCC unroll 2
        for (size_t pair = 0; pair < 2; ++pair)
          add(i == kVectors ? middle[pair] : lanes[2 * pair + (i > kVectors ? 1 : 0)],
              bits[pair][i], planes_[i], plane);
#pragma GCC unroll 2
    for (size_t pair = 0; pair < 2; ++pair) {
      __m512i &first = lanes[2 * pair], &second = lanes[2 * pair + 1];
      first = _mm512_mask_add_epi32(first, 0x00ff, first, middle[pair]);
      second = _mm512_mask_add_epi32(second, 0xff00, second, middle[pair]);
    }
  }

 private:
  static constexpr size_t kTwo = 2 * kVectors + 1;
  __m512i planes_[kTwo][4];
};

template <typename P>
class BitalgScan {
 public:
  explicit BitalgScan(const BitQuery& query)
      : words_(query.words), scorer_(query), planes_(query) {}

  void score(const uint64_t* codes, const float* add, const float* scale, const float* err,
             float* lower, float* upper) const {
    scorer_.score(_mm512_cvtepi32_ps(count(codes)), add, scale, err, lower, upper);
  }

  // Known to the compiler where it can be: addresses are then no work.
  size_t words() const { return P::kWords == kAny ? words_ : P::kWords; }

 private:
  // Two codes that lie 8 apart share the lanes, the first in their upper 16 bits. Those of four
  // such pairs are added up within each quarter: in a quarter one lane a pair.
  __m512i quarters(const uint64_t* codes) const {
    __m512i lanes[4];
    for (__m512i& lane : lanes) lane = _mm512_setzero_si512();
    planes_.add_codes(lanes, codes);
    for (__m512i& lane : lanes) lane = _mm512_slli_epi32(lane, 16);
    planes_.add_codes(lanes, codes + 8 * words());
    const __m512i ab = add_even_odd(lanes[0], lanes[1]), cd = add_even_odd(lanes[2], lanes[3]);
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }

  static __m512i add_even_odd(__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  }

  // h of 16 codes.
  __m512i count(const uint64_t* codes) const {
    const __m512i x = quarters(codes), y = quarters(codes + 4 * words());
    const __m512i halves =
        _mm512_add_epi32(_mm512_shuffle_i32x4(x, y, 0x88), _mm512_shuffle_i32x4(x, y, 0xdd));
    // Quarters x, x, y, y become x, y.
    const __m512i even = _mm512_shuffle_i32x4(halves, halves, 0x08);
    const __m512i odd = _mm512_shuffle_i32x4(halves, halves, 0x0d);
    const __m256i pairs =
        _mm256_add_epi32(_mm512_castsi512_si256(even), _mm512_castsi512_si256(odd));
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_srli_epi32(pairs, 16)),
                              _mm256_and_si256(pairs, _mm256_set1_epi32(0xffff)), 1);
  }

  size_t words_;
  Scorer<Avx512> scorer_;
  P planes_;
};

template <typename P>
void scan(const BitQuery& query, const uint64_t* codes, const float* add, const float* scale,
          const float* err, size_t count, float* lower, float* upper) {
  const BitalgScan<P> scan(query);
  size_t i = 0;
  for (; i + kCodes <= count; i += kCodes) {
    prefetch_codes(codes + i * scan.words(), scan.words(), codes + count * scan.words());
    scan.score(codes + i * scan.words(), add + i, scale + i, err + i, lower + i, upper + i);
  }
  for (; i < count; ++i)
    score_code(query, codes + i * query.words, add[i], scale[i], err[i], lower[i], upper[i]);
}

template <size_t kVectors>
constexpr auto choose(size_t words) {
  return words == 8 * kVectors ? scan<WholePlanes<kVectors, true>>
                               : scan<WholePlanes<kVectors, false>>;
}

void scan_bits_bitalg(const BitQuery& query, const uint64_t* codes, const float* add,
                      const float* scale, const float* err, size_t count, float* lower,
                      float* upper) {
  const auto chosen = query.words == 4    ? scan<HalfPlanes<0>>
                      : query.words == 12 ? scan<HalfPlanes<1>>
                      : query.words <= 8  ? choose<1>(query.words)
                      : query.words <= 16 ? choose<2>(query.words)
                      : query.words <= 24 ? choose<3>(query.words)
                      : query.words <= 32 ? choose<4>(query.words)
                                          : scan_bits<Avx512>;
  chosen(query, codes, add, scale, err, count, lower, upper);
}

}  // namespace
}  // namespace dreamdb::simd
