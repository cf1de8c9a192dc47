#!/usr/bin/env bash
# The demo: real pictures, captions and sounds into a folder store, out again, searched and versioned.
# Called by `./run demo`, which has installed and built everything. Runs anew each time; what it made
# stays in build/demo to look at. STAMP=food/fruit/banana chooses what to search for.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$root"
demo=build/demo
store=$demo/store
stamp="${STAMP:-food/fruit/apple_red}"
export PATH="$root/build:$PATH"
python=(build/venv/bin/python)

step() { printf '\n== %s\n' "$*"; }

# One word as one would type it.
quoted() {
  if [[ "$1" =~ ^[a-zA-Z0-9_./:=@%+,-]+$ ]]; then
    printf '%s' "$1"
  else
    printf "'%s'" "${1//\'/\'\\\'\'}"
  fi
}

# Prints a command, runs it, and says how long it took.
show() {
  local began ended word
  printf '$'
  for word in "$@"; do printf ' %s' "$(quoted "$word")"; done | sed 's|build/venv/bin/python|./run python|'
  printf '\n'
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
  --where "category != \"$category\" and width >= 50"
dreamdb search "$store" descriptor --like "$anchor" -k 8 -f source --json >"$demo/all.jsonl"
dreamdb search "$store" descriptor --like "$anchor" -k 8 -f source --json \
  --where "category != \"$category\" and width >= 50" >"$demo/filtered.jsonl"

step "a snapshot, a branch, and one more record on the branch"
show dreamdb snapshot "$store" v1
show dreamdb branch "$store" try
read -r width height < <("${python[@]}" examples/stamps/mirror.py "file://$root/$store" "$anchor" "$demo")
show dreamdb append "$store@try" --file image="$demo/mirrored.png" --file descriptor="$demo/mirrored.npy" \
  --set category="$category" --set source="$stamp-mirrored" --set width="$width" --set height="$height"
show dreamdb search "$store@try" descriptor --like "$anchor" -k 3 -f source
show dreamdb ls "$store"
show dreamdb log "$store@try"
show dreamdb diff "$store@main@v1" "$store@try"
show dreamdb count "$store@main@v1"
show dreamdb count "$store@try"

step "the search result to look at"
show "${python[@]}" examples/stamps/contact_sheet.py "file://$root/$store" "$demo/contact-sheet.png" \
  "like $stamp=$demo/all.jsonl" "the same, outside of $category=$demo/filtered.jsonl"
step "done: $demo/contact-sheet.png"
