// Chooses the table of kernels once: the best that runs here, or the one DREAMDB_SIMD names.
#include "simd/simd.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "simd/amx_permission.h"

namespace dreamdb::simd {
namespace {

struct Available {
  const Kernels* tables[6];
  size_t count = 0;
};

Available detect() {
  Available found{{&kScalarKernels}, 1};
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (avx2) found.tables[found.count++] = &kAvx2Kernels;
  const bool bitalg =
      __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512vnni");
  if (avx2 && avx512) found.tables[found.count++] = &kAvx512Kernels;
  const bool bf16 = bitalg && __builtin_cpu_supports("avx512bf16");
  // Products of bf16 without tiles take Intel's processors longer than those of f32.
  const bool slow_bf16 = __builtin_cpu_is("intel");
  if (avx2 && avx512 && bf16 && slow_bf16) found.tables[found.count++] = &kAvx512Bf16Kernels;
  if (avx2 && avx512 && bitalg) found.tables[found.count++] = &kAvx512BitalgKernels;
  if (avx2 && avx512 && bf16 && !slow_bf16) found.tables[found.count++] = &kAvx512Bf16Kernels;
  if (avx2 && avx512 && bf16 && has_amx()) found.tables[found.count++] = &kAmxKernels;
#elif defined(__aarch64__)
  found.tables[found.count++] = &kNeonKernels;
#elif defined(__wasm_simd128__)
  found.tables[found.count++] = &kWasmKernels;
#endif
  return found;
}

const Kernels& choose() {
  const std::span<const Kernels* const> tables = available();
  const Kernels& best = *tables.back();
  const char* wanted = std::getenv("DREAMDB_SIMD");
  if (wanted == nullptr || *wanted == '\0') return best;
  for (const Kernels* table : tables)
    if (std::string_view(table->name) == wanted) return *table;
  std::fprintf(stderr,
               "dreamdb: DREAMDB_SIMD=%.32s is not available on this processor; there is:", wanted);
  for (const Kernels* table : tables) std::fprintf(stderr, " %s", table->name);
  std::fprintf(stderr, "; using %s\n", best.name);
  return best;
}

}  // namespace

std::span<const Kernels* const> available() {
  static const Available found = detect();
  return {found.tables, found.count};
}

const Kernels& active() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace dreamdb::simd
