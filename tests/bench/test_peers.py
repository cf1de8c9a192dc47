"""bench/peers: the settings it chooses, its exact answers, and the processes it measures in."""

from __future__ import annotations

import json
import os
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(os.environ["DREAMDB_ROOT"]) / "bench/peers"))

from columns import LEVELS, Choice, Pairs, choose, climb  # noqa: E402
from corpus import DIM, LABELS, TOP, Corpus, brute_force, recall  # noqa: E402
from engine import steps  # noqa: E402
from engines import OURS, PEERS, Row  # noqa: E402
from remote import EngineError, Remote  # noqa: E402
from report import Measured, columns, figures, tables  # noqa: E402

ROWS, QUERIES, CELLS = 3000, 20, 16


class Curve:
    """An engine whose recall and rate are known functions of its two knobs."""

    def __init__(self, recalls: list[list[float]]):
        self.recalls = recalls
        self.ladders = [[{"step": i, "ladder": n} for i in range(len(each))]
                        for n, each in enumerate(recalls)]
        self.asked: list[tuple[int, int]] = []

    def recall(self, kind: str, setting: dict[str, int]) -> float:
        self.asked.append((setting["ladder"], setting["step"]))
        return self.recalls[setting["ladder"]][setting["step"]]

    def rate(self, kind: str, threads: int, setting: dict[str, int]) -> float:
        return 1000 / (1 + setting["step"] * (1 + setting["ladder"]))


def test_climb_finds_the_lowest_step_of_each_level() -> None:
    random = np.random.default_rng(3)
    for length in (1, 2, 3, 7, 30):
        for _ in range(200):
            recalls = np.sort(random.uniform(0.7, 1, length)).tolist()
            curve = Curve([recalls])
            found = climb(curve, "in", curve.ladders[0])
            wanted = {level: next(i for i, each in enumerate(recalls) if each >= level)
                      for level in LEVELS if recalls[-1] >= level}
            assert {level: each.setting["step"] for level, each in found.items()} == wanted
            assert all(each.recall == recalls[each.setting["step"]] for each in found.values())
            assert len(curve.asked) == len(set(curve.asked)), "a step was measured twice"


def test_choose_takes_the_fastest_ladder_and_leaves_out_what_none_reaches() -> None:
    curve = Curve([[0.5, 0.6, 0.7, 0.8, 0.91], [0.5, 0.92, 0.96]])
    chosen = choose(curve, "in", (1,))
    assert chosen[1, 0.90].setting == {"step": 1, "ladder": 1}
    assert chosen[1, 0.95].setting == {"step": 2, "ladder": 1}
    assert set(chosen) == {(1, 0.90), (1, 0.95)}


def test_steps_rise_to_the_end() -> None:
    assert steps(1, 10) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert steps(10, 17) == [10, 12, 14, 16, 17]
    assert steps(4, 4) == [4]


