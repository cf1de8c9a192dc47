#!/usr/bin/env bash
# The demo: real pictures, captions and sounds into a folder store, out again, searched and versioned.
# Called by `./run demo`, which has installed and built everything. Runs anew each time; what it made
# stays in build/demo to look at. STAMP=food/fruit/banana chooses what to search for.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$root"
demo=build/demo
store=$demo/store
stamp="${STAMP:-animals/birds/crow}"
export PATH="$root/build:$PATH"
python=(build/venv/bin/python)

step() { printf '\n== %s\n' "$*"; }
# Prints a command as one would type it, runs it, and says how long it took.
show() {
  local began ended
  printf '$ %s\n' "$(printf '%q ' "$@" | sed -e 's/ $//' -e 's|build/venv/bin/python|./run python|')"
  began=$(date +%s%N)
  "$@"
  ended=$(date +%s%N)
  printf '  (%d ms)\n' $(((ended - began) / 1000000))
}

fail() {
  printf 'demo: %s\n     %s\n' "$1" "$2" >&2
  exit 1
}

command -v dreamdb >/dev/null || fail "build/dreamdb is not there" "Run: ./run demo (it builds first)."
rm -rf "$store" "$demo"/*.json "$demo"/*.jsonl "$demo"/*.png "$demo"/*.npy
mkdir -p "$demo"

step "records from the stamps of Tux Paint: pictures, drawings, captions, sounds, and a descriptor of the pixels"
show "${python[@]}" examples/stamps/prepare.py "$demo"

step "one command creates the dataset and ingests everything"
show dreamdb ingest "$store" --create \
  --field image:image:png --field 'drawing:blob?' --field 'caption:text?' --field 'title:string?' \
  --field 'sound:audio:ogg?' --field category:categorical --field 'subcategory:categorical?' \
  --field source:string --field width:int --field height:int --field descriptor:embedding:512 \
  "$demo/records.jsonl" --npy "descriptor=$demo/descriptors.npy" --cost
show dreamdb stat "$store"
show dreamdb values "$store" category

step "everything streamed back from Python and compared with the files, byte for byte"
show "${python[@]}" examples/stamps/verify.py "file://$root/$store" "$demo"

step "the records most like $stamp: among all, and only outside of its category"
anchor="$(dreamdb ls --anchors "$store" --where "source == '$stamp'")"
[[ -n "$anchor" ]] || fail "no record has source $stamp" "List them: build/dreamdb stream $store -f source"
category="${stamp%%/*}"
show dreamdb search "$store" descriptor --like "$anchor" -k 8 -f title,category
show dreamdb search "$store" descriptor --like "$anchor" -k 8 -f title,category \
  --where "category != '$category' and width >= 50"
dreamdb search "$store" descriptor --like "$anchor" -k 8 -f source --json >"$demo/all.jsonl"
dreamdb search "$store" descriptor --like "$anchor" -k 8 -f source --json \
  --where "category != '$category' and width >= 50" >"$demo/filtered.jsonl"

step "a snapshot, a branch, and one more record on the branch"
show dreamdb snapshot "$store" v1
show dreamdb branch "$store" try
show dreamdb show "$store" "$anchor" --field image --out "$demo/again.png"
"${python[@]}" - "$demo" <<'PY'
import sys, numpy
numpy.save(sys.argv[1] + "/again.npy", numpy.load(sys.argv[1] + "/descriptors.npy")[0])
PY
show dreamdb append "$store@try" --file image="$demo/again.png" --file descriptor="$demo/again.npy" \
  --set category=again --set source="$stamp" --set width=1 --set height=1
show dreamdb ls "$store"
show dreamdb log "$store@try"
show dreamdb diff "$store@main@v1" "$store@try"
show dreamdb count "$store@main@v1"
show dreamdb count "$store@try"

step "the search result to look at"
show "${python[@]}" examples/stamps/contact_sheet.py "file://$root/$store" "$demo/contact-sheet.png" \
  "like $stamp=$demo/all.jsonl" "the same, outside of $category=$demo/filtered.jsonl"
step "done: $demo/contact-sheet.png"
