#!/usr/bin/env bash
# python.sh: brings build/venv up to date: what tools/requirements.txt pins, and the package of this checkout.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

venv="$root/build/venv"
log="$root/build/python.log"

# hash_of PATH...: one hash of names and contents; tests and benchmarks beside the code do not count.
hash_of() {
  (cd "$root" && find "$@" -type f ! -name '*_test.cc' ! -name '*_fuzz.cc' ! -name '*_bench.cc' \
    ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
}

# attempt WHAT COMMAND...: quiet when it works; the first errors of the log when it does not.
attempt() {
  say "$1"
  "${@:2}" >"$log" 2>&1 && return
  { grep -E -m 20 '[Ee]rror:|ERROR|FAILED|CMake Error' "$log" || tail -n 20 "$log"; } >&2
  return 1
}

# run_logged WHAT FOLDER COMMAND...: a second time from nothing where it fails for another reason than an
# error in a source file, without the FOLDER that an older Python or CMake, or a download that broke
# off, may have left.
run_logged() {
  attempt "$1" "${@:3}" && return
  if ! grep -qE '\.(cc|h|inl):[0-9]+(:[0-9]+)?: (fatal )?error:' "$log"; then
    cp "$log" "$log.first"
    rm -rf "$2"
    CCACHE_RECACHE=1 attempt "$1: once more, from nothing" "${@:3}" && return
  fi
  fail "failed: $1" "All of its output is in build/python.log; after mending, run this again. To begin anew: rm -rf build/venv build/python"
}

install_requirements() {
  local stamp="$venv/requirements.stamp" now
  now="$(hash_of tools/requirements.txt)"
  [[ -f "$stamp" && "$(<"$stamp")" == "$now" ]] && return
  run_logged "making build/venv with what tools/requirements.txt pins" "$venv" bash -c \
    "/usr/bin/python3 -m venv --clear '$venv' &&
     '$venv/bin/pip' install --disable-pip-version-check -r '$root/tools/requirements.txt'"
  echo "$now" >"$stamp"
}

install_package() {
  local stamp="$venv/package.stamp" now
  now="$(hash_of src include bindings/python cmake CMakeLists.txt pyproject.toml)"
  [[ -f "$stamp" && "$(<"$stamp")" == "$now" ]] && return
  # The build folder stays, so a rebuild compiles only what changed. Compiler and flags are those of
  # the release preset, so that ccache hands over what build/release has compiled already.
  run_logged "building and installing the Python package of this checkout" "$root/build/python" \
    env CC=cc CXX=c++ CMAKE_BUILD_PARALLEL_LEVEL="$jobs" \
    "$venv/bin/pip" install --disable-pip-version-check --no-build-isolation --no-deps \
    --force-reinstall "--config-settings=build-dir=$root/build/python" \
    "--config-settings=cmake.define.CMAKE_C_FLAGS_RELEASE=-O2 -g1" \
    "--config-settings=cmake.define.CMAKE_CXX_FLAGS_RELEASE=-O2 -g1" \
    "--config-settings=cmake.define.DREAMDB_WERROR=ON" "$root"
  echo "$now" >"$stamp"
}

mkdir -p "$root/build"
# Two at once would write the same folder; -o: a daemon started below must not keep the lock.
exec 9>"$root/build/python.lock"
flock 9
install_requirements 9>&-
install_package 9>&-