def unit_vectors(seed: int, count: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.mark.parametrize("kept", [ROWS, 15, 6])
def test_brute_force_is_exact(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corpus.TRUTH_ROWS", 700)  # several pieces, the last of them short
    base, queries = unit_vectors(1, ROWS), unit_vectors(2, 5)
    rows = np.sort(np.random.default_rng(4).permutation(ROWS)[:kept])
    scores = queries.astype(np.float64) @ base[rows].T.astype(np.float64)
    wanted = rows[np.argsort(-scores, axis=1)][:, :TOP]
    found = brute_force(base, rows, queries)
    assert np.array_equal(found[:, : wanted.shape[1]], wanted)
    assert (found[:, wanted.shape[1] :] == -1).all()
    assert recall(list(found), found) == 1
    assert recall([each[:3] for each in found], found) == pytest.approx(3 / min(kept, TOP))


@pytest.fixture(name="corpus")
def made_corpus(tmp_path: pathlib.Path) -> Corpus:
    folder = tmp_path / "vectors"
    folder.mkdir()
    unit_vectors(1, ROWS).tofile(folder / "base.f32")
    for seed, kind in ((2, "in"), (3, "out")):
        unit_vectors(seed, QUERIES).tofile(folder / f"{kind}.f32")
    corpus = Corpus(folder, ROWS, QUERIES)
    for below in (LABELS, 100):
        corpus.find_truth(below)
    return corpus


def start(row: Row, tmp_path: pathlib.Path, corpus: Corpus) -> Remote:
    return Remote(row, pathlib.Path(sys.executable), tmp_path / "engine", CELLS, corpus,
                  tmp_path / "log")


def test_ours_is_measured_one_at_a_time_in_batches_and_filtered(
        tmp_path: pathlib.Path, corpus: Corpus) -> None:
    remote = start(OURS, tmp_path, corpus)
    try:
        first, last = remote.ladders[0][0], remote.ladders[0][-1]
        assert last["nprobe"] == CELLS
        assert remote.recall("in", first) < 0.6 < 0.9 < remote.recall("in", last)
        assert all(remote.rate("out", threads, last) > 0 for threads in (1, 2))
        for threads in (1, 2):
            profile = remote.profile("in", threads, last)
            assert all(part in profile for part in ("cells", "codes", "rows", "fields")), profile
        assert remote.memory() > 0
        assert remote.seconds["index"] > 0
        remote.filter(100, 7)
        assert remote.recall("in", last) > 0.9
        remote.filter(LABELS, QUERIES)
        assert remote.recall("in", last) > 0.9
    finally:
        remote.end()


def test_an_engine_that_cannot_start_or_dies_is_named(tmp_path: pathlib.Path, corpus: Corpus) -> None:
    with pytest.raises(EngineError, match="^DreamDB: start: .*Error: .*cells"):
        Remote(OURS, pathlib.Path(sys.executable), tmp_path / "engine", "cells",  # type: ignore
               corpus, tmp_path / "log")
    remote = start(OURS, tmp_path, corpus)
    try:
        remote.processes[1].process.kill()
        with pytest.raises(EngineError, match="DreamDB: memory: ended by SIGKILL"):
            remote.memory()
        assert remote.ended()
    finally:
        remote.end()


def measured(row: Row, rate: float, filtered: dict[int, float]) -> Measured:
    out = Measured(row, seconds={"index": 2.0}, memory=1000)
    for column in columns():
        out.choices[column], out.rates[column] = Choice({"nprobe": 3}, 0.99), [rate]
    out.filtered = {below: (Choice({"nprobe": 3}, 0.96), [each]) for below, each in filtered.items()}
    return out


def test_the_report_names_what_is_missed_and_counts_no_mark() -> None:
    ours = measured(OURS, 100.0, {500: 50.0})
    peers = [measured(row, 50.0, {500: 5.0, 100: 5.0}) for row in PEERS]
    for peer in peers:
        rate = 900.0 if peer.row.mark else peer.rates["in", 1, 0.90][0]
        peer.pairs = {column: Pairs([100.0], [rate]) for column in columns()}
        peer.rates = {column: [rate] for column in columns()}
        peer.filtered_pairs = {500: Pairs([50.0], [5.0])}
    del ours.choices["out", 2, 0.99], ours.rates["out", 2, 0.99]
    ours.profiles = {column: "rows 7 us" for column in columns()}
    peers[0].pairs["in", 1, 0.98] = Pairs([100.0], [200.0])
    peers[0].rates["in", 1, 0.98] = [200.0]
    lines = {each["figure"]: each for each in figures("easy", ours, peers)}
    assert lines["peers easy in @0.90"]["ratio"] == 2 and lines["peers easy in @0.90"]["ok"]
    assert lines["peers easy in @0.90"]["note"] == ""
    behind = lines["peers easy in @0.98"]
    assert not behind["ok"] and behind["note"] == "missed: rows 7 us"
    missed = lines["peers easy out @0.99, batches"]
    assert not missed["ok"] and missed["note"].startswith("missed by ours")
    assert lines["peers easy filtered, 50 %"]["ratio"] == 10
    assert not lines["peers easy filtered, 10 %"]["ok"]
    assert "missed" in lines["peers easy filtered, 0.1 %"]["note"]
    peers[0] = Measured(peers[0].row, reason="no wheel")
    text = "\n".join(tables("easy", ours, peers))
    assert text.count("not measured: no wheel") == 4 and "| 100 | 100 | 100 | missed |" in text
    assert json.loads(json.dumps(list(figures("easy", ours, peers))))
    assert PEERS[0].name in next(figures("easy", ours, peers))["note"]
