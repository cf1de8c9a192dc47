"""ScaNN: a tree of one floor, anisotropic products of 4 bits, exact rerank; with and without SOAR."""

from __future__ import annotations

import pathlib
import time

import numpy as np
import scann

from corpus import TOP
from engine import BUILD_THREADS, Engine, Setting, steps

REFINED = (20, 40, 80, 160, 320, 640)  # rows compared exactly
ANISOTROPIC_THRESHOLD = 0.2
PARTITION_ROWS_MIN = 5  # the default of 50 merges so many cells of a small set that most are read


class Scann(Engine):
    def __init__(self, folder: pathlib.Path, cells: int, dims_per_block: int, soar: bool):
        super().__init__(folder, cells)
        self.dims_per_block, self.soar, self.threads = dims_per_block, soar, 1
        self.searcher: scann.ScannSearcher | None = None
        self.knobs: dict[str, int] = {}

    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        start = time.perf_counter()
        more = {"soar_lambda": 1.5, "overretrieve_factor": 2} if self.soar else {}
        self.searcher = (
            scann.scann_ops_pybind.builder(base, TOP, "dot_product")
            .set_n_training_threads(BUILD_THREADS)
            .tree(num_leaves=self.cells, num_leaves_to_search=10, training_sample_size=len(base),
                  spherical=True, min_partition_size=PARTITION_ROWS_MIN, **more)
            .score_ah(self.dims_per_block, anisotropic_quantization_threshold=ANISOTROPIC_THRESHOLD)
            .reorder(REFINED[0])
            .build()
        )
        return {"index": time.perf_counter() - start}

    def use_threads(self, count: int) -> None:
        self.threads = count
        self.searcher.set_num_threads(count)

    def ladders(self) -> list[list[Setting]]:
        return [[{"leaves_to_search": n, "pre_reorder_num_neighbors": rows}
                 for n in steps(1, self.cells)] for rows in REFINED]

    def use(self, setting: Setting) -> None:
        self.knobs = setting

    def one(self, query: np.ndarray, top: int) -> np.ndarray:
        return self.searcher.search(query[0], top, **self.knobs)[0]

    def many(self, queries: np.ndarray, top: int) -> np.ndarray:
        if self.threads == 1:
            return self.searcher.search_batched(queries, top, **self.knobs)[0]
        share = -(-len(queries) // self.threads)
        return self.searcher.search_batched_parallel(queries, top, batch_size=share,
                                                     **self.knobs)[0]
