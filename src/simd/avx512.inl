// Operations of AVX-512 (F, BW, VL, DQ) for the loops of rows.inl, encode.inl, scan.inl and
// nibbles.inl.
#pragma once

#include <immintrin.h>

#include "simd/nibbles.inl"
#include "simd/table.inl"

namespace dreamdb::simd {
namespace {

struct Avx512Bytes {
  static constexpr size_t kWords = 8;
  using Bytes = __m512i;

  static Bytes load(const uint64_t* p) { return _mm512_loadu_si512(p); }
  static Bytes load_part(const uint64_t* p, size_t words) {
    return _mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << words) - 1), p);
  }
  static Bytes table(int weight) {
    const __m128i bits = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    // Entries stay below 2^8, so none moves into its neighbour.
    return _mm512_broadcast_i32x4(
        _mm_mullo_epi16(bits, _mm_set1_epi16(static_cast<short>(weight))));
  }
  static Bytes low(Bytes v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
  static Bytes high(Bytes v) { return low(_mm512_srli_epi16(v, 4)); }
  static Bytes look_up(Bytes table, Bytes v) { return _mm512_shuffle_epi8(table, v); }
  static Bytes bit_xor(Bytes a, Bytes b) { return _mm512_xor_si512(a, b); }
  static Bytes add_bytes(Bytes a, Bytes b) { return _mm512_add_epi8(a, b); }
  static Bytes add_words(Bytes a, Bytes b) { return _mm512_add_epi64(a, b); }
  static Bytes sum_bytes(Bytes v) { return _mm512_sad_epu8(v, _mm512_setzero_si512()); }
  static Bytes up_16(Bytes v) { return _mm512_slli_epi64(v, 16); }
  static void fold(Bytes x, Bytes y, uint16_t* out) {
    const __m512i four = add_words(_mm512_unpacklo_epi64(x, y), _mm512_unpackhi_epi64(x, y));
    const __m256i two =
        _mm256_add_epi64(_mm512_castsi512_si256(four), _mm512_extracti64x4_epi64(four, 1));
    const __m128i one =
        _mm_add_epi64(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), one);
  }
};

struct Avx512 {
  static constexpr size_t kLanes = 16;
  static constexpr size_t kTileRows = 4;
  static constexpr size_t kTileQueries = 4;
  static constexpr size_t kNearestVectors = 3;
  static constexpr size_t kNearestCentroids = 8;
  using Vec = __m512;
  using Counter = NibbleCounter<Avx512Bytes>;

  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static Vec load(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static Vec load_part(const float* p, size_t n) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
  }
  static Vec load_part(const uint16_t* p, size_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << n) - 1), p));
  }
  static void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
  static Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static Vec set(float x) { return _mm512_set1_ps(x); }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec abs(Vec v) { return _mm512_abs_ps(v); }
  static Vec flip(Vec v, uint32_t bits) {
    return _mm512_mask_xor_ps(v, static_cast<__mmask16>(bits), v, set(-0.0f));
  }
  static uint32_t positive(Vec v) { return _mm512_cmp_ps_mask(v, zero(), _CMP_GT_OQ); }
  static uint32_t at_least(Vec v, Vec threshold) {
    return _mm512_cmp_ps_mask(v, threshold, _CMP_GE_OQ);
  }
  static size_t keep(uint32_t* out, uint32_t first, uint32_t bits) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i places = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)), lanes);
    // In a register and then stored: a compressing store is slow on some processors.
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), places));
    return static_cast<size_t>(__builtin_popcount(bits));
  }
  static Vec from_counts(const uint16_t* p) {
    const __m256i counts = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(counts));
  }
  // Lanes negated where bit i % 16 of `kBits` is set, added to others: a product with 1 or -1 is
  // exact.
  template <unsigned kBits>
  static Vec stage(Vec v, Vec partner) {
    const Vec signs = _mm512_mask_blend_ps(static_cast<__mmask16>(kBits), set(1), set(-1));
    return fma(v, signs, partner);
  }
  static Vec stages(Vec v) {
    v = stage<0xaaaa>(v, _mm512_permute_ps(v, 0xb1));
    v = stage<0xcccc>(v, _mm512_permute_ps(v, 0x4e));
    v = stage<0xf0f0>(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    return stage<0xff00>(v, _mm512_shuffle_f32x4(v, v, 0x4e));
  }
  // Lane i needs bits [i kWidth, (i + 1) kWidth), which two bytes hold.
  template <unsigned kWidth>
  static Vec levels(const uint8_t* low, size_t size, uint16_t top) {
    struct Places {
      alignas(64) uint8_t bytes[64];
      alignas(64) uint32_t shifts[16];
    };
    static constexpr Places kPlaces = [] {
      Places places{};
      for (unsigned i = 0; i < 16; ++i) {
        const auto byte = static_cast<uint8_t>(i * kWidth / 8);
        places.bytes[4 * i] = byte;
        places.bytes[4 * i + 1] = static_cast<uint8_t>(byte + 1);
        places.bytes[4 * i + 2] = places.bytes[4 * i + 3] = 0x80;  // zero
        places.shifts[i] = i * kWidth % 8;
      }
      return places;
    }();
    constexpr int kTop = 1 << kWidth;
    const __m128i bytes =
        size >= sizeof(__m128i)
            ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(low))
            : _mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << 2 * kWidth) - 1), low);
    const __m512i pairs =
        _mm512_shuffle_epi8(_mm512_broadcast_i32x4(bytes), _mm512_load_si512(kPlaces.bytes));
    const __m512i level = _mm512_and_si512(
        _mm512_srlv_epi32(pairs, _mm512_load_si512(kPlaces.shifts)), _mm512_set1_epi32(kTop - 1));
    return _mm512_cvtepi32_ps(_mm512_mask_or_epi32(level, top, level, _mm512_set1_epi32(kTop)));
  }
  static float sum(Vec v) {
    const __m256 x = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
  }
};

}  // namespace
}  // namespace dreamdb::simd
