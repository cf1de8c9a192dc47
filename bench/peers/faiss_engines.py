"""faiss: IVF over 1-bit RaBitQ codes or over products of 4 bits, both fast-scan and refined; HNSW."""

from __future__ import annotations

import pathlib
import time

import faiss
import numpy as np

from corpus import DIM
from engine import BUILD_THREADS, Engine, Setting, steps
from graph import EF_MAX

REFINED = (2, 4, 8, 16, 32, 64)  # times the wanted rows, compared exactly


class Faiss(Engine):
    """Index of a factory string; what its knobs are is left to those below."""

    def __init__(self, folder: pathlib.Path, cells: int, factory: str):
        super().__init__(folder, cells)
        self.index = faiss.index_factory(DIM, factory.format(cells=cells),
                                         faiss.METRIC_INNER_PRODUCT)
        self.knobs = faiss.ParameterSpace()

    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        faiss.omp_set_num_threads(BUILD_THREADS)
        start = time.perf_counter()
        self.index.train(base)
        trained = time.perf_counter()
        self.index.add(base)
        end = time.perf_counter()
        return {"index": end - start, "train": trained - start}

    def use_threads(self, count: int) -> None:
        faiss.omp_set_num_threads(count)

    def use(self, setting: Setting) -> None:
        for name, value in setting.items():
            self.knobs.set_index_parameter(self.index, name, value)

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(query, top)[1][0]

    def many(self, queries: np.ndarray, top: int) -> np.ndarray:
        return self.index.search(queries, top)[1]


class FaissIvf(Faiss):
    def ladders(self) -> list[list[Setting]]:
        return [[{"nprobe": n, "k_factor_rf": rows} for n in steps(1, self.cells)]
                for rows in REFINED]


class FaissHnsw(Faiss):
    def __init__(self, folder: pathlib.Path, cells: int, links: int, ef_construction: int):
        super().__init__(folder, cells, f"HNSW{links},Flat")
        self.index.hnsw.efConstruction = ef_construction

    def ladders(self) -> list[list[Setting]]:
        return [[{"efSearch": n} for n in steps(10, EF_MAX)]]
