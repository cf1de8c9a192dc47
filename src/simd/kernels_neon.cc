// Kernels of NEON as every AArch64 processor has it (FMA and f16 conversion are part of ARMv8.0).
#include <arm_neon.h>

#include "simd/bytes.inl"
#include "simd/kernels.h"
#include "simd/table.inl"

namespace dreamdb::simd {
namespace {

struct NeonBytes {
  using Bytes = uint8x16_t;
  using Sums = uint16x8_t;

  static Bytes load(const uint64_t* p) { return vreinterpretq_u8_u64(vld1q_u64(p)); }
  static Bytes load_one(const uint64_t* p) {
    return vreinterpretq_u8_u64(vcombine_u64(vld1_u64(p), vdup_n_u64(0)));
  }
  static Bytes count(Bytes v) { return vcntq_u8(v); }
  static Bytes bit_xor(Bytes a, Bytes b) { return veorq_u8(a, b); }
  static Bytes add(Bytes a, Bytes b) { return vaddq_u8(a, b); }
  static Sums none() { return vdupq_n_u16(0); }
  static Sums gather(Sums sums, Bytes bytes) { return vpadalq_u8(sums, bytes); }
  static uint16_t total(Sums sums) { return vaddvq_u16(sums); }
};

struct Neon {
  static constexpr size_t kLanes = 4;
  static constexpr size_t kTileRows = 4;
  static constexpr size_t kTileQueries = 4;
  static constexpr size_t kNearestVectors = 3;
  static constexpr size_t kNearestCentroids = 8;
  using Vec = float32x4_t;
  using Counter = ByteCounter<NeonBytes>;

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
  static Vec set(float x) { return vdupq_n_f32(x); }
  static Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
  static Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
  static Vec abs(Vec v) { return vabsq_f32(v); }
  static Vec flip(Vec v, uint32_t bits) {
    const int32x4_t left = {31, 30, 29, 28};
    const uint32x4_t lanes = vandq_u32(vshlq_u32(vdupq_n_u32(bits), left), vdupq_n_u32(1u << 31));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), lanes));
  }
  static uint32_t positive(Vec v) {
    const uint32x4_t bit = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgtzq_f32(v), bit));
  }
  static uint32_t at_least(Vec v, Vec threshold) {
    const uint32x4_t bit = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vcgeq_f32(v, threshold), bit));
  }
  static size_t keep(uint32_t* out, uint32_t first, uint32_t bits) {
    return keep_each(out, first, bits);
  }
  static Vec from_counts(const uint16_t* p) { return vcvtq_f32_u32(vmovl_u16(vld1_u16(p))); }
  // A product with 1 or -1 is exact, so these are the sums and differences themselves.
  static Vec stages(Vec v) {
    const Vec odd = {1, -1, 1, -1}, upper = {1, 1, -1, -1};
    v = fma(v, odd, vrev64q_f32(v));
    return fma(v, upper, vextq_f32(v, v, 2));
  }
  static float sum(Vec v) {
    const float32x2_t halves = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(halves, 0) + vget_lane_f32(halves, 1);
  }
};

}  // namespace

const Kernels kNeonKernels = make_kernels<Neon>("neon");

}  // namespace dreamdb::simd
