"""The life of a spatial index: over appends and versions, stopped, damaged; what is refused."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from clusters import (
    CELLS,
    DIM,
    N,
    QUERIES,
    VECTORS,
    anchors_of,
    clustered,
    make,
    rows_of,
    truth,
)
from dreamdb_reference import address, read_space

import dreamdb
from dreamdb import Dataset, Schema


def test_appends_branches_and_snapshots(own):
    own.snapshot("v1")
    before = own.current_manifest()
    branch = own.branch("side")
    new = QUERIES[:1] + 0.001 * clustered(500, 9)
    branch.append_many(rows_of(new, N))
    own.append_many(rows_of(clustered(20, 10), 2 * N))
    url = own.locator.split("@")[0]
    versions = {
        "v1": (Dataset.open_ref("v1", url), N, None),
        "old": (Dataset.open("main", backend=url, manifest=before), N, None),
        "branch": (branch, N + 500, N),
        "main": (own, N + 20, None),
    }
    for name, (dataset, rows, first) in versions.items():
        (info,) = dataset.indexes()
        assert (info["codes"], info["uncovered"]) == (rows, 0), name
        assert len(anchors_of(dataset.iter_vector("e", QUERIES[0], 2 * N, recall=1))) == rows
        answer = dataset.search("e", QUERIES[0], recall=1)
        assert answer.report["algorithm"] and answer.report["covered"] == 1
        top = anchors_of(answer.hits)
        assert all(a >= N for a in top) if first else all(a < N or a >= 2 * N for a in top)
    dataset = read_space(pathlib.Path(url.removeprefix("file://")), "side", None)
    assert dataset.indexes[0].summary()["codes"] == N + 500


def test_branches_of_one_index_are_merged(own):
    vectors = clustered(60, 11)
    left, right = own.branch("left"), own.branch("right")
    left.append_many(rows_of(vectors[:40], N))
    right.append_many(rows_of(vectors[20:], N + 20))
    left.merge(right)
    (info,) = left.indexes()
    # The rows that only the right side has of a segment of both are written anew, without codes.
    assert (info["codes"], info["uncovered"]) == (N + 80, 20)
    found = anchors_of(left.iter_vector("e", QUERIES[0], 2 * N, recall=1))
    assert len(found) == len(set(found)) == len(left) == N + 60
    folder = pathlib.Path(own.locator.split("@")[0].removeprefix("file://"))
    dataset = read_space(folder, "left", None)
    assert len(dataset.anchors) == N + 60
    assert len(dataset.parents()) == 2


def test_replaced_vectors_are_found_by_their_new_value(own):
    (nearest,) = anchors_of(own.iter_vector("e", QUERIES[0], 1, exact=True))
    own.append_many([{"_anchor": nearest, "e": -QUERIES[0]}], on_conflict="replace")
    found = anchors_of(own.iter_vector("e", QUERIES[0], N, recall=1))
    assert found[-1] == nearest and len(found) == len(set(found)) == N


def test_reindex_again_and_drop(own):
    first = own.indexes()[0]
    assert own.history(1)[0]["operation"] == "reindex"
    same = own.reindex("e", cells=CELLS)
    assert same["recall"] == first["recall"]
    info = own.reindex("e", "dreamdb.ivf-l2", 10, bits=4, seed=2**64 - 1)
    assert (info["algorithm"], info["cells"], info["bits"]) == ("dreamdb.ivf-l2", 10, 4)
    assert own.indexes() == [info]
    assert own.search("e", QUERIES[0]).report["algorithm"] is None  # of another distance
    assert own.search("e", QUERIES[0], distance="l2").report["algorithm"] == "dreamdb.ivf-l2"
    own.drop_index("e")
    assert own.indexes() == [] and own.search("e", QUERIES[0]).report["reason"] == "no_index"
    with pytest.raises(dreamdb.NotFoundError, match="field `e` has no spatial index"):
        own.drop_index("e")


def test_progress(own):
    told = []
    own.reindex("e", cells=CELLS, progress=lambda *args: told.append(args))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["sample", "train", "encode", "measure", "write"]
    assert all(0 <= done <= of for _, done, of in told)
    before = own.current_manifest()
    with pytest.raises(dreamdb.CancelledError):
        own.reindex("e", progress=lambda stage, done, of: stage != "encode")
    with pytest.raises(ZeroDivisionError):
        own.reindex("e", progress=lambda stage, done, of: 1 / 0)
    with pytest.raises(TypeError):
        own.reindex("e", progress=lambda stage: None)
    assert own.current_manifest() == before


def test_other_threads_run_meanwhile(own):
    ticks, ended = [], threading.Event()

    def tick():
        while not ended.wait(0.001):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    start = time.monotonic()
    own.reindex("e", cells=2000)
    end = time.monotonic()
    ended.set()
    thread.join()
    inside = sum(start < t < end for t in ticks)
    assert inside > 5, (inside, end - start)


def reindex_while_others_append(own):
    other = Dataset.open(own.locator)

    def progress(stage, done, of):
        if stage == "measure":
            other.append_many(rows_of(QUERIES[:3], N))

    own.drop_index("e")
    other.refresh()
    return own.reindex("e", cells=CELLS, progress=progress)


def test_what_others_append_meanwhile_is_searched_too(own):
    info = reindex_while_others_append(own)
    assert (info["codes"], info["uncovered"]) == (N, 3)
    answer = own.search("e", QUERIES[1])
    assert anchors_of(answer.hits)[0] == N + 1 and answer.report["scanned"] == 3
    assert answer.report["covered"] == pytest.approx(N / (N + 3))
    assert answer.report["reason"] == "uncovered_rows"
    folder = pathlib.Path(own.locator.split("@")[0].removeprefix("file://"))
    summary = read_space(folder).indexes[0].summary()
    assert (summary["codes"], summary["covered_rows"]) == (N, N)
    own.append_many(rows_of(QUERIES[3:4], N + 3))  # has codes again
    assert (own.indexes()[0]["codes"], own.indexes()[0]["uncovered"]) == (N + 1, 3)
    assert own.reindex("e", cells=CELLS)["uncovered"] == 0


def codes_of(dataset):
    """What the second reader has of the index, each code made again, and the codes by anchor."""
    folder = pathlib.Path(dataset.locator.split("@")[0].removeprefix("file://"))
    (index,) = read_space(folder, "main", None).indexes
    codes = {}
    for entry in index.codes:
        for row in index.objects.segment(entry.child).codes:
            codes.setdefault(row.anchor, []).append((row.cell, row.stored()))
    return index.summary(), codes


def sliced(url):
    """The vectors in segments of 200."""
    dataset = make(url, rows=0)
    for first in range(0, N, 200):
        dataset.append_many(rows_of(VECTORS[first : first + 200], first))
    return dataset


@pytest.mark.parametrize("bits", [1, 3])
def test_shards_have_the_codes_of_one_build(tmp_path, bits):
    whole, shared = (sliced(f"file://{tmp_path}/{name}") for name in ("whole", "shared"))
    one = whole.reindex("e", cells=CELLS, bits=bits, seed=5)
    info = shared.reindex("e", cells=CELLS, bits=bits, seed=5, train_only=True)
    assert (info["codes"], info["uncovered"], info["segments"]) == (0, N, 0)
    assert info["recall"] == one["recall"] and info["cells"] == one["cells"]
    assert shared.search("e", QUERIES[0]).report["scanned"] == N
    other = Dataset.open(shared.locator)
    first = shared.reindex("e", shard=(0, 3))
    second = other.reindex("e", shard=(1, 3), commit_rows=500)
    assert 0 < second["uncovered"] < first["uncovered"] < N
    summary, _ = codes_of(shared)
    assert summary["codes"] == summary["codes_checked"] == N - second["uncovered"]
    other.append_many(rows_of(QUERIES[:3], N))
    whole.append_many(rows_of(QUERIES[:3], N))
    last = other.reindex("e", shard=[2, 3])
    assert (last["codes"], last["uncovered"]) == (N + 3, 0)
    assert other.history(1)[0]["operation"] == "reindex"
    summary, codes = codes_of(other)
    assert summary["covered_rows"] == summary["codes_checked"] == N + 3
    assert codes == codes_of(whole)[1]


def test_shards_of_replaced_rows_are_read_by_the_second_reader(url):
    dataset = sliced(url)
    changed = {"_anchor": np.arange(N // 2), "e": -VECTORS[: N // 2]}
    dataset.append_many(changed, on_conflict="replace")
    dataset.reindex("e", cells=CELLS, train_only=True)
    for shard in range(2):
        info = dataset.reindex("e", shard=(shard, 2), commit_rows=1)
        summary, _ = codes_of(dataset)
        assert summary["codes_of_older_values"] == 0
        assert summary["codes"] == summary["codes_checked"] == info["codes"]
    assert (info["codes"], info["uncovered"]) == (N + N // 2, 0)
    found = anchors_of(dataset.iter_vector("e", -VECTORS[3], 100, recall=1))
    assert found[0] == 3 and len(found) == len(set(found)) == 100


def test_an_index_is_taken_from_a_branch(own):
    branch = own.branch("rebuilt")
    branch.reindex("e", cells=9, train_only=True)
    own.append_many(rows_of(QUERIES[:3], N))
    branch.reindex("e", shard=(0, 1))
    assert own.indexes()[0]["cells"] == CELLS
    info = own.take_index("e", "rebuilt")
    assert (info["cells"], info["codes"], info["uncovered"]) == (9, N, 3)
    assert len(own.history(1)[0]["parents"]) == 2
    own.append_many(rows_of(QUERIES[3:5], N + 3))
    assert own.reindex("e", shard=(0, 1))["uncovered"] == 0
    summary, codes = codes_of(own)
    assert summary["codes_checked"] == summary["covered_rows"] == len(codes) == N + 5
    for call, error in (
        (lambda: own.take_index("e", "nowhere"), dreamdb.NotFoundError),
        (lambda: own.take_index("e", 3), dreamdb.WrongTypeError),
        (lambda: own.take_index("i", "rebuilt"), dreamdb.InvalidArgumentError),
    ):
        with pytest.raises(error):
            call()
    branch.append_many(rows_of(QUERIES[:1], 2 * N))
    with pytest.raises(dreamdb.ConflictError, match="rows that are not here"):
        own.take_index("e", "rebuilt")


def test_shards_that_cannot_be(url):
    dataset = make(url)
    with pytest.raises(dreamdb.NotFoundError, match="train it first"):
        dataset.reindex("e", shard=(0, 1))
    dataset.reindex("e", cells=CELLS, train_only=True)
    for given, text in (
        ({"shard": (3, 3)}, "0 to 2"),
        ({"shard": (0, 0)}, "shard's count must be at least 1"),
        ({"shard": (-1, 2)}, "shard's number must be at least 0"),
        ({"shard": 1}, "shard is a pair"),
        ({"shard": (0, 1, 2)}, "shard is a pair"),
        ({"shard": (0.0, 1)}, "shard's number is an int"),
        ({"shard": (0, 1), "commit_rows": 0}, "commit_rows must be at least 1"),
        ({"shard": (0, 1), "bits": 1}, "under the index that was trained"),
        ({"shard": (0, 1), "seed": 0}, "under the index that was trained"),
        ({"shard": (0, 1), "cells": CELLS}, "under the index that was trained"),
        ({"shard": (0, 1), "algorithm": "dreamdb.ivf-l2"}, "under the index that was trained"),
        ({"shard": (0, 1), "train_only": True}, "under the index that was trained"),
        ({"train_only": 1}, "train_only is True or False"),
    ):
        with pytest.raises(dreamdb.InvalidArgumentError, match=text):
            dataset.reindex("e", **given)
    assert dataset.indexes()[0]["codes"] == 0


STOPPED = """
    import signal, sys
    import dreamdb
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ds = dreamdb.Dataset.open(sys.argv[1])
    told = set()
    def progress(stage, done, of):
        if stage not in told:
            told.add(stage)
            print(stage, flush=True)
    try:
        while True:
            ds.reindex("e", cells=3000, progress=progress)
            told.clear()
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopping_it_changes_nothing(url, stop):
    dataset = make(url)
    before = dataset.current_manifest()
    command = [sys.executable, "-c", textwrap.dedent(STOPPED), dataset.locator]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while child.stdout.readline() != "train\n":
            pass
        child.send_signal(stop)
        rest = child.communicate(timeout=60)[0]
    assert ("interrupted" in rest) == (stop == signal.SIGINT)
    assert not dataset.refresh() and dataset.current_manifest() == before
    assert dataset.reindex("e", cells=CELLS)["codes"] == N


