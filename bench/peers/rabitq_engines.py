"""RaBitQ-Library: its IVF with codes of some bits or with raw vectors, and its graph as a mark."""

from __future__ import annotations

import pathlib
import time

import numpy as np
from rabitqlib import FinalAssignmentMode, IvfIndex, RaBitQKMeans, SymqgIndex

from corpus import DIM
from engine import BUILD_THREADS, Engine, Setting, steps
from graph import Graph


class RabitqIvf(Engine):
    def __init__(self, folder: pathlib.Path, cells: int, bits: int):
        super().__init__(folder, cells)
        self.bits, self.threads, self.nprobe = bits, 1, 1
        self.index: IvfIndex | None = None

    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        start = time.perf_counter()
        means = RaBitQKMeans(DIM, self.cells, num_threads=BUILD_THREADS,
                             final_assignment=FinalAssignmentMode.Exact)
        means.train(base)
        trained = time.perf_counter()
        self.index = IvfIndex(dim=DIM, max_elements=len(base), num_clusters=self.cells,
                              nbits=self.bits, metric="ip")
        self.index.build(base, means.centroids, means.assignments, num_threads=BUILD_THREADS)
        end = time.perf_counter()
        return {"index": end - start, "train": trained - start}

    def use_threads(self, count: int) -> None:
        self.threads = count

    def ladders(self) -> list[list[Setting]]:
        return [[{"nprobe": n} for n in steps(1, self.cells)]]

    def use(self, setting: Setting) -> None:
        self.nprobe = setting["nprobe"]

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(query, top, self.nprobe)[0][0]

    def many(self, queries: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(queries, top, self.nprobe, num_threads=self.threads)[0]


class RabitqGraph(Graph):
    """SymphonyQG. Unit vectors: the nearest by L2 are those by inner product."""

    def __init__(self, folder: pathlib.Path, cells: int, links: int, ef_construction: int, bits: int):
        super().__init__(folder, cells, links, ef_construction)
        self.index = SymqgIndex(dim=DIM, max_degree=links, metric="l2", quantization_bits=bits)
        self.ef = 10

    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        start = time.perf_counter()
        self.index.build(base, self.ef_construction, num_threads=BUILD_THREADS)
        return {"index": time.perf_counter() - start}

    def use(self, setting: Setting) -> None:
        self.ef = setting["ef"]

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(query, top, self.ef)[0][0]

    def many(self, queries: np.ndarray, top: int) -> np.ndarray:
        return self.index.search_batch(queries, top, self.ef, num_threads=self.threads)[0]
