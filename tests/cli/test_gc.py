"""`gc` and `sessions`: what is collected of a folder, what is told, what is left alone."""

import os
import time

import pytest
from conftest import dreamdb

HOUR = 3600


def grown_old(store, hours=3):
    """Sets all files of the folder back in time."""
    then = time.time() - hours * HOUR
    for folder, _, names in os.walk(store):
        for name in names:
            os.utime(os.path.join(folder, name), (then, then))


def objects(store):
    return {name for kind in ("manifests", "pages", "segments") if (store / kind).exists()
            for name in os.listdir(store / kind)}


def append(store, n):
    dreamdb("append", store, "--anchor", n, "--set", f"n={n}")


@pytest.fixture
def ints(tmp_path):
    """A dataset of five versions above the first, and a branch that was deleted."""
    store = tmp_path / "ints"
    dreamdb("create", store, "--field", "n:int")
    for i in range(5):
        append(store, i)
    dreamdb("branch", store, "lost")
    append(f"{store}@lost", 9)
    dreamdb("delete-ref", f"{store}@lost")
    return store


def test_garbage_goes_and_the_rest_stays(ints):
    (ints / "notes.txt").write_text("mine")
    young = dreamdb("gc", ints, "--json").json()
    assert young["deleted"]["objects"] == 0 and young["protected"]["objects"] > 0
    grown_old(ints)
    before = objects(ints)
    plan = dreamdb("gc", ints, "--dry-run", "--json").json()
    assert objects(ints) == before and plan["deleted"]["objects"] == 0
    done = dreamdb("gc", ints, "--json").json()
    assert done["condemned"] == plan["condemned"] == done["deleted"]
    assert len(before) - len(objects(ints)) == done["deleted"]["objects"] == 3
    for what in ("objects", "bytes"):
        assert done["listed"][what] == sum(
            done[part][what] for part in ("live", "condemned", "protected", "unknown"))
    assert done["unknown"] == {"objects": 1, "bytes": 4} and (ints / "notes.txt").exists()
    assert len(dreamdb("log", ints).out.splitlines()) == 6
    again = dreamdb("gc", ints).out
    assert again.splitlines()[-1] == "deleted 0 objects, 0 B; 6 versions of 1 ref stay"


def test_history_is_cut(ints):
    dreamdb("snapshot", ints, "v1")
    for i in range(10, 13):
        append(ints, i)
    grown_old(ints)
    text = dreamdb("gc", ints, "--keep-last", "2").out
    assert text.splitlines()[-1].endswith("3 versions of 2 refs stay")
    log = dreamdb("log", ints).out.splitlines()
    assert len(log) == 3 and log[-1] == "the history before was collected"
    assert len(dreamdb("log", ints, "--json").lines()) == 2
    assert dreamdb("count", ints).out.strip() == "8"
    assert dreamdb("count", f"{ints}@main@v1").out.strip() == "5"
    assert "collected" in dreamdb("count", ints, "--at", "2020-01-01", code=3).err
    append(ints, 20)


def test_days(ints):
    grown_old(ints, 50)
    assert "6 versions" in dreamdb("gc", ints, "--keep-days", "3").out
    assert "1 version of" in dreamdb("gc", ints, "--keep-days", "0").out


def test_shards(ints):
    grown_old(ints)
    whole = dreamdb("gc", ints, "--dry-run", "--json").json()
    parts = [dreamdb("gc", ints, "--dry-run", "--json", "--shard", i, "--of", 3).json() for i in range(3)]
    for part in ("listed", "live", "condemned", "protected"):
        assert sum(one[part]["objects"] for one in parts) == whole[part]["objects"]
    for i in range(3):
        dreamdb("gc", ints, "--shard", i, "--of", 3)
    assert dreamdb("gc", ints, "--json").json()["condemned"]["objects"] == 0
    assert dreamdb("count", ints).out.strip() == "5"


def test_what_is_damaged_ends_it(ints):
    grown_old(ints)
    page = next((ints / "pages").iterdir())
    for tip in dreamdb("log", ints, "--json").lines():
        (ints / "manifests" / tip["manifest"]).write_bytes(b"no manifest")
        break
    before = objects(ints)
    refused = dreamdb("gc", ints, code=6)
    assert "manifests/" in refused.err
    assert objects(ints) == before and page.exists()


def test_bad_words(ints, tmp_path):
    dreamdb("gc", f"{ints}@main", code=2)
    dreamdb("gc", tmp_path / "nothing", code=3)
    for words in (["--keep-last", "0"], ["--keep-days", "x"], ["--keep-days=-1"], ["--shard", "2", "--of", "2"],
                  ["--of", "0"], ["--of", "257"], ["--keep", "x"], ["--memory", "0"]):
        dreamdb("gc", ints, *words, code=2)


def test_sessions(ints):
    assert dreamdb("sessions", "ls", ints).out == ""
    assert dreamdb("sessions", "fence", ints).out == "ended 0 sessions\n"
    assert dreamdb("sessions", "fence", ints, "--json").json() == {"fenced": 0}
    dreamdb("sessions", "fence", ints, "0" * 32, code=3)
    dreamdb("sessions", "ls", ints, "0" * 32, code=2)
    dreamdb("sessions", "end", ints, code=2)
