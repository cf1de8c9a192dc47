"""The engines that are measured: ours, and the peers; a row is a class, its module and arguments."""

from __future__ import annotations

import dataclasses
import importlib
import pathlib
from typing import Any

from engine import Engine


@dataclasses.dataclass(frozen=True)
class Row:
    """`cells`: it sorts the vectors into as many cells as ours, so its building is compared with
    ours. `mark`: shown, and not among the peers to be ahead of."""

    name: str
    package: str
    module: str
    kind: str
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    cells: bool = False
    mark: bool = False

    def make(self, folder: pathlib.Path, cells: int) -> Engine:
        kind = getattr(importlib.import_module(self.module), self.kind)
        return kind(folder, cells, **self.arguments)


OURS = Row("DreamDB", "dreamdb", "dreamdb_engine", "DreamDb", cells=True)
GRAPH = {"links": 16, "ef_construction": 200}
HNSWLIB = "hnswlib M=16 ef=200"
LANCEDB = "LanceDB IVF_RQ"
PEERS = [
    Row("faiss IVF RaBitQ fast-scan", "faiss-cpu", "faiss_engines", "FaissIvf",
        {"factory": "RR512,IVF{cells},RaBitQfs,RFlat"}, cells=True),
    Row("faiss IVF PQ128x4 fast-scan", "faiss-cpu", "faiss_engines", "FaissIvf",
        {"factory": "IVF{cells},PQ128x4fs,RFlat"}, cells=True),
    Row("RaBitQ-Library IVF, raw", "rabitqlib", "rabitq_engines", "RabitqIvf", {"bits": 32},
        cells=True),
    Row("RaBitQ-Library IVF, 7 bits", "rabitqlib", "rabitq_engines", "RabitqIvf", {"bits": 7},
        cells=True),
    Row("ScaNN", "scann", "scann_engine", "Scann", {"dims_per_block": 2, "soar": False}, cells=True),
    Row("ScaNN SOAR", "scann", "scann_engine", "Scann", {"dims_per_block": 2, "soar": True},
        cells=True),
    Row(LANCEDB, "lancedb", "lancedb_engine", "LanceDb", cells=True),
    Row(HNSWLIB, "hnswlib", "hnswlib_engine", "Hnswlib", GRAPH),
    Row("faiss HNSW M=16 ef=200", "faiss-cpu", "faiss_engines", "FaissHnsw", GRAPH),
    Row("usearch bf16 M=16 ef=200", "usearch", "usearch_engine", "Usearch", GRAPH),
    Row("RaBitQ-Library graph R=32", "rabitqlib", "rabitq_engines", "RabitqGraph",
        {"links": 32, "ef_construction": 200, "bits": 0}, mark=True),
]


def row_named(name: str) -> Row:
    return next(row for row in [OURS, *PEERS] if row.name == name)