# ---- bad input


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda d: d.search("e", [1, 2]), "query dim 2 != schema dim 32"),
        (lambda d: d.search("e", [float("nan")] * DIM), "NaN"),
        (lambda d: d.search("e", [float("inf")] * DIM), "infinity"),
        (lambda d: d.search("e", [0] * DIM), "zero vector"),
        (lambda d: d.search("e", []), "query dim 0 != schema dim 32"),
        (lambda d: d.search("e", [[]]), "query dim 0 != schema dim 32"),
        (lambda d: d.search("e", np.zeros((0, 5))), "query dim 5 != schema dim 32"),
        (lambda d: d.search("e", 1.0), r"\[dim\] or \[n, dim\]"),
        (lambda d: d.search("e", np.zeros((1, 1, DIM))), r"\[dim\] or \[n, dim\]"),
        (lambda d: d.search("e", [[1] * DIM, [1] * 3]), "different lengths"),
        (lambda d: d.search("e", ["a"] * DIM), "numbers"),
        (lambda d: d.search("e", [1j] * DIM), "numbers"),
        (lambda d: d.search("e", [None] * DIM), "numbers"),
        (lambda d: d.search("e", QUERIES[0], -1), "top_k"),
        (lambda d: d.search("e", QUERIES[0], 10**7), "top_k 10000000"),
        (lambda d: d.search("i", [1]), "not an embedding"),
        (lambda d: d.search("zz", [1]), "not in schema"),
        (lambda d: d.search("e", QUERIES[0], where="zz == 1"), "zz"),
        (lambda d: d.search("e", QUERIES[0], 0, where="zz == 1"), "zz"),
        (lambda d: d.search("e", QUERIES[0], recall=1.5), "recall must be above 0 and at most 1, not 1.5"),
        (lambda d: d.search("e", QUERIES[0], recall=0), "recall must be above 0"),
        (lambda d: d.search("e", QUERIES[0], recall=-0.1), "recall must be above 0"),
        (lambda d: d.search("e", QUERIES[0], recall=float("nan")), "recall"),
        (lambda d: d.search("e", QUERIES[0], recall="all"), "recall is a number above 0"),
        (lambda d: d.search("e", QUERIES[0], recall=True), "recall is a number above 0"),
        (lambda d: d.search("e", QUERIES[0], nprobe=0), "nprobe"),
        (lambda d: d.search("e", QUERIES[0], nprobe=1.0), "nprobe is an int"),
        (lambda d: d.search("e", QUERIES[0], exact=1), "exact is True or False"),
        (lambda d: d.search("e", like="5"), "like is an int"),
        (lambda d: d.search("e", like=-1), "like must be at least 0"),
        (lambda d: d.iter_vector("e", QUERIES[0], 5, exact="no"), "exact is True or False"),
        (lambda d: d.reindex("i"), "type int"),
        (lambda d: d.reindex("zz"), "zz"),
        (lambda d: d.reindex(3), "field is a str"),
        (lambda d: d.reindex("e", "dreamdb.tree"), "dreamdb.ivf-cosine"),
        (lambda d: d.reindex("e", 5), "algorithm is a str"),
        (lambda d: d.reindex("e", cells=0), "cells must be at least 1"),
        (lambda d: d.reindex("e", cells=N + 1), f"cells is {N + 1}"),
        (lambda d: d.reindex("e", cells=2.0), "cells is an int"),
        (lambda d: d.reindex("e", bits=9), "bits must be at most 8"),
        (lambda d: d.reindex("e", bits=0), "bits must be at least 1"),
        (lambda d: d.reindex("e", seed=-1), "seed must be at least 0"),
        (lambda d: d.reindex("e", seed=2**64), "seed must be at most"),
        (lambda d: d.reindex("e", progress=5), "progress is a function"),
        (lambda d: d.drop_index("zz"), "zz"),
        (lambda d: d.drop_index(None), "field is a str"),
    ],
)
def test_refusals(built, call, text):
    before = built.current_manifest()
    with pytest.raises(dreamdb.DreamDBError, match=text) as caught:
        call(built)
    assert caught.type is not dreamdb.InternalError
    assert "incompatible function arguments" not in str(caught.value)
    assert built.current_manifest() == before


