"""Collections of a folder: old calls and new ones."""

import os
import time

import pytest

import dreamdb


@pytest.fixture
def store(tmp_path):
    schema = dreamdb.Schema().add_scalar_int("n")
    dataset = dreamdb.Dataset.create("main", schema, backend=f"file://{tmp_path}/s")
    for i in range(20):
        dataset.append_many([{"_anchor": i, "n": i}])
    then = time.time() - 3 * 3600
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            os.utime(os.path.join(folder, name), (then, then))
    return f"file://{tmp_path}/s"


def history(store):
    return dreamdb.Dataset.open("main", backend=store).history()


def test_a_call_of_old_is_a_dry_run_that_prints(store, capsys):
    assert dreamdb.gc(store) is None
    assert "condemned" in capsys.readouterr().out
    assert len(history(store)) == 21
    assert dreamdb.gc(store, 10, 0, False, roots=None, writers_paused=True) is None
    assert len(history(store)) == 10


def test_the_report_adds_up(store):
    old = history(store)[15]["manifest"]
    plan = dreamdb.gc(store, 5, roots=[old], as_dict=True)
    done = dreamdb.gc(store, 5, dry_run=False, roots=[old], as_dict=True)
    assert plan["dry_run"] and not done["dry_run"]
    assert plan["condemned"] == done["condemned"] == done["deleted"]
    assert done["versions"] == 6 and done["deleted"]["objects"] > 15
    for what in ("objects", "bytes"):
        assert done["listed"][what] == sum(
            done[part][what] for part in ("live", "condemned", "protected", "unknown")
        )
    assert dreamdb.Dataset.open_by_manifest(old, backend=store).count() == 5
    assert dreamdb.gc(store, None, dry_run=False, as_dict=True)["versions"] == 5


def test_time_keeps_more(store):
    report = dreamdb.gc(store, 1, keep_since_secs=24 * 3600, dry_run=False, as_dict=True)
    assert report["versions"] == 21
    parts = [dreamdb.gc(store, 3, shard=i, of=2, as_dict=True) for i in range(2)]
    whole = dreamdb.gc(store, 3, as_dict=True)
    assert sum(part["condemned"]["objects"] for part in parts) == whole["condemned"]["objects"]


def test_bad_arguments(store):
    for wrong in ({"keep_manifests": 0}, {"keep_since_secs": -1}, {"shard": 1}, {"of": 0}, {"roots": ["x"]}):
        with pytest.raises(dreamdb.InvalidArgumentError):
            dreamdb.gc(store, **wrong)
    for wrong in ({"dry_run": 1}, {"roots": "x"}, {"keep_since_secs": "1"}):
        with pytest.raises(dreamdb.WrongTypeError):
            dreamdb.gc(store, **wrong)
    with pytest.raises(dreamdb.NotFoundError):
        dreamdb.gc(store + "-not")


def test_sessions(store):
    assert dreamdb.list_sessions(store) == []
    assert dreamdb.fence_sessions(store) == 0
    with pytest.raises(dreamdb.NotFoundError):
        dreamdb.fence_sessions(store, "0" * 32)
