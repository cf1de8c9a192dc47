// Kernels of WebAssembly with 128-bit vectors (SIMD128), as every browser and node have them.
#include <wasm_simd128.h>

#include "simd/bytes.inl"
#include "simd/kernels.h"
#include "simd/table.inl"

namespace dreamdb::simd {
namespace {

struct WasmBytes {
  using Bytes = v128_t;
  using Sums = v128_t;

  static Bytes load(const uint64_t* p) { return wasm_v128_load(p); }
  static Bytes load_one(const uint64_t* p) { return wasm_v128_load64_zero(p); }
  static Bytes count(Bytes v) { return wasm_i8x16_popcnt(v); }
  static Bytes bit_xor(Bytes a, Bytes b) { return wasm_v128_xor(a, b); }
  static Bytes add(Bytes a, Bytes b) { return wasm_i8x16_add(a, b); }
  static Sums none() { return wasm_i64x2_const(0, 0); }
  static Sums gather(Sums sums, Bytes bytes) {
    return wasm_i16x8_add(sums, wasm_u16x8_extadd_pairwise_u8x16(bytes));
  }
  static uint16_t total(Sums sums) {
    const v128_t four = wasm_u32x4_extadd_pairwise_u16x8(sums);
    const v128_t two = wasm_i32x4_add(four, wasm_i32x4_shuffle(four, four, 2, 3, 0, 1));
    return static_cast<uint16_t>(wasm_i32x4_extract_lane(two, 0) + wasm_i32x4_extract_lane(two, 1));
  }
};

struct Wasm {
  static constexpr size_t kLanes = 4;
  static constexpr size_t kTileRows = 2;
  static constexpr size_t kTileQueries = 4;
  static constexpr size_t kNearestVectors = 3;
  static constexpr size_t kNearestCentroids = 4;
  using Vec = v128_t;
  using Counter = ByteCounter<WasmBytes>;

  static Vec zero() { return set(0); }
  static Vec load(const float* p) { return wasm_v128_load(p); }
  // Moved to the places of f32, an f16 is 2^112 times too small, which holds for subnormals too;
  // infinities and NaN, quiet, are put together.
  static Vec load(const uint16_t* p) {
    const v128_t half = wasm_u32x4_load16x4(p);
    const v128_t sign = wasm_i32x4_shl(wasm_v128_and(half, wasm_i32x4_splat(0x8000)), 16);
    const v128_t rest = wasm_i32x4_shl(wasm_v128_and(half, wasm_i32x4_splat(0x7fff)), 13);
    const v128_t infinity = wasm_i32x4_splat(0x7c00 << 13);
    const v128_t quiet = wasm_v128_and(wasm_i32x4_gt(rest, infinity), wasm_i32x4_splat(1 << 22));
    const v128_t special = wasm_v128_or(wasm_v128_or(rest, wasm_i32x4_splat(0x7f800000)), quiet);
    const v128_t finite = wasm_f32x4_mul(rest, wasm_f32x4_splat(0x1p112f));
    const v128_t size = wasm_v128_bitselect(special, finite, wasm_i32x4_ge(rest, infinity));
    return wasm_v128_or(size, sign);
  }
  template <typename T>
  static Vec load_part(const T* p, size_t n) {
    T part[4] = {};
    for (size_t i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  static void store(float* p, Vec v) { wasm_v128_store(p, v); }
  static Vec sub(Vec a, Vec b) { return wasm_f32x4_sub(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return add(mul(a, b), c); }
  static Vec set(float x) { return wasm_f32x4_splat(x); }
  static Vec add(Vec a, Vec b) { return wasm_f32x4_add(a, b); }
  static Vec mul(Vec a, Vec b) { return wasm_f32x4_mul(a, b); }
  static Vec abs(Vec v) { return wasm_f32x4_abs(v); }
  static Vec flip(Vec v, uint32_t bits) {
    const v128_t left = wasm_i32x4_const(static_cast<int32_t>(1u << 31), 1 << 30, 1 << 29, 1 << 28);
    const v128_t lanes = wasm_i32x4_mul(wasm_i32x4_splat(static_cast<int32_t>(bits)), left);
    return wasm_v128_xor(v, wasm_v128_and(lanes, set(-0.0f)));
  }
  static uint32_t positive(Vec v) { return wasm_i32x4_bitmask(wasm_f32x4_gt(v, zero())); }
  static uint32_t at_least(Vec v, Vec threshold) {
    return wasm_i32x4_bitmask(wasm_f32x4_ge(v, threshold));
  }
  static size_t keep(uint32_t* out, uint32_t first, uint32_t bits) {
    return keep_each(out, first, bits);
  }
  static Vec from_counts(const uint16_t* p) {
    return wasm_f32x4_convert_i32x4(wasm_u32x4_load16x4(p));
  }
  static Vec stages(Vec v) {
    v = add(wasm_i32x4_shuffle(v, v, 1, 0, 3, 2), flip(v, 0b1010));
    return add(wasm_i32x4_shuffle(v, v, 2, 3, 0, 1), flip(v, 0b1100));
  }
  static float sum(Vec v) {
    const Vec two = add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
    return wasm_f32x4_extract_lane(two, 0) + wasm_f32x4_extract_lane(two, 1);
  }
};

}  // namespace

const Kernels kWasmKernels = make_kernels<Wasm>("wasm");

}  // namespace dreamdb::simd
