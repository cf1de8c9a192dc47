#!/usr/bin/env bash
# The kernels of WebAssembly, built by clang and run in node.
set -euo pipefail
cd "$DREAMDB_ROOT"

for program in clang++-19 wasm-ld-19 node; do
  command -v "$program" >/dev/null || {
    echo "$program is not installed; ./run test installs it"
    exit 77
  }
done

folder=build/machines/wasm32
mkdir -p $folder
# As src/simd/CMakeLists.txt compiles them.
clang++-19 --target=wasm32-wasi -msimd128 -std=c++23 -O3 -ffp-contract=off -fno-exceptions -Wall -Wextra -Werror \
  -Iinclude -Isrc src/simd/{simd,kernels_scalar,kernels_wasm}.cc tests/machines/machine_check.cc -o $folder/machine_check.wasm
node --no-warnings tests/machines/run_wasi.mjs $folder/machine_check.wasm wasm
