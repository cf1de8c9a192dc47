// Kernels of AVX2 with FMA and F16C; compiled with those flags, chosen only where they run.
#include <immintrin.h>

#include "simd/kernels.h"
#include "simd/nibbles.inl"
#include "simd/table.inl"

namespace dreamdb::simd {
namespace {

// A window into it that starts at 8 - n has n lanes set.
alignas(64) constexpr int32_t kLaneMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

struct Avx2Bytes {
  static constexpr size_t kWords = 4;
  using Bytes = __m256i;

  static Bytes load(const uint64_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Bytes load_part(const uint64_t* p, size_t words) {
    const auto* mask = reinterpret_cast<const __m256i*>(kLaneMasks + 8 - 2 * words);
    return _mm256_maskload_epi64(reinterpret_cast<const long long*>(p), _mm256_loadu_si256(mask));
  }
  static Bytes table(int weight) {
    const __m128i bits = _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    // Entries stay below 2^8, so none moves into its neighbour.
    return _mm256_broadcastsi128_si256(
        _mm_mullo_epi16(bits, _mm_set1_epi16(static_cast<short>(weight))));
  }
  static Bytes low(Bytes v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
  static Bytes high(Bytes v) { return low(_mm256_srli_epi16(v, 4)); }
  static Bytes look_up(Bytes table, Bytes v) { return _mm256_shuffle_epi8(table, v); }
  static Bytes bit_xor(Bytes a, Bytes b) { return _mm256_xor_si256(a, b); }
  static Bytes add_bytes(Bytes a, Bytes b) { return _mm256_add_epi8(a, b); }
  static Bytes add_words(Bytes a, Bytes b) { return _mm256_add_epi64(a, b); }
  static Bytes sum_bytes(Bytes v) { return _mm256_sad_epu8(v, _mm256_setzero_si256()); }
  static Bytes up_16(Bytes v) { return _mm256_slli_epi64(v, 16); }
  static void fold(Bytes x, Bytes y, uint16_t* out) {
    const __m256i two = add_words(_mm256_unpacklo_epi64(x, y), _mm256_unpackhi_epi64(x, y));
    const __m128i one =
        _mm_add_epi64(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), one);
  }
};

struct Avx2 {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kTileRows = 2;
  static constexpr size_t kTileQueries = 4;
  static constexpr size_t kNearestVectors = 3;
  static constexpr size_t kNearestCentroids = 4;
  using Vec = __m256;
  using Counter = NibbleCounter<Avx2Bytes>;

  static Vec zero() { return _mm256_setzero_ps(); }
  static Vec load(const float* p) { return _mm256_loadu_ps(p); }
  static Vec load(const uint16_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Vec load_part(const float* p, size_t n) {
    const auto* mask = reinterpret_cast<const __m256i*>(kLaneMasks + 8 - n);
    return _mm256_maskload_ps(p, _mm256_loadu_si256(mask));
  }
  static Vec load_part(const uint16_t* p, size_t n) {
    alignas(16) uint16_t part[8] = {};
    for (size_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
  static Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
  static Vec set(float x) { return _mm256_set1_ps(x); }
  static Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
  static Vec abs(Vec v) { return _mm256_andnot_ps(set(-0.0f), v); }
  static Vec flip(Vec v, uint32_t bits) {
    const __m256i left = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
    const __m256i lanes = _mm256_sllv_epi32(_mm256_set1_epi32(static_cast<int>(bits)), left);
    return _mm256_xor_ps(v, _mm256_and_ps(_mm256_castsi256_ps(lanes), set(-0.0f)));
  }
  static uint32_t positive(Vec v) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(v, zero(), _CMP_GT_OQ)));
  }
  static uint32_t at_least(Vec v, Vec threshold) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(v, threshold, _CMP_GE_OQ)));
  }
  static size_t keep(uint32_t* out, uint32_t first, uint32_t bits) {
    return keep_each(out, first, bits);
  }
  static Vec from_counts(const uint16_t* p) {
    const __m128i counts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(counts));
  }
  // A product with 1 or -1 is exact, so these are the sums and differences themselves.
  static Vec stages(Vec v) {
    v = fma(v, _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1), _mm256_permute_ps(v, 0xb1));
    v = fma(v, _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1), _mm256_permute_ps(v, 0x4e));
    return fma(v, _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1), _mm256_permute2f128_ps(v, v, 1));
  }
  static float sum(Vec v) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
  }
};

}  // namespace

const Kernels kAvx2Kernels = make_kernels<Avx2>("avx2");

}  // namespace dreamdb::simd
