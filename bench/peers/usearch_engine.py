"""usearch: a graph over vectors in bfloat16, which is faster there than float32."""

from __future__ import annotations

import time

import numpy as np
import usearch.index

from corpus import DIM
from engine import BUILD_THREADS, Setting
from graph import Graph


class Usearch(Graph):
    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        start = time.perf_counter()
        self.index = usearch.index.Index(ndim=DIM, metric="ip", dtype="bf16",
                                         connectivity=self.links,
                                         expansion_add=self.ef_construction)
        self.index.add(np.arange(len(base)), base, threads=BUILD_THREADS)
        return {"index": time.perf_counter() - start}

    def use(self, setting: Setting) -> None:
        self.index.expansion_search = setting["ef"]

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(query[0], top, threads=1).keys

    def many(self, queries: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(queries, top, threads=self.threads).keys
