"""`compact`: what it returns, what it leaves, and how it is ended."""

import numpy as np
import pytest

import dreamdb


@pytest.fixture
def small(url):
    """Twelve commits of ten records."""
    schema = dreamdb.Schema().add_embedding("e", dim=4).add_scalar_int("n")
    dataset = dreamdb.Dataset.create("main", schema, backend=url)
    for first in range(0, 120, 10):
        append(dataset, first, 10)
    return dataset


def append(dataset, first, count):
    rows = range(first, first + count)
    dataset.append_many(
        [{"_anchor": i, "e": np.array([i, 1, 2, 3], np.float32), "n": i} for i in rows]
    )


def segments(dataset):
    return {track["name"]: track["segments"] for track in dataset.stat()["tracks"]}


def test_compact_tells_what_was_done(small):
    before = small.current_manifest()
    plan = small.compact(dry_run=True)
    assert plan["manifest"] == before and plan["commits"] == 0
    report = small.compact()
    assert report["manifest"] == small.current_manifest() != before
    assert (report["commits"], report["given_up"]) == (1, 0)
    assert {track["name"]: track["segments_read"] for track in report["tracks"]} == {
        "(records)": 12,
        "e": 12,
    }
    assert {(track["segments_written"], track["rows_written"]) for track in report["tracks"]} == {
        (1, 120)
    }
    assert segments(small) == {"(records)": 1, "e": 1}
    assert small.count() == 120
    assert small.compact()["tracks"] == []


def test_shares_and_sizes(small):
    small.reindex("e")
    for shard in range(3):
        small.compact(shard=(shard, 3), segment_bytes=1000, commit_bytes=1)
    assert segments(small)["e"] < 12
    assert small.indexes()[0]["uncovered"] == 0
    with pytest.raises(dreamdb.InvalidArgumentError):
        small.compact(shard=(3, 3))
    with pytest.raises(dreamdb.WrongTypeError):
        small.compact(shard=3)
    with pytest.raises(dreamdb.OutOfRangeError):
        small.compact(commit_bytes=0)


def test_progress_may_end_it(small):
    seen = []
    with pytest.raises(dreamdb.CancelledError):
        small.compact(progress=lambda stage, done, of: seen.append((stage, done <= of)) or False)
    assert seen == [("compact", True)]
    assert segments(small)["e"] == 12
    with pytest.raises(dreamdb.WrongTypeError):
        small.compact(progress=5)


def test_a_merge_brings_nothing_back(small):
    side = small.branch("side")
    append(side, 200, 10)
    small.compact()
    small.merge("side")
    assert segments(small) == {"(records)": 2, "e": 2}
    assert small.count() == 130
