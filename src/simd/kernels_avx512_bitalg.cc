// Kernels of AVX-512 with BITALG and VNNI (Ice Lake and Zen 4 on); compiled with those flags,
// chosen only where they run.
#include "simd/bitalg.inl"

namespace dreamdb::simd {
namespace {

constexpr Kernels make_bitalg_kernels() {
  Kernels kernels = make_kernels<Avx512>("avx512_bitalg");
  kernels.scan_bits = scan_bits_bitalg;
  kernels.scan_bits_many = scan_bits_each<scan_bits_bitalg>;
  return kernels;
}

}  // namespace

const Kernels kAvx512BitalgKernels = make_bitalg_kernels();

}  // namespace dreamdb::simd
