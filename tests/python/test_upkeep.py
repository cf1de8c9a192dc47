"""Fingerprints, verify and repair."""

import pathlib

import numpy as np
import pytest

import dreamdb
import dreamdb_reference


@pytest.fixture
def folder(tmp_path):
    """Two appends of records with an image, a vector and a number."""
    schema = dreamdb.Schema().add_image("img").add_embedding("emb", dim=4).add_scalar_int("n", required=False)
    ds = dreamdb.Dataset.create(f"file://{tmp_path}/pets", schema)
    ds.append_many([row(i, i * 10) for i in range(40)])
    ds.append_many([row(i, i * 10 + i % 3) for i in range(40, 50)])
    return tmp_path / "pets"


def row(i, anchor):
    return {"_anchor": anchor, "img": b"image %d" % i, "emb": np.full(4, i + 1, np.float32), "n": i}


def opened(folder):
    return dreamdb.Dataset.open(f"file://{folder}")


def segments(folder):
    return sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file() and path.parent.name == "segments")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_fingerprint(folder):
    ds = opened(folder)
    found = ds.fingerprint()
    assert found == dreamdb_reference.fingerprint(dreamdb_reference.read_space(folder))
    branch = ds.branch("other")
    branch.set_meta("who", "me")
    assert branch.fingerprint() == found
    parts = [ds.fingerprint_part((i, 3)) for i in range(3)]
    assert dreamdb.join_fingerprints(parts) == found
    assert dreamdb.join_fingerprints(parts[:2]) != found
    seen = []
    assert ds.fingerprint(progress=seen.append) == found
    assert seen[-1] == 50
    with pytest.raises(dreamdb.CancelledError):
        ds.fingerprint(progress=lambda done: False)
    with pytest.raises(dreamdb.InvalidArgumentError):
        ds.fingerprint_part((3, 3))
    with pytest.raises(dreamdb.InvalidArgumentError):
        dreamdb.join_fingerprints(["abc"])


def test_verify_of_a_whole_dataset(folder):
    ds = opened(folder)
    for report in (ds.verify(), ds.verify(True, all_refs=True)):
        assert report["damages"] == [] and report["damage_count"] == 0 and report["versions"] == 1
    assert ds.verify()["segments_whole"] == 0
    assert ds.verify(True)["segments_whole"] == len(segments(folder))
    with pytest.raises(dreamdb.OutOfRangeError):
        ds.verify(True, 0)
    with pytest.raises(dreamdb.InvalidArgumentError):
        ds.verify(shard=(1, 1))
    with pytest.raises(ZeroDivisionError):
        ds.verify(progress=lambda *numbers: 1 // 0)


def test_verify_names_all_damage_though_it_was_read_before(folder):
    ds = opened(folder)
    assert len(list(ds.iter_stream())) > 0
    broken = segments(folder)[::2]
    for path in broken:
        flip(path)
    report = ds.verify(True)
    assert {damage["key"] for damage in report["damages"]} == {f"segments/{path.name}" for path in broken}
    assert {damage["kind"] for damage in report["damages"]} == {"damaged"}
    shards = [ds.verify(True, shard=(i, 2)) for i in range(2)]
    assert sum(part["damage_count"] for part in shards) == report["damage_count"] == len(broken)


def test_repair(folder):
    before = opened(folder)
    assert before.repair()["outcome"] == "clean"
    path = segments(folder)[0]
    flip(path)
    ds, told = opened(folder), []
    report = ds.repair(dry_run=True, on_lost=lambda *lost: told.append(lost))
    assert report["outcome"] == "planned" and ds.current_manifest() == before.current_manifest()
    report = ds.repair(on_lost=lambda *lost: told.append(lost))
    assert report["outcome"] == "repaired" and report["segments_lost"] == 1
    assert report["manifest"] == ds.current_manifest()
    assert report["found"]["damages"][0]["key"] == f"segments/{path.name}"
    assert {lost[0] for lost in told} == {f"segments/{path.name}"}
    for _, _, first, last, rows, anchors in told:
        assert anchors is None or (len(anchors) == rows and anchors[0] == first and anchors[-1] == last)
    assert ds.verify(True)["damages"] == []
    assert len(dreamdb_reference.read_space(folder).anchors) == ds.count()
    assert ds.history()[0]["operation"] == "repair"
    with pytest.raises(dreamdb.CancelledError):
        flip(segments(folder)[1])
        opened(folder).repair(on_lost=lambda *lost: False)
    with pytest.raises(dreamdb.DeniedError):
        dreamdb.Dataset.open(f"file://{folder}", manifest=before.current_manifest()).repair()
