"""`compact`: what it prints, what it leaves, and what another reader says of it."""

import json
import sys

import numpy as np
import pytest

from conftest import ROOT, dreamdb

DIM = 8
sys.path.insert(0, str(ROOT / "spec/reference"))


def lines(first, count):
    generator = np.random.default_rng(first)
    for anchor in range(first, first + count):
        vector = [round(float(x), 3) for x in generator.standard_normal(DIM)]
        yield json.dumps({"_anchor": anchor, "e": vector, "n": anchor, "t": f"text {anchor % 7}"})


def append(store, first, count, *options):
    file = store.parent / f"{first}.jsonl"
    file.write_text("\n".join(lines(first, count)) + "\n")
    dreamdb("ingest", store, file, *options)


@pytest.fixture
def small(tmp_path):
    """A dataset of ten commits of 20 records, with an index after the fifth."""
    store = tmp_path / "small"
    dreamdb("create", store, "--field", f"e:embedding:{DIM}", "--field", "n:int", "--field", "t:text")
    for commit in range(10):
        append(store, 20 * commit, 20)
        if commit == 4:
            dreamdb("reindex", store, "e", "--cells", 4)
    return store


def segments(store):
    tracks = json.loads(dreamdb("stat", store, "--json").out)["tracks"]
    return {track["name"]: track["segments"] for track in tracks}


def everything(store):
    return dreamdb("stream", store).out


def second_reader(store):
    from dreamdb_reference import read_space
    from dreamdb_reference.space import all_ancestors

    dataset = read_space(store)
    all_ancestors(dataset)
    return dataset


def test_compact_leaves_the_same_rows_in_fewer_segments(small):
    before = everything(small)
    plan = json.loads(dreamdb("compact", small, "--dry-run", "--json").out)
    assert plan["dry_run"] and plan["commits"] == 0
    assert {(track["name"], track["codes"], track["segments_read"]) for track in plan["tracks"]} == {
        ("(records)", False, 10), ("e", False, 10), ("t", False, 10), ("e", True, 6)}
    assert set(segments(small).values()) == {10}
    report = json.loads(dreamdb("compact", small, "--json").out)
    assert report["commits"] == 1 and report["given_up"] == 0
    assert all(track["segments_written"] == 1 and track["rows_written"] == 200 for track in report["tracks"])
    assert set(segments(small).values()) == {1}
    assert everything(small) == before
    assert second_reader(small).replaced
    text = dreamdb("compact", small).out
    assert "nothing to compact" in text


def test_compact_prints_a_table(small):
    out = dreamdb("compact", small, "--dry-run").out
    assert "would be compacted" in out and "(records)" in out and "e (codes)" in out
    out = dreamdb("compact", small).out
    assert out.splitlines()[-1].startswith("compacted: ")


def test_a_purge_leaves_no_byte_of_what_was_deleted(small):
    append(small, 1000, 1)
    dreamdb("delete", small, 3, 25, 1000)
    before = everything(small)
    dreamdb("compact", small, "--purge")
    assert everything(small) == before
    dataset = second_reader(small)
    assert len(dataset.anchors) == 198
    root = dataset.manifest["tombstones"][0]
    assert (root.rows, root.records) == (3, 0)
    assert "nothing to compact" in dreamdb("compact", small, "--purge").out


def test_branches_that_were_compacted_are_merged(small):
    dreamdb("branch", small, "side")
    side = f"{small}@side"
    append(small, 200, 20)
    dreamdb("compact", small)
    file = small.parent / "changed.jsonl"
    file.write_text('{"_anchor": 5, "n": -5}\n')
    dreamdb("ingest", side, file, "--on-conflict", "replace")
    dreamdb("compact", side)
    dreamdb("merge", small, "side")
    rows = [json.loads(line) for line in everything(small).splitlines()]
    assert [row["_anchor"] for row in rows] == list(range(220))
    assert [row["n"] for row in rows if row["_anchor"] in (4, 5)] == [4, -5]
    assert len(second_reader(small).anchors) == 220


def test_compact_refuses_what_makes_no_sense(small):
    run = dreamdb("compact", small, "--shard", 1, code=2)
    assert "--of" in run.err or "give both" in run.err
    dreamdb("compact", small, "--shard", 2, "--of", 2, code=2)
    dreamdb("compact", small, "--shard", 0, "--of", 2)
    dreamdb("compact", small, "--shard", 1, "--of", 2)
