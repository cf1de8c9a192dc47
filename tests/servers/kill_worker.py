"""A process that is there to be killed: does one thing to a dataset again and again, and prints a line
of JSON before what could be lost, and after what was acknowledged.

    python3 kill_worker.py VERB URL RUN

`ingest` appends batches, `merge` brings them in by branches, `delete` deletes the batches whose numbers
it is told on its input, a line each, `compact` and `gc` tidy up. No batch of two runs has one number.
"""

import itertools
import json
import sys
import time

import numpy as np

import dreamdb

ROWS = 20  # of a batch
PAUSE_SECONDS = 0.2  # so that a collector, who reads all that is young, keeps up with those who write
DIM = 8


def rows_of(batch):
    anchors = np.arange(batch * ROWS, (batch + 1) * ROWS, dtype=np.uint64)
    return {"_anchor": anchors, "n": anchors.astype(np.int64) * 7,
            "emb": np.repeat(1 + anchors % 1000, DIM).reshape(-1, DIM).astype(np.float32),
            "img": [b"%d" % anchor * 40 for anchor in anchors.tolist()]}


def say(what, batch=None):
    print(json.dumps([what, batch]), flush=True)


def numbers(run):
    for batch in itertools.count(run * 1000):
        yield batch
        time.sleep(PAUSE_SECONDS)


def ingest(dataset, run):
    for batch in numbers(run):
        say("appending", batch)
        dataset.append_many(rows_of(batch))
        say("appended", batch)


def merge(dataset, run):
    for name in dataset.list_refs("way-"):  # of those who died
        bring(dataset, name)
    for batch in numbers(run):
        name = f"way-{batch}"
        branch = dataset.branch(name)
        say("appending", batch)
        branch.append_many(rows_of(batch))
        say("appended", batch)
        bring(dataset, name)


def bring(dataset, name):
    dataset.refresh()
    dataset.merge(name)
    say("merged", int(name.removeprefix("way-")))
    dataset.delete_ref(name)


def delete(dataset, _):
    for line in sys.stdin:
        batch = int(line)
        say("deleting", batch)
        dataset.delete(range(batch * ROWS, (batch + 1) * ROWS))
        say("deleted", batch)


def compact(dataset, _):
    for purge in itertools.cycle((False, True)):
        dataset.refresh()
        report = dataset.compact(purge=purge, commit_bytes=1 << 20)
        say("compacted", sum(track["segments_read"] for track in report["tracks"]))
        time.sleep(PAUSE_SECONDS)


def collect(dataset, _):
    url = dataset.locator.split("@")[0]
    while True:
        report = dreamdb.gc(url, keep_manifests=30, dry_run=False, as_dict=True)
        say("collected", report["deleted"]["objects"])


VERBS = {"ingest": ingest, "merge": merge, "delete": delete, "compact": compact, "gc": collect}

if __name__ == "__main__":
    VERBS[sys.argv[1]](dreamdb.Dataset.open("main", backend=sys.argv[2]), int(sys.argv[3]))
