// Kernels of AVX-512 (F, BW, VL, DQ); compiled with those flags, chosen only where they run.
#include <immintrin.h>

#include "simd/kernels.h"
#include "simd/rows.inl"

namespace dreamdb::simd {
namespace {

struct Avx512 {
  static constexpr size_t kLanes = 16;
  static constexpr size_t kTileRows = 4;
  static constexpr size_t kTileQueries = 4;
  using Vec = __m512;

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
  static float sum(Vec v) { return _mm512_reduce_add_ps(v); }
};

}  // namespace

const Kernels kAvx512Kernels = make_kernels<Avx512>("avx512");

}  // namespace dreamdb::simd
