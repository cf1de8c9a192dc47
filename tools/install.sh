#!/usr/bin/env bash
# install.sh GROUP...: installs what is missing of these groups of tools/packages.txt.
set -euo pipefail
# shellcheck source=tools/lib.sh
source "$(dirname "$0")/lib.sh"

packages_of() {
  awk -v wanted=" $* " '{ sub(/#.*/, "") }
    /^\[/ { group = $1; gsub(/[][]/, "", group); known[group] = 1; next }
    NF && index(wanted, " " group " ") { print $1 }
    END { count = split(wanted, names, " ")
          for (i = 1; i <= count; i++) if (!(names[i] in known)) {
            print "install.sh: no group " names[i] " in tools/packages.txt" > "/dev/stderr"; exit 1 } }' \
    "$root/tools/packages.txt"
}

is_installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

list="$(packages_of "$@")"
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  fail "this system has no apt, so nothing can be installed from here" \
    "DreamDB is built on Debian 12. Elsewhere install by hand what these stand for and use cmake directly (CONTRIBUTING.md): $(tr '\n' ' ' <<<"$list")"
fi

missing=()
for package in $list; do
  is_installed "$package" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ "$(id -u)" != 0 ]]; then
  command -v sudo >/dev/null ||
    fail "these Debian packages are missing, and only root may install them: ${missing[*]}" \
      "As root: apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
fi

say "installing from Debian: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log="$(mktemp)"
# Servers are started by the tests alone. Debian starts each one that it installs, now and at every
# boot, unless a policy forbids the first and the second is undone.
policy=/usr/sbin/policy-rc.d
made_policy=""
clean_up() {
  rm -f "$log"
  [[ -z "$made_policy" ]] || "${as_root[@]}" rm -f "$policy"
}
trap clean_up EXIT
if [[ ! -e "$policy" ]]; then
  made_policy=1
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
installed() { dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u; }
before="$(installed)"
# The list of packages may be old or absent: one try, then refresh it and try again.
install=(apt-get -o DPkg::Lock::Timeout=120 install -y -qq --no-install-recommends "${missing[@]}")
if ! "${as_root[@]}" "${install[@]}" >"$log" 2>&1; then
  say "refreshing the list of packages (apt-get update)"
  "${as_root[@]}" apt-get update -qq >>"$log" 2>&1 || true  # the install below says what is wrong
  "${as_root[@]}" "${install[@]}" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "apt could not install: ${missing[*]}" \
      "Read its message above. The list is for Debian 12 with main and updates; check /etc/apt/sources.list and the network, then run this again."
  }
fi
if command -v systemctl >/dev/null; then
  new="$(comm -13 <(echo "$before") <(installed))"
  # shellcheck disable=SC2086  # names of packages
  units="$(dpkg-query -L $new | sed -nE 's#^(/usr)?/lib/systemd/system/([^/@]+\.(service|target|timer))$#\2#p')"
  # shellcheck disable=SC2086  # names of units
  [[ -z "$units" ]] || "${as_root[@]}" systemctl disable $units >>"$log" 2>&1 || true  # no systemd here
fi
say "installed ${#missing[@]} packages"
