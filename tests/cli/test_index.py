"""`reindex`, what `search` and `stat` say of an index, and what becomes of damaged ones."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from conftest import PROGRAM, ROOT, dreamdb

DIM = 32
sys.path.insert(0, str(ROOT / "spec/reference"))


def clustered(rows, seed=1):
    generator = np.random.default_rng(seed)
    centers = np.random.default_rng(99).standard_normal((50, DIM))
    return (centers[generator.integers(50, size=rows)] + 0.5 * generator.standard_normal((rows, DIM))).astype(np.float32)


def make(folder, rows, algorithm=""):
    """A dataset `vectors` with `rows` vectors `e` and numbers `n` at anchors 0, 1, ..."""
    folder.mkdir(exist_ok=True)
    np.save(folder / "e.npy", clustered(rows))
    np.save(folder / "n.npy", np.arange(rows))
    np.save(folder / "a.npy", np.arange(rows, dtype=np.uint64))
    dreamdb("ingest", folder / "vectors", "--create", "--field", f"e:embedding:{DIM}{algorithm}", "--field", "n:int",
            "--npy", f"e={folder / 'e.npy'}", "--npy", f"n={folder / 'n.npy'}", "--npy", f"_anchor={folder / 'a.npy'}")
    return folder / "vectors"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A dataset with an index of 30 cells; read only."""
    store = make(tmp_path_factory.mktemp("built"), 3000)
    dreamdb("reindex", store, "e", "--cells", 30)
    return store


@pytest.fixture
def own(built, tmp_path):
    """A copy of it that may be damaged."""
    shutil.copytree(built, tmp_path / "own")
    return tmp_path / "own"


def anchors(run):
    return [hit["_anchor"] for hit in run.lines()]


def explained(run):
    return json.loads(run.err)["explain"]


def test_reindex_says_what_was_built(tmp_path):
    store = make(tmp_path, 3000)
    run = dreamdb("reindex", store, "e", "--cells", 20)
    assert run.out.startswith("e: dreamdb.ivf-cosine, 3,000 rows in 20 cells, ") and run.out.count("\n") == 1
    assert "recall@10 0.9" in run.out and " of 20 cells" in run.out and run.err == ""
    report = dreamdb("reindex", store, "e", "--cells", 40, "--bits", 3, "--seed", 9, "--algorithm", "dreamdb.ivf-l2", "--json").json()
    assert (report["field"], report["algorithm"], report["cells"], report["bits"]) == ("e", "dreamdb.ivf-l2", 40, 3)
    assert report["codes"] == 3000 and report["uncovered"] == 0 and report["trained"] > 0 and report["seconds"] > 0
    assert report["recall"][-1]["recall"] == 1 and report["manifest"] == dreamdb("log", store, "--json").lines()[0]["manifest"]
    assert dreamdb("log", store, "--json").lines()[0]["operation"] == "reindex"
    assert dreamdb("reindex", store, "e", "--quiet").out == ""
    other = dreamdb("reindex", store, "e", "--algorithm", "dreamdb.ivf-l2").out
    assert "3,000 rows in 1 cell," in other and "--distance l2" in other.splitlines()[1]


def test_the_same_seed_makes_the_same_index(tmp_path):
    store = make(tmp_path, 2000)
    cells = [json.dumps(dreamdb("reindex", store, "e", "--cells", 16, "--seed", seed, "--json").json()["recall"]) for seed in (4, 4, 5)]
    assert cells[0] == cells[1] != cells[2]


def test_drop(tmp_path):
    store = make(tmp_path, 200)
    dreamdb("reindex", store, "e")
    assert dreamdb("stat", store, "--json").json()["indexes"]
    assert "dropped the index of e" in dreamdb("reindex", store, "e", "--drop").out
    assert dreamdb("stat", store, "--json").json()["indexes"] == []
    assert "index" not in dreamdb("stat", store).out
    run = dreamdb("reindex", store, "e", "--drop", code=3)
    assert "NotFound" in run.err and "`e`" in run.err
    assert "--drop" in dreamdb("reindex", store, "e", "--drop", "--cells", 3, code=2).err


