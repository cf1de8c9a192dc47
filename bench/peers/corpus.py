"""The vectors, queries and exact answers that every engine is measured on, as files in a folder."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess

import numpy as np

DIM = 512
TOP = 10
KINDS = ("in", "out")  # queries like the data, and like texts about it
LABELS = 1000  # a record has one of so many, evenly drawn; `label < n` leaves n of 1,000 rows
SELECTED = (500, 100, 10, 1)  # such n: 50, 10, 1 and 0.1 %
TRUTH_ROWS = 50_000  # of vectors compared at once
TRUTH_SPARE = 10  # candidates beyond TOP, whose order in float32 is checked in float64


@dataclasses.dataclass(frozen=True)
class Corpus:
    """`rows` unit vectors of one preset, `queries` of each kind. Row i has the id i."""

    folder: pathlib.Path
    rows: int
    queries: int

    def base(self) -> np.ndarray:
        """[rows, DIM] float32, mapped and not read: it counts to no engine's memory."""
        return np.memmap(self.folder / "base.f32", np.float32, "r", shape=(self.rows, DIM))

    def asked(self, kind: str) -> np.ndarray:
        """[queries, DIM] float32."""
        return np.fromfile(self.folder / f"{kind}.f32", np.float32).reshape(self.queries, DIM)

    def labels(self) -> np.ndarray:
        """[rows] int64 in [0, LABELS)."""
        return np.random.default_rng(5).integers(0, LABELS, self.rows)

    def truth(self, kind: str, below: int = LABELS) -> np.ndarray:
        """[queries, TOP] ids of the nearest rows whose label is below `below`."""
        return np.load(self._truth_file(kind, below))

    def find_truth(self, below: int = LABELS) -> None:
        """Compares every query with every such row, and keeps the answers for `truth`."""
        kept = np.flatnonzero(self.labels() < below)
        for kind in KINDS:
            np.save(self._truth_file(kind, below), brute_force(self.base(), kept, self.asked(kind)))

    def _truth_file(self, kind: str, below: int) -> pathlib.Path:
        return self.folder / f"truth-{kind}-{below}.npy"


def make_corpus(program: pathlib.Path, preset: str, folder: pathlib.Path, rows: int,
                queries: int) -> Corpus:
    command = [program, "--job", "vectors", preset, folder, rows, queries]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    made = json.loads(done.stdout)
    assert (made["rows"], made["queries"], made["dim"]) == (rows, queries, DIM)
    return Corpus(folder, rows, queries)


def brute_force(base: np.ndarray, kept: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """[n, TOP] ids, best first, -1 where fewer rows are kept: products of unit vectors."""
    wanted = TOP + TRUTH_SPARE
    ids = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for first in range(0, len(kept), TRUTH_ROWS):
        rows = kept[first : first + TRUTH_ROWS]
        ids = np.hstack([ids, np.broadcast_to(rows, (len(queries), len(rows)))])
        scores = np.hstack([scores, queries @ np.asarray(base[rows]).T])
        if ids.shape[1] <= wanted:
            continue
        best = np.argpartition(-scores, wanted, axis=1)[:, :wanted]
        ids, scores = np.take_along_axis(ids, best, 1), np.take_along_axis(scores, best, 1)
    out = np.full((len(queries), TOP), -1, np.int64)
    for i, query in enumerate(queries.astype(np.float64)):
        exact = base[ids[i]].astype(np.float64) @ query
        nearest = ids[i][np.argsort(-exact, kind="stable")][:TOP]
        out[i, : len(nearest)] = nearest
    return out


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """Part of the true ids that were found; found: [n, any], -1 for none."""
    met = sum(np.isin(t[t >= 0], f).sum() for f, t in zip(found, truth, strict=True))
    return float(met) / int((truth >= 0).sum())