def test_what_cannot_be_written_is_refused(built):
    url = built.locator.split("@")[0]
    old = Dataset.open("main", backend=url, manifest=built.current_manifest())
    for call in (lambda: old.reindex("e"), lambda: old.drop_index("e")):
        with pytest.raises(dreamdb.DeniedError, match="make a branch"):
            call()


def test_rows_that_wait_are_no_part_of_it(own):
    own.append_many(rows_of(VECTORS[:5], 10 * N), commit=False)
    for call in (lambda: own.reindex("e"), lambda: own.drop_index("e")):
        with pytest.raises(dreamdb.InvalidArgumentError, match="commit"):
            call()


def test_no_rows_and_equal_rows(url):
    dataset = Dataset.create("main", Schema().add_embedding("e", 4), backend=url)
    with pytest.raises(dreamdb.InvalidArgumentError, match="no rows yet"):
        dataset.reindex("e")
    dataset.append_many({"e": np.ones((300, 4))})
    assert dataset.reindex("e", cells=20)["cells"] == 1
    assert len(dataset.iter_vector("e", [1, 1, 1, 1], 500, 500)[0]["e"]) == 300


# ---- damage


def object_path(url, which):
    """Of the parameters ("spatial") or of a code segment of the index."""
    folder = pathlib.Path(url.removeprefix("file://"))
    index = read_space(folder).indexes[0]
    key = index.key if which == "spatial" else address.object_key("segments", index.codes[0].child)
    return folder / key, key