def test_stat_shows_it(own):
    index = dreamdb("stat", own, "--json").json()["indexes"][0]
    assert (index["field"], index["algorithm"], index["cells"], index["codes"], index["uncovered"]) == ("e", "dreamdb.ivf-cosine", 30, 3000, 0)
    assert index["bytes"] > 3000 * DIM // 8
    lines = dreamdb("stat", own).out.splitlines()
    header, row = next((a.split(), b.split()) for a, b in zip(lines, lines[1:]) if a.startswith("index"))
    assert header[:7] == ["index", "algorithm", "cells", "bits", "codes", "uncovered", "bytes"]
    assert row[:6] == ["e", "dreamdb.ivf-cosine", "30", "1", "3,000", "0"]


def test_search_through_it(built):
    query = "[" + ",".join(map(str, clustered(1, 77)[0].tolist())) + "]"
    ask = ["search", built, "e", "--query", query, "--json", "--explain"]
    exact = dreamdb(*ask, "--exact")
    assert explained(exact)["algorithm"] is None and explained(exact)["scanned"] == 3000 and explained(exact)["reason"] == "exact"
    best = dreamdb(*ask, "--recall", 1)
    report = explained(best)
    assert report["algorithm"] == "dreamdb.ivf-cosine" and report["covered"] == 1 and report["scanned"] == 0 and report["reason"] is None
    assert 0 < report["reranked"] <= report["candidates"] <= report["codes"] <= 3000 and report["queries"] == 1
    assert len(set(anchors(exact)) & set(anchors(best))) >= 9
    scores = {hit["_anchor"]: hit["_score"] for hit in exact.lines()}
    assert all(scores.get(hit["_anchor"], hit["_score"]) == hit["_score"] for hit in best.lines())
    assert set(report["seconds"]) == {"cells", "codes", "rows", "fields"} and report["seconds"]["rows"] > 0
    few = explained(dreamdb(*ask, "--nprobe", 1))
    assert few["probes"] == few["cells"] == 1 and few["codes"] < report["codes"] and few["recall"] < 1
    assert explained(dreamdb(*ask, "--recall", 0.5))["probes"] < report["probes"]
    assert explained(dreamdb(*ask, "--distance", "l2"))["algorithm"] is None
    none = dreamdb(*ask, "--where", "n < 0")
    assert none.out == ""
    assert anchors(dreamdb(*ask, "--where", "n < 40")) == anchors(dreamdb(*ask, "--where", "n < 40", "--exact"))


def test_explain_is_one_line_for_people(built):
    run = dreamdb("search", built, "e", "--like", 5, "--explain")
    assert run.err.startswith("found: by dreamdb.ivf-cosine (covers 100.0 %)") and run.err.count("\n") == 1
    assert " reranked" in run.err and " waves" in run.err and "found" not in run.out
    run = dreamdb("search", built, "e", "--like", 5, "--exact", "--explain")
    assert "comparing 3,000 rows, no index was used: --exact was given;" in run.err
    for words, why in ((["--distance", "l2"], "for another distance"), (["--where", "n < 40"], "few records match"),
                       (["-k", 0], "nothing to find")):
        assert why in dreamdb("search", built, "e", "--like", 5, "--explain", *words).err
    assert dreamdb("search", built, "e", "--like", 5).err == ""


def test_distance_is_that_of_the_field(tmp_path):
    for name, words in (("dreamdb.ivf-l2", "l2"), ("dreamdb.lsh-l2", "l2"), ("dreamdb.ivf-ip", "ip"), ("dreamdb.ivf-cosine", "cosine")):
        store = make(tmp_path / name, 100, f":{name}")
        np.save(tmp_path / "q.npy", clustered(3, 5))
        ask = ["search", store, "e", "--query", tmp_path / "q.npy", "--json"]
        assert dreamdb(*ask).out == dreamdb(*ask, "--distance", words).out
        assert dreamdb("reindex", store, "e", "--json").json()["algorithm"] == f"dreamdb.ivf-{words}"
        assert explained(dreamdb(*ask, "--explain"))["algorithm"] == f"dreamdb.ivf-{words}"


def test_appends_branches_and_snapshots(own, tmp_path):
    dreamdb("snapshot", own, "v1")
    np.save(tmp_path / "e.npy", clustered(300, 8))
    np.save(tmp_path / "n.npy", np.arange(300))
    dreamdb("ingest", own, "--npy", f"e={tmp_path / 'e.npy'}", "--npy", f"n={tmp_path / 'n.npy'}")
    index = dreamdb("stat", own, "--json").json()["indexes"][0]
    assert (index["codes"], index["uncovered"], index["segments"]) == (3300, 0, 2)
    count = {"own": 3300, "v1": 3000}
    for locator, rows in ((own, count["own"]), (f"{own}@main@v1", count["v1"])):
        run = dreamdb("search", locator, "e", "--like", 5, "-k", 5000, "--recall", 1, "--json", "--explain")
        assert len(run.lines()) == rows and explained(run)["algorithm"]
    assert dreamdb("reindex", f"{own}@main@v1", "e", code=9).err.startswith("dreamdb reindex: Denied")


