#!/usr/bin/env bash
# lint.sh format|check-format|all: the formatter and the linters over every file of the tree.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

# files PATTERN...: tracked files and new ones, without those that are ignored or deleted.
files() {
  git ls-files -z --cached --others --exclude-standard -- "$@" | while IFS= read -r -d '' file; do
    if [[ -f "$file" ]]; then printf '%s\0' "$file"; fi
  done
}

format() {
  say "formatting"
  files '*.h' '*.cc' '*.inl' | xargs -0 -r clang-format-19 -i
}

check_format() {
  say "clang-format"
  files '*.h' '*.cc' '*.inl' | xargs -0 -r clang-format-19 --dry-run -Werror || {
    echo "clang-format: mend with: ./run format" >&2
    return 1
  }
}

check_shell() {
  say "shellcheck"
  { files '*.sh'; printf '%s\0' run .ci/run; } | xargs -0 -r shellcheck -x
}

check_tidy() {
  say "clang-tidy, $jobs at a time (some seconds a file)"
  cmake --preset debug >build/debug.log 2>&1 || { cat build/debug.log >&2; return 1; }
  # Only what this machine compiles: a kernel of another processor cannot be read here.
  # g++'s own warning words mean nothing to clang.
  python3 -c 'import json, sys
for entry in json.load(open("build/debug/compile_commands.json")):
    if entry["file"].startswith(sys.argv[1] + "/") and entry["file"].endswith(".cc"):
        print(entry["file"], end="\0")' "$root" |
    xargs -0 -r -n 1 -P "$jobs" clang-tidy-19 -p build/debug --quiet \
      --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-deprecated-declarations \
      2> >(grep -vE 'warnings? .*generated|Processing file' >&2)
}

check_all() {
  local failed=()
  mkdir -p build
  say "layers"
  python3 tools/check_layers.py || failed+=(layers)
  check_format || failed+=(clang-format)
  check_shell || failed+=(shellcheck)
  check_tidy || failed+=(clang-tidy)
  [[ ${#failed[@]} == 0 ]] || fail "lint found something: ${failed[*]}" "Each finding is printed above with its file and line."
  say "lint is clean"
}

case "${1:-}" in
  format) format ;;
  check-format) check_format ;;
  all) check_all ;;
  *) fail "lint.sh: unknown word '${1:-}'" "Use: format, check-format or all." ;;
esac
