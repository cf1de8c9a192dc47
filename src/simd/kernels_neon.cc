// Kernels of NEON as every AArch64 processor has it (FMA and f16 conversion are part of ARMv8.0).
#include <arm_neon.h>

#include "simd/kernels.h"
#include "simd/rows.inl"

namespace dreamdb::simd {
namespace {

struct Neon {
  static constexpr size_t kLanes = 4;
  static constexpr size_t kTileRows = 4;
  static constexpr size_t kTileQueries = 4;
  using Vec = float32x4_t;

  static Vec zero() { return vdupq_n_f32(0); }
  static Vec load(const float* p) { return vld1q_f32(p); }
  static Vec load(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
  static Vec load_part(const float* p, size_t n) {
    float part[4] = {};
    for (size_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static Vec load_part(const uint16_t* p, size_t n) {
    uint16_t part[4] = {};
    for (size_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static void store(float* p, Vec v) { vst1q_f32(p, v); }
  static Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
  static float sum(Vec v) { return vaddvq_f32(v); }
};

}  // namespace

const Kernels kNeonKernels = make_kernels<Neon>("neon");

}  // namespace dreamdb::simd
