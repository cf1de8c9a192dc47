"""DreamDB: a dataset in a folder, every block verified, through the package as users have it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import dreamdb
import numpy as np

from corpus import DIM
from engine import Engine, Setting, steps

PIECE_ROWS = 20_000
RECALLS = (950, 970, 990)  # how far bounds of codes reach, in thousandths of `recall`
BITS = 3  # of a code: with those in memory some 15 rows a query are read, with one bit 40 to 130
CACHE_SHARE = 2 / 11  # of the bytes of the vectors: with all else a fifth of what hnswlib takes


class DreamDb(Engine):
    stored = True

    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        schema = dreamdb.Schema()
        schema.add_embedding("embedding", DIM, "dreamdb.ivf-cosine")
        schema.add_scalar_int("label")
        start = time.perf_counter()
        dataset = dreamdb.Dataset.create("main", schema, f"file://{self.folder}")
        for first in range(0, len(base), PIECE_ROWS):
            rows = base[first : first + PIECE_ROWS]
            dataset.append_many({"embedding": rows, "label": labels[first : first + len(rows)],
                                 "_anchor": np.arange(first, first + len(rows), dtype=np.uint64)})
        written = time.perf_counter()
        dataset.reindex("embedding", cells=self.cells, bits=BITS)
        end = time.perf_counter()
        return {"index": end - written, "write the vectors": written - start}

    def open(self) -> None:
        where = f"file://{self.folder}"
        rows = dreamdb.Dataset.open("main", backend=where).count()
        self.dataset = dreamdb.Dataset.open("main", backend=where,
                                            cache_bytes=int(rows * DIM * 4 * CACHE_SHARE))
        self.where: dreamdb.where.Where | None = None

    def ladders(self) -> list[list[Setting]]:
        return [[{"nprobe": n, "recall": permille} for n in steps(1, self.cells)]
                for permille in RECALLS]

    def use(self, setting: Setting) -> None:
        self.nprobe, self.recall = setting["nprobe"], setting["recall"] / 1000

    def filter(self, below: int | None) -> None:
        self.where = None if below is None else dreamdb.col("label") < below

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self._ids(self._hits(query, top)[0])

    def many(self, queries: np.ndarray, top: int) -> list[np.ndarray]:
        return [self._ids(batches) for batches in self._hits(queries, top)]

    def profile(self, queries: Sequence[np.ndarray], top: int) -> str:
        spent: Counter[str] = Counter()
        start = time.perf_counter()
        for asked in queries:
            spent.update(self._search(asked, top).report["seconds"])
        whole = time.perf_counter() - start
        count = sum(map(len, queries))
        parts = ", ".join(f"{what} {seconds / count * 1e6:.0f}" for what, seconds in spent.items())
        return f"us of threads a query: {parts}; in all {whole / count * 1e6:.0f} us of clock"

    def _hits(self, queries: np.ndarray, top: int) -> list:
        return self._search(queries, top).hits

    def _search(self, queries: np.ndarray, top: int) -> dreamdb.SearchAnswer:
        return self.dataset.search("embedding", queries, top, where=self.where, as_numpy=True,
                                   nprobe=self.nprobe, recall=self.recall, fields=[])

    @staticmethod
    def _ids(batches: list[dict]) -> np.ndarray:
        return batches[0]["_time_anchors"] if batches else np.zeros(0, np.uint64)
