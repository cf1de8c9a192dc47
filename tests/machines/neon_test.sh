#!/usr/bin/env bash
# The kernels of AArch64, built by Debian's cross compiler and run under qemu.
set -euo pipefail
cd "$DREAMDB_ROOT"

compiler=aarch64-linux-gnu-g++-12
for program in $compiler qemu-aarch64-static; do
  command -v "$program" >/dev/null || {
    echo "$program is not installed; ./run test installs it"
    exit 77
  }
done

folder=build/machines/aarch64
mkdir -p $folder
# As src/simd/CMakeLists.txt compiles them.
$compiler -static -std=c++23 -O3 -ffp-contract=off -Wall -Wextra -Werror -Iinclude -Isrc \
  src/simd/{simd,kernels_scalar,kernels_neon}.cc tests/machines/machine_check.cc -o $folder/machine_check
qemu-aarch64-static $folder/machine_check neon