@pytest.mark.parametrize("which", ["spatial", "codes"])
@pytest.mark.parametrize("harm", ["missing", "cut"])
def test_a_damaged_index(own, url, which, harm):
    path, key = object_path(url, which)
    if harm == "missing":
        path.unlink()
    else:
        os.chmod(path, 0o644)
        os.truncate(path, path.stat().st_size // 2)
    dataset = Dataset.open("main", backend=url)  # knows nothing of it yet
    with pytest.raises(dreamdb.CorruptionError, match=key) as caught:
        dataset.search("e", QUERIES[0], recall=1)
    assert "exact" in str(caught.value) and "reindex" in str(caught.value)
    exact = dataset.search("e", QUERIES[0], exact=True)
    assert anchors_of(exact.hits) == truth(VECTORS, QUERIES[0], "cosine")
    # Nor does it hold up appends; without the parameters, rows stay outside the index.
    dataset.append_many(rows_of(QUERIES[:1], 2 * N))
    assert anchors_of(dataset.search("e", QUERIES[0], exact=True).hits)[0] == 2 * N
    info = dataset.reindex("e", cells=CELLS, seed=1)
    assert (info["codes"], info["uncovered"]) == (N + 1, 0)
    answer = dataset.search("e", QUERIES[0])
    assert answer.report["algorithm"] and anchors_of(answer.hits)[0] == 2 * N


@pytest.mark.parametrize("which", ["codes", "covered"])
def test_a_page_of_an_index_is_missing(own, url, which):
    reindex_while_others_append(own)  # or what is covered is the field's own track
    folder = pathlib.Path(url.removeprefix("file://"))
    key = address.object_key("pages", getattr(read_space(folder).indexes[0].named, which).page)
    (folder / key).unlink()
    dataset = Dataset.open("main", backend=url)
    with pytest.raises(dreamdb.CorruptionError, match=key) as caught:
        dataset.search("e", QUERIES[1])
    assert "exact" in str(caught.value) and "reindex" in str(caught.value)
    assert anchors_of(dataset.search("e", QUERIES[1], exact=True).hits)[0] == N + 1
    assert dataset.reindex("e", cells=CELLS)["uncovered"] == 0
    assert anchors_of(dataset.search("e", QUERIES[1]).hits)[0] == N + 1
