"""Spatial indexes: the parameters of an index, its centroids and their routes (section 12.6)."""

import math
import struct
from typing import NamedTuple

from . import codecs, limits, shape, vector_codes
from .code_rows import CodeRow, Packed, pack, read_packed
from .errors import require
from .runs import Run, Use, parse_run, per_code_block, per_matrix_block
from .vector_codes import ROUNDS, Cell, padded_dim

METRICS = ("cosine", "ip", "l2")
ALGORITHMS = {f"dreamdb.ivf-{metric}": metric for metric in METRICS} | {
    "dreamdb.imi-cosine": "cosine",
    "dreamdb.lsh-cosine": "cosine",
}
BITS_MAX = 8
RECALL_MAX = 64
PERMILLE_MAX = 1000


class Spatial(NamedTuple):
    """What the footer of a spatial index says; `origin` is padded."""

    field: int
    algorithm: str
    dim: int
    bits: int
    level_scale: float
    signs: bytes
    origin: list
    centroids: Run
    routes: Run
    trained: int
    spread: float
    recall: list  # (probes, permille)

    @property
    def metric(self) -> str:
        return ALGORITHMS[self.algorithm]

    @property
    def cells(self) -> int:
        return self.centroids.items

    def place(self, vector: list) -> list:
        """The vector as codes take it: padded, a direction under cosine (12.2)."""
        cosine = self.metric == "cosine"
        return vector_codes.direction(vector) if cosine else vector_codes.pad(vector)

    def cell(self, centroid: list) -> Cell:
        return Cell(self.metric, vector_codes.pad(centroid), self.origin, self.signs)

    def route(self, centroid: list) -> Packed:
        """The code of a centroid as it stands, in the cell whose centroid is the origin."""
        return pack(vector_codes.encode(vector_codes.pad(centroid), self.cell(self.origin)))

    def code(self, number: int, cell: Cell, anchor: int, vector: list) -> CodeRow:
        """The code of a vector in the cell of this number (12.4, 12.5)."""
        placed, more = self.place(vector), None
        if self.bits > 1:
            levels = vector_codes.encode_levels(placed, cell, self.bits, self.level_scale)
            more = pack(levels, self.bits - 1)
        return CodeRow(number, anchor, pack(vector_codes.encode(placed, cell)), more)


def _f64(value, name: str) -> float:
    size = len(shape.byte_string(value, name))
    require(size == 8, "S3.9", f"{name} must be an f64 of 8 bytes, has {size}")
    number = struct.unpack("<d", value)[0]
    require(math.isfinite(number), "S12.4", f"{name} is {number}")
    return number


def _probes(value, name: str) -> tuple:
    return tuple(shape.tuple_of(value, name, shape.uint, shape.uint))


def _recall(value, name: str) -> list:
    return [_probes(one, f"{name}[{i}]") for i, one in enumerate(shape.array(value, name))]


SPATIAL_KEYS = {
    "algorithm": shape.text,
    "dim": shape.uint,
    "bits": shape.uint,
    "level_scale": _f64,
    "signs": shape.byte_string,
    "origin": shape.byte_string,
    "centroids": shape.mapping,  # runs are checked below, once their use is known
    "routes": shape.mapping,
    "trained": shape.uint,
    "spread": _f64,
    "recall": _recall,
}


def route_row_bytes(dim: int) -> int:
    return padded_dim(dim) // 8 + 12


def parse_spatial(known: dict) -> Spatial:
    """`known`: what a footer has, `SPATIAL_KEYS` among it."""
    algorithm, dim, bits = known["algorithm"], known["dim"], known["bits"]
    require(algorithm in ALGORITHMS, "S3.9", f"algorithm {algorithm!r:.60}")
    require(1 <= dim <= limits.EMBEDDING_DIMENSION, "S1.3", f"an index of {dim} dimensions")
    require(1 <= bits <= BITS_MAX, "S3.9", f"codes of {bits} bits")
    scale = known["level_scale"]
    require(scale > 0 if bits > 1 else scale == 0, "S3.9", f"level_scale {scale} of {bits} bits")
    require(known["spread"] >= 0, "S12.4", f"spread is {known['spread']}")
    padded = padded_dim(dim)
    for key, size in (("signs", ROUNDS * padded // 8), ("origin", 4 * padded)):
        found = len(known[key])
        require(found == size, "S3.9", f"{key} has {found} bytes, not {size} for dim {dim}")
    origin = list(struct.unpack(f"<{padded}f", known["origin"]))
    require(all(map(math.isfinite, origin)), "S12.4", "a value of the origin is not finite")
    cells = shape.uint(known["centroids"].get("items"), "centroids.items")
    require(cells >= 1, "S3.9", "an index without cells")
    require(cells <= limits.SEGMENT_ROWS, "S1.3", f"an index of {cells} cells")
    _check_recall(known["recall"], cells)
    runs = {
        "centroids": _run(known["centroids"], "centroids", cells, 4 * dim, per_matrix_block),
        "routes": _run(known["routes"], "routes", cells, route_row_bytes(dim), per_code_block),
    }
    known = known | runs | {"origin": origin}
    return Spatial(**{key: known[key] for key in Spatial._fields})


def _run(value, name: str, rows: int, one: int, per) -> Run:
    return parse_run(value, name, Use(rows, per(one), (codecs.RAW,), lambda n: n * one))


def _check_recall(recall: list, cells: int) -> None:
    require(len(recall) <= RECALL_MAX, "S3.9", f"recall of {len(recall)} numbers of probes")
    before = (0, 0)
    for probes, permille in recall:
        require(
            before[0] < probes <= cells,
            "S3.9",
            f"recall at {probes} probes, after {before[0]}, of {cells} cells",
        )
        require(
            before[1] <= permille <= PERMILLE_MAX,
            "S3.9",
            f"recall of {permille} permille, after {before[1]}",
        )
        before = (probes, permille)


def check_centroids(data: bytes) -> None:
    finite = all(math.isfinite(value) for (value,) in struct.iter_unpack("<f", data))
    require(finite, "S12.4", "a value of a centroid is not finite")


def read_routes(spatial: Spatial, blocks: list) -> list:
    """The code of each centroid; `blocks` of the run."""
    dim, one = padded_dim(spatial.dim), route_row_bytes(spatial.dim)
    return [code for block in blocks for code in read_packed(block, dim, one, "S12.4")]
