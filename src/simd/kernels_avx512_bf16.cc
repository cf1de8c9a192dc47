// Kernels of AVX-512 with BITALG, VNNI and BF16 (Zen 4 on): products of rounded numbers. Compiled
// with those flags, chosen only where they run.
#include "simd/bitalg.inl"
#include "simd/nearest_bf16.inl"

namespace dreamdb::simd {
namespace {

// Centroids whose sums with 32 rows are held in registers at once.
constexpr size_t kAtOnce = 8;

void find_nearest(const void* rows, size_t row_blocks, const void* centroids,
                  const float* half_squares, size_t centroid_blocks, size_t dim,
                  const TwoNearest& out) {
  const size_t steps = steps_of(dim), block_bytes = steps * kStepBytes;
  for (size_t c = 0; c < centroid_blocks * kNearestBlock; c += kAtOnce) {
    const char* const few = static_cast<const char*>(centroids) + c / kNearestBlock * block_bytes +
                            c / kTile % 2 * kTileBytes + c % kTile * 64;
    for (size_t r = 0; r < row_blocks; ++r) {
      const char* const block = static_cast<const char*>(rows) + r * block_bytes;
      __m512 sums[kAtOnce][2];
      for (auto& sum : sums) sum[0] = sum[1] = _mm512_setzero_ps();
      for (size_t at = 0; at < block_bytes; at += kStepBytes) {
        for (size_t pair = 0; pair < kTile; ++pair) {
          const auto* const row = block + at + pair * 64;
          const auto low = __builtin_bit_cast(__m512bh, _mm512_load_si512(row));
          const auto high = __builtin_bit_cast(__m512bh, _mm512_load_si512(row + kTileBytes));
#pragma GCC unroll 8
          for (size_t i = 0; i < kAtOnce; ++i) {
            int32_t two;
            __builtin_memcpy(&two, few + at + i * 64 + pair * 4, sizeof(two));
            const auto values = __builtin_bit_cast(__m512bh, _mm512_set1_epi32(two));
            sums[i][0] = _mm512_dpbf16_ps(sums[i][0], low, values);
            sums[i][1] = _mm512_dpbf16_ps(sums[i][1], high, values);
          }
        }
      }
      for (size_t half = 0; half < 2; ++half) {
        const size_t row = r * kNearestBlock + half * kTile;
        Winners winners(out, row);
        for (size_t i = 0; i < kAtOnce; ++i)
          winners.take(sums[i][half], half_squares[c + i], static_cast<uint32_t>(c + i));
        winners.store(out, row);
      }
    }
  }
}

constexpr Kernels make_bf16_kernels() {
  Kernels kernels = make_kernels<Avx512>("avx512_bf16");
  kernels.scan_bits = scan_bits_bitalg;
  kernels.scan_bits_many = scan_bits_each<scan_bits_bitalg>;
  kernels.nearest = make_nearest_bf16(find_nearest);
  return kernels;
}

}  // namespace

const Kernels kAvx512Bf16Kernels = make_bf16_kernels();

}  // namespace dreamdb::simd
