"""hnswlib: a graph over raw vectors."""

from __future__ import annotations

import time

import hnswlib
import numpy as np

from corpus import DIM
from engine import BUILD_THREADS, Setting
from graph import Graph


class Hnswlib(Graph):
    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        start = time.perf_counter()
        self.index = hnswlib.Index("ip", DIM)
        self.index.init_index(len(base), M=self.links, ef_construction=self.ef_construction)
        self.index.add_items(base, num_threads=BUILD_THREADS)
        return {"index": time.perf_counter() - start}

    def use(self, setting: Setting) -> None:
        self.index.set_ef(setting["ef"])

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self.index.knn_query(query, top, num_threads=1)[0][0]

    def many(self, queries: np.ndarray, top: int) -> np.ndarray:
        return self.index.knn_query(queries, top, num_threads=self.threads)[0]