def second_reader(store):
    return subprocess.run([sys.executable, "-m", "dreamdb_reference", store], capture_output=True, text=True,
                          cwd=ROOT / "spec/reference", check=False)


def test_the_second_reader_agrees(own, tmp_path):
    np.save(tmp_path / "e.npy", clustered(100, 8))
    np.save(tmp_path / "n.npy", np.arange(100))
    dreamdb("ingest", own, "--npy", f"e={tmp_path / 'e.npy'}", "--npy", f"n={tmp_path / 'n.npy'}")
    run = second_reader(own)
    assert run.returncode == 0, run.stdout + run.stderr


# ---- stopping


def slow_store(tmp_path, rows=20_000):
    """Building its index takes a second or more."""
    return make(tmp_path / "slow", rows)


def start(*words, stderr=subprocess.PIPE):
    return subprocess.Popen([PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=stderr)


def draw(master, until=None):
    """What comes from the terminal, until a text is there or the other end is closed."""
    drawn = b""
    while until is None or until not in drawn:
        try:
            drawn += os.read(master, 1 << 16)
        except OSError:
            break
    return drawn


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_stopping_it_changes_nothing(tmp_path, stop):
    store = slow_store(tmp_path, 50_000)
    before = dreamdb("stat", store, "--json").json()
    master, slave = pty.openpty()
    process = start("reindex", store, "e", "--cells", 40_000, stderr=slave)
    os.close(slave)
    drawn = draw(master, b"train")
    process.send_signal(stop)
    drawn += draw(master)
    os.close(master)
    out, _ = process.communicate(timeout=60)
    assert out == b"" and b"reindex: " in drawn
    if stop == signal.SIGINT:
        assert process.returncode == 130 and b"Nothing was changed" in drawn, drawn
    after = dreamdb("stat", store, "--json").json()
    assert after == before and after["indexes"] == []
    assert second_reader(store).returncode == 0
    report = dreamdb("reindex", store, "e", "--cells", 50, "--json").json()
    assert report["codes"] == 50_000
    assert dreamdb("search", store, "e", "--like", 7, "-k", 1, "--json").lines()[0]["_anchor"] == 7


def test_killed_while_it_writes(tmp_path):
    """Objects are there that no version names; the dataset is as it was, and a second run works."""
    store = slow_store(tmp_path)
    segments = store / "segments"
    for _ in range(10):
        manifest = dreamdb("stat", store, "--json").json()["manifest"]
        objects = sum(path.is_file() for path in segments.rglob("*"))
        process = start("reindex", store, "e", "--cells", 100)
        while process.poll() is None and sum(path.is_file() for path in segments.rglob("*")) == objects:
            pass
        process.kill()
        process.communicate(timeout=60)
        if dreamdb("stat", store, "--json").json()["manifest"] == manifest:
            break
    else:
        pytest.fail("ten times it had committed before it was killed")
    assert second_reader(store).returncode == 0
    assert dreamdb("reindex", store, "e", "--cells", 100, "--json").json()["codes"] == 20_000
    assert second_reader(store).returncode == 0


def test_many_workers_build_it(tmp_path):
    store = make(tmp_path, 0)
    for first in range(0, 3000, 250):
        np.save(tmp_path / "e.npy", clustered(250, first))
        np.save(tmp_path / "n.npy", np.arange(first, first + 250))
        np.save(tmp_path / "a.npy", np.arange(first, first + 250, dtype=np.uint64))
        dreamdb("ingest", store, "--npy", f"e={tmp_path / 'e.npy'}", "--npy", f"n={tmp_path / 'n.npy'}", "--npy", f"_anchor={tmp_path / 'a.npy'}")
    run = dreamdb("reindex", store, "e", "--cells", 20, "--bits", 2, "--train")
    assert run.out.startswith("e: dreamdb.ivf-cosine, 0 rows in 20 cells, ") and "; 3,000 rows have no code yet; recall@10 " in run.out
    workers = [start("reindex", store, "e", "--shard", i, "--of", 3, "--commit-rows", 500) for i in range(3)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0]
    for worker in workers:
        worker.communicate()
    index = dreamdb("stat", store, "--json").json()["indexes"][0]
    assert (index["cells"], index["bits"], index["codes"], index["uncovered"]) == (20, 2, 3000, 0)
    assert second_reader(store).returncode == 0
    before = dreamdb("stat", store, "--json").json()["manifest"]
    assert "3,000 rows in 20 cells" in dreamdb("reindex", store, "e", "--shard", 2, "--of", 3).out
    assert dreamdb("stat", store, "--json").json()["manifest"] == before


def test_an_index_is_taken_from_a_branch(tmp_path):
    store = make(tmp_path, 2000)
    dreamdb("reindex", store, "e", "--cells", 8)
    dreamdb("branch", store, "rebuilt")
    dreamdb("reindex", f"{store}@rebuilt", "e", "--cells", 12)
    assert dreamdb("stat", store, "--json").json()["indexes"][0]["cells"] == 8
    assert "2,000 rows in 12 cells" in dreamdb("reindex", store, "e", "--take", "rebuilt").out
    assert dreamdb("stat", store, "--json").json()["indexes"][0]["cells"] == 12
    assert dreamdb("log", store, "--json").lines()[0]["operation"] == "take_index"
    assert second_reader(store).returncode == 0
    assert "NotFound" in dreamdb("reindex", store, "e", "--take", "nowhere", code=3).err
    assert "ref" in dreamdb("reindex", store, "e", "--take", "", code=2).err
    assert "--take" in dreamdb("reindex", store, "e", "--take", "rebuilt", "--cells", 3, code=2).err
    assert "--drop" in dreamdb("reindex", store, "e", "--take", "rebuilt", "--drop", code=2).err


def test_a_worker_that_is_stopped_goes_on(tmp_path):
    store = slow_store(tmp_path)
    dreamdb("reindex", store, "e", "--cells", 2000, "--train")
    for stop in (signal.SIGINT, signal.SIGKILL):
        master, slave = pty.openpty()
        process = start("reindex", store, "e", "--shard", 0, "--of", 1, stderr=slave)
        os.close(slave)
        drawn = draw(master, b"encode")
        process.send_signal(stop)
        drawn += draw(master)
        os.close(master)
        process.communicate(timeout=60)
        if stop == signal.SIGINT:
            assert process.returncode == 130 and b"the same command encodes the rest" in drawn, drawn
    assert dreamdb("reindex", store, "e", "--shard", 0, "--of", 1, "--json").json()["uncovered"] == 0
    assert second_reader(store).returncode == 0


# ---- bad input


@pytest.mark.parametrize("words, text", [
    (["--shard", 3, "--of", 3], "the last is number 2"), (["--shard", 0, "--of", 0], "above 0"), (["--shard", 0], "give both"), (["--of", 2], "give both"),
    (["--commit-rows", 5], "give both"), (["--shard", 0, "--of", 1, "--bits", 1], "goes without"), (["--shard", 0, "--of", 1, "--train"], "goes without"),
    (["--shard", 0, "--of", 1, "--cells", 30], "goes without"), (["--shard", "x", "--of", 1], "whole number"), (["--shard", 0, "--of", 1, "--commit-rows", 0], "above 0"),
    (["--drop", "--train"], "--drop"), (["--drop", "--shard", 0, "--of", 1], "--drop"),
])
def test_bad_shards(built, words, text):
    assert text in dreamdb("reindex", built, "e", *words, code=2).err


def test_a_shard_before_the_training(tmp_path):
    store = make(tmp_path, 100)
    assert "--train" in dreamdb("reindex", store, "e", "--shard", 0, "--of", 1, code=3).err


@pytest.mark.parametrize("words, text", [
    (["nope"], "nope"), (["n"], "type int"), (["e", "--cells", 3001], "cells is 3001"), (["e", "--cells", 0], "above 0"),
    (["e", "--bits", 9], "bits is 9"), (["e", "--bits", 2**40], "bits"), (["e", "--bits", -1], "whole number"),
    (["e", "--seed", "x"], "whole number"), (["e", "--algorithm", "dreamdb.tree"], "dreamdb.ivf-l2"), ([], "FIELD"),
])
def test_bad_reindex(built, words, text):
    assert text in dreamdb("reindex", built, *words, code=2).err


@pytest.mark.parametrize("words, text", [
    (["--query", "[1,2]"], "32"), (["--query", json.dumps([0] * DIM)], "zero vector"), (["--query", json.dumps([1e39] * DIM)], "inf"),
    (["--like", 5, "--where", "zz == 1"], "zz"), (["--like", 5, "-k", 0, "--where", "zz == 1"], "zz"), (["--like", 5, "--recall", 1.5], "--recall: expected a number above 0 and at most 1, found 1.5"), (["--like", 5, "--recall", 0], "found 0"), (["--like", 5, "--recall", "nan"], "found nan"),
    (["--like", 5, "--recall", "x"], "found x"), (["--like", 5, "--nprobe", 0], "above 0"), (["--like", 5, "--nprobe", 3, "--exact"], "one of them"),
    (["--like", 5, "--distance", "hamming"], "hamming"),
])
def test_bad_search(built, words, text):
    assert text in dreamdb("search", built, "e", *words, code=2).err


@pytest.mark.parametrize("field, text", [("n", "is int; search goes over an embedding"), ("zz", "there are e, n")])
def test_bad_search_field(built, field, text):
    assert text in dreamdb("search", built, field, "--like", 5, code=2).err


@pytest.mark.parametrize("shape, value, text", [
    ((0, DIM), 1, "no query given"), ((0,), 1, "(32)"), ((2, 5), 1, "found rows of shape (5)"), ((1, 1, DIM), 1, "found rows of shape (1, 32)"),
    ((), 1, "without a dimension"), ((2, DIM), np.nan, "NaN"), ((2, DIM), 0, "query 0 is the zero vector"), ((1, DIM), 1j, "element type"),
])
def test_bad_query_files(built, tmp_path, shape, value, text):
    np.save(tmp_path / "q.npy", np.full(shape, value))
    assert text in dreamdb("search", built, "e", "--query", tmp_path / "q.npy", code=2).err


def test_top_k_of_nothing_and_of_more_than_there_is(built):
    assert dreamdb("search", built, "e", "--like", 5, "-k", 0, "--json").out == ""
    assert len(dreamdb("search", built, "e", "--like", 5, "-k", 9999, "--json").lines()) == 3000
    assert dreamdb("search", built, "e", "--like", 3000, code=3).err.startswith("dreamdb search: NotFound")


def test_an_empty_field_has_no_index(tmp_path):
    dreamdb("create", tmp_path / "s", "--field", "e:embedding:4")
    assert "no rows yet" in dreamdb("reindex", tmp_path / "s", "e", code=2).err


def test_equal_rows(tmp_path):
    np.save(tmp_path / "e.npy", np.ones((500, 4), np.float32))
    dreamdb("ingest", tmp_path / "s", "--create", "--field", "e:embedding:4", "--npy", f"e={tmp_path / 'e.npy'}")
    assert "500 rows in 1 cell," in dreamdb("reindex", tmp_path / "s", "e", "--cells", 20).out
    assert len(dreamdb("search", tmp_path / "s", "e", "--query", "[1,1,1,1]", "-k", 600, "--json").lines()) == 500


def object_path(store, which):
    """Of the parameters ("spatial") or of a code segment of the index."""
    from dreamdb_reference import address, read_space

    index = read_space(store).indexes[0]
    key = index.key if which == "spatial" else address.object_key("segments", index.codes[0].child)
    return store / key, key


def damage(path, harm):
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(data[:len(data) // 2])
    else:
        data[200] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("which", ["spatial", "codes"])
@pytest.mark.parametrize("harm", ["missing", "cut", "flipped"])
def test_a_damaged_index(own, which, harm):
    ask = ["search", own, "e", "--like", 5, "--recall", 1, "--json"]
    truth = anchors(dreamdb(*ask, "--exact"))
    path, key = object_path(own, which)
    damage(path, harm)
    run = dreamdb(*ask[:-1], code=6)
    assert "Corruption" in run.err and key in run.err and "exact" in run.err and "reindex" in run.err, run.err
    assert anchors(dreamdb(*ask, "--exact")) == truth
    stat = dreamdb("stat", own, code=6 if which == "spatial" else 0)
    assert "3,000" in stat.out
    # The way out: a new index, or none.
    dreamdb("reindex", own, "e", "--cells", 30, "--seed", 1)
    assert len(set(anchors(dreamdb(*ask))) & set(truth)) >= 9
    dreamdb("reindex", own, "e", "--drop")
    assert anchors(dreamdb(*ask)) == truth
