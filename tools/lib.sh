# What the shell tools share: where things are, and how to speak. Sourced, not run.
# shellcheck shell=bash disable=SC2034

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
jobs="${DREAMDB_JOBS:-$(nproc)}"
# Objects compiled in one build folder serve the others that compile the same line.
export CCACHE_NOHASHDIR=1

say() { printf '== %s\n' "$*" >&2; }

# fail WHAT WAY-OUT
fail() {
  printf 'run: %s\n     %s\n' "$1" "$2" >&2
  exit 1
}
