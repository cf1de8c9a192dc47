"""Deleting records and values, what is told of them, and going back."""

import numpy as np
import pytest

import dreamdb
from dreamdb import Dataset, col


def test_deleted_records_are_nowhere(pets, url):
    before = pets.current_manifest()
    manifest = pets.delete([30, 100], "asked for")
    assert manifest == pets.current_manifest() != before
    version = pets.history(1)[0]
    assert version["operation"] == "delete" and version["writer"].endswith(";reason=asked for")
    for dataset in (pets, Dataset.open("main", backend=url)):
        assert len(dataset) == 8 and 30 not in dataset.list_anchors()
        assert list(dataset.list_anchors()) == [10, 20, 40, 50, 60, 70, 80, 90]
        assert [row["_anchor"] for row in dataset.iter_rows()] == list(dataset.list_anchors())
        assert sum(count for _, count in dataset.distinct_values("size")) == 8
        with pytest.raises(dreamdb.NotFoundError, match="30"):
            dataset.take([20, 30])
        (hits,) = dataset.iter_vector("vec", np.ones(4, np.float32), top_k=100, batch_size=100)
        assert len(hits["_time_anchors"]) == 8
        assert dataset.stat()["deleted"] == 2 and dataset.stat()["last_anchor"] == 90
    assert len(Dataset.open_by_manifest(before, url)) == 10
    assert pets.diff(Dataset.open_by_manifest(before, url))["records_only_right"] == 2


def test_tombstones_are_a_lazy_sequence(pets):
    assert list(pets.tombstone_set()) == [] and not pets.tombstone_set()
    pets.delete([100, 30, 30])
    gone = pets.tombstone_set()
    assert gone == [30, 100] and len(gone) == 2 and 30 in gone and 40 not in gone
    assert gone.to_numpy().dtype == np.uint64 and gone[-1] == 100
    pets.delete([10], fields=["score"])
    assert pets.tombstone_set("score") == [10] and pets.tombstone_set() == [30, 100]
    with pytest.raises(dreamdb.InvalidArgumentError, match="nope"):
        pets.tombstone_set("nope")


def test_by_filter_and_by_field(pets):
    found = pets.count(where="size > 10")
    report = pets.delete(where=col("size") > 10, as_report=True)
    assert report == {
        "deleted": found,
        "unchanged": 0,
        "missing": 0,
        "manifest": pets.current_manifest(),
    }
    assert len(pets) == 10 - found
    report = pets.delete([10, 20], fields=["photo", "score"], as_report=True)
    assert report["deleted"] == 4
    rows = pets.take([10, 20], as_rows=True)
    assert all("photo" not in row or row["photo"] is None for row in rows)
    assert pets.count(where="score is null and size <= 10") >= 2
    assert pets.delete(where_eq={"size": 12345}) == pets.current_manifest()


def test_appends_at_tombstones_are_refused(pets):
    row = next(iter(pets.iter_rows()))
    pets.delete(np.array([10], np.uint64))
    with pytest.raises(dreamdb.ConflictError, match="deleted records: 10;"):
        pets.append_many([row])
    assert pets.append_many([row], on_conflict="skip") == 1
    assert len(pets) == 9


def test_repeats_strangers_and_wrong_arguments(pets):
    pets.delete([10])
    version = pets.current_manifest()
    assert pets.delete([10]) == version
    with pytest.raises(dreamdb.NotFoundError, match="1 anchor has no record: 11"):
        pets.delete([11, 20])
    assert pets.current_manifest() == version
    assert pets.delete([11, 10], skip_missing=True) == version
    for wrong in (
        {},
        {"anchors": [20], "where": "size > 1"},
        {"anchors": [20], "fields": ["vec"]},
        {"anchors": [20], "fields": []},
        {"anchors": [20], "reason": "x" * 257},
        {"where": "zz > 1"},
    ):
        with pytest.raises(dreamdb.InvalidArgumentError):
            pets.delete(**wrong)
    with pytest.raises(dreamdb.WrongTypeError):
        pets.delete([20], reason=5)
    assert pets.current_manifest() == version


def test_a_merge_deletes_and_a_restore_brings_back(pets, url):
    pets.snapshot("v1")
    side = pets.branch("side")
    side.delete([20, 30])
    pets.delete([40])
    report = pets.merge("side", dry_run=True)
    assert (report["outcome"], report["deleted"], report["records"]) == ("union", 2, 0)
    pets.merge("side")
    assert pets.tombstone_set() == [20, 30, 40] and len(pets) == 7
    assert pets.restore("v1") == pets.current_manifest()
    assert len(pets) == 10 and list(pets.tombstone_set()) == []
    assert pets.history(1)[0]["operation"] == "restore"
    with pytest.raises(dreamdb.InvalidArgumentError, match="no older version"):
        pets.restore(side)


def test_the_second_reader_agrees(pets, tmp_path):
    from dreamdb_reference import read_space

    pets.delete([30, 70])
    pets.delete([40], fields=["photo", "score"])
    pets.reindex("vec")
    space = read_space(tmp_path / "store", checked=None)
    assert space.anchors == list(pets.list_anchors())
    assert space.deleted(0) == {30, 70}
    for row, ours in zip(space.rows(), pets.iter_rows(), strict=True):
        assert row["values"]["photo"] == ours.get("photo")
        assert row["values"]["score"] == ours.get("score")
