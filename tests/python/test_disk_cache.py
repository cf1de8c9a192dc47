"""The disk cache and the counts of `store_stats`, from Python."""

import os
import pickle
import subprocess
import sys

import pytest

import dreamdb
from dreamdb import Dataset

KINDS = ["gets", "puts", "loads", "swaps", "lists", "deletes"]


def read_all(dataset):
    return [row for batch in dataset.iter_stream(batch_size=4) for row in batch["size"]]


def asked(dataset):
    stats = dataset.store_stats()
    return {kind: stats[kind] for kind in KINDS if stats[kind]}


@pytest.mark.parametrize("size", ["64MB", 64_000_000])
def test_a_second_pass_asks_for_the_ref_alone(pets, tmp_path, size):
    first = Dataset.open(pets.locator, cache_dir=tmp_path / "cache", cache_size=size)
    rows = read_all(first)
    assert first.store_stats()["cache_misses"] > 0
    second = Dataset.open(pets.locator, cache_dir=tmp_path / "cache", cache_size=size)
    assert read_all(second) == rows
    stats = second.store_stats()
    assert asked(second) == {"loads": 1} and stats["cache_hits"] > 0 and stats["cache_bytes_read"] > 0
    assert stats["cache_damaged"] == 0 and stats["retries"] == 0


WAYS = ["open_ref", "open_ref of a label", "open_at", "open_at a moved label", "open_by_manifest"]


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_open_takes_it(pets, tmp_path, way):
    version = pets.snapshot("v1")
    backend = pets.locator.rsplit("@", 1)[0]
    rows = read_all(pets)
    cache = {"cache_dir": tmp_path / "cache", "cache_size": "64MB"}
    moved = {"label": "main", "manifest": version["manifest"]}
    if way == "open_at a moved label":
        pets.set_meta("k", "v")

    def opened():
        if way == "open_ref":
            return Dataset.open_ref("main", backend, **cache)
        if way == "open_ref of a label":
            return Dataset.open_ref("v1", backend, **cache)
        if way == "open_by_manifest":
            return Dataset.open_by_manifest(version["manifest"], backend, **cache)
        return Dataset.open_at(version if way == "open_at" else moved, backend, **cache)

    assert read_all(opened()) == rows
    second = opened()
    assert read_all(second) == rows
    assert "gets" not in asked(second) and second.store_stats()["cache_hits"] > 0


def test_other_processes_use_it_too(pets, tmp_path):
    read_all(Dataset.open(pets.locator, cache_dir=tmp_path / "cache"))
    code = (
        "import sys, dreamdb; ds = dreamdb.Dataset.open(sys.argv[1]);"
        "[batch for batch in ds.iter_stream()]; print(ds.store_stats()['gets'])"
    )
    words = [sys.executable, "-c", code, pets.locator]
    with_cache = os.environ | {"DREAMDB_CACHE": str(tmp_path / "cache"), "DREAMDB_CACHE_SIZE": "1GiB"}
    assert subprocess.run(words, env=with_cache, capture_output=True, check=True).stdout == b"0\n"
    assert subprocess.run(words, capture_output=True, check=True).stdout != b"0\n"


def test_a_pickled_handle_keeps_its_cache(pets, tmp_path):
    dataset = Dataset.open(pets.locator, cache_dir=tmp_path / "cache", cache_size="64MB")
    rows = read_all(dataset)
    again = pickle.loads(pickle.dumps(dataset))
    assert read_all(again) == rows and asked(again) == {"loads": 1}
    assert read_all(dataset.branch("b")) == rows


def test_damage_is_noticed_and_harmless(pets, tmp_path):
    rows = read_all(Dataset.open(pets.locator, cache_dir=tmp_path / "cache"))
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != "usage"]
    assert files
    for path in files:
        body = bytearray(path.read_bytes())
        body[5000 % len(body)] ^= 1
        path.write_bytes(body)
    dataset = Dataset.open(pets.locator, cache_dir=tmp_path / "cache")
    assert read_all(dataset) == rows
    assert dataset.store_stats()["cache_damaged"] > 0


@pytest.mark.parametrize("size", ["20 parsecs", "", 0, -1, 1.5, True, "1KB", 1000])
def test_bad_sizes(pets, tmp_path, size):
    with pytest.raises(dreamdb.InvalidArgumentError):
        Dataset.open(pets.locator, cache_dir=tmp_path / "cache", cache_size=size)


def test_a_folder_that_cannot_be_had(pets, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(dreamdb.DreamDBError, match="file"):
        Dataset.open(pets.locator, cache_dir=tmp_path / "file" / "cache")
    with pytest.raises(dreamdb.InvalidArgumentError):
        Dataset.open(pets.locator, cache_dir="")
    with pytest.raises(dreamdb.InvalidArgumentError, match="no folder"):
        Dataset.open(pets.locator, cache_size="20GB")


def test_a_folder_sends_nothing(pets):
    stats = pets.store_stats()
    sent = ["sent_gets", "sent_puts", "sent_swaps", "sent_lists", "sent_deletes", "retries", "hedges"]
    assert all(stats[name] == 0 for name in [*sent, "bytes_received", "bytes_sent", "cache_hits"])
    assert stats["puts"] > 0 and stats["swaps"] > 0 and stats["bytes_written"] > 0
