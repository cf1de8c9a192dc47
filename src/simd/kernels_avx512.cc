// Kernels of AVX-512 (F, BW, VL, DQ); compiled with those flags, chosen only where they run.
#include "simd/avx512.inl"

namespace dreamdb::simd {

const Kernels kAvx512Kernels = make_kernels<Avx512>("avx512");

}  // namespace dreamdb::simd
