"""Streams every record back through the Python package and compares it with the files it came from.

    verify.py STORE FOLDER      (FOLDER is what prepare.py wrote)
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

import dreamdb

BLOBS = ("image", "drawing", "sound", "caption")
SCALARS = ("source", "title", "category", "subcategory", "width", "height")


def expected_blob(value):
    if value is None:
        return None
    return Path(value["path"] if isinstance(value, dict) else value).read_bytes()


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def compare(row, batch, index, descriptor):
    """Bytes of blobs compared; exits on the first difference."""
    size = 0
    place = f"record {row['_anchor']} ({row['source']})"
    if batch["_time_anchors"][index] != row["_anchor"]:
        sys.exit(f"verify.py: expected {place}, found record {batch['_time_anchors'][index]}")
    for name in BLOBS:
        wanted, found = expected_blob(row.get(name)), as_bytes(batch[name][index])
        if wanted != found:
            sys.exit(f"verify.py: {place}: field {name} differs from its file")
        size += len(wanted or b"")
    for name in SCALARS:
        if row.get(name) != batch[name][index]:
            sys.exit(f"verify.py: {place}: {name} is {batch[name][index]!r}, expected {row.get(name)!r}")
    if np.asarray(batch["descriptor"][index], dtype=np.float32).tobytes() != descriptor.tobytes():
        sys.exit(f"verify.py: {place}: the descriptor differs")
    return size


def main():
    store, folder = sys.argv[1], Path(sys.argv[2])
    dataset = dreamdb.Dataset.open("main", backend=store)
    descriptors = np.load(folder / "descriptors.npy")
    with open(folder / "records.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    fields = [*BLOBS, *SCALARS, "descriptor"]

    began = time.monotonic()
    streamed = sum(len(batch["_time_anchors"]) for batch in dataset.iter_stream(batch_size=64, fields=fields))
    took = time.monotonic() - began

    seen = size = 0
    for batch in dataset.iter_stream(batch_size=64, fields=fields):
        for index in range(len(batch["_time_anchors"])):
            size += compare(rows[seen], batch, index, descriptors[seen])
            seen += 1
    if not seen == streamed == len(rows):
        sys.exit(f"verify.py: expected {len(rows)} records, found {seen}")
    size += descriptors.nbytes
    print(f"{seen} records, {size:,} bytes of blobs and descriptors: all equal, byte for byte; "
          f"streamed in {took:.2f} s ({seen / took:,.0f} records/s, {size / took / 1e6:,.0f} MB/s)")


if __name__ == "__main__":
    main()
