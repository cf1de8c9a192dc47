// Kernels of AVX2 with FMA and F16C; compiled with those flags, chosen only where they run.
#include <immintrin.h>

#include "simd/kernels.h"
#include "simd/rows.inl"

namespace dreamdb::simd {
namespace {

// A window into it that starts at 8 - n has n lanes set.
alignas(64) constexpr int32_t kLaneMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

struct Avx2 {
  static constexpr size_t kLanes = 8;
  static constexpr size_t kTileRows = 2;
  static constexpr size_t kTileQueries = 4;
  using Vec = __m256;

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
  static float sum(Vec v) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
  }
};

}  // namespace

const Kernels kAvx2Kernels = make_kernels<Avx2>("avx2");

}  // namespace dreamdb::simd
