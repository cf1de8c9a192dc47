"""Footers of segments: their keys, and what each run is for (sections 7.2 to 7.5)."""

import struct
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from . import codecs, limits, shape, stats
from .errors import require
from .runs import Run, Use, parse_run, per_code_block, per_matrix_block
from .schema import ELEMENT_BYTES, SCALAR_TYPES, check_row_shape, row_bytes
from .spatial import SPATIAL_KEYS, Spatial, parse_spatial
from .stats import STRING_TYPES
from .vector_codes import padded_dim

ROWS_PER_BLOCK = 4096
ALIGNMENT = 64
HEADER_BYTES = 64
SEGMENT_TYPES = {"scalar": 1, "blob": 2, "matrix": 3, "codes": 4, "spatial": 5}
VERSION_OF_TYPE = {"codes": 2, "spatial": 2}  # the others: 1
SEGMENT_VERSION_MAX = 2
COMMON_CODECS = (codecs.RAW, codecs.ZSTD)
INTEGER_CODECS = COMMON_CODECS + (codecs.FRAME,)
ANCHOR_CODECS = COMMON_CODECS + (codecs.DELTA,)


class Column(NamedTuple):
    """One column of a scalar segment (7.3)."""

    field: int
    type: str
    valid: Run | None
    dict: Run | None
    data: Run


class Codes(NamedTuple):
    """What a segment of codes has besides (12.7)."""

    spatial: bytes
    dim: int
    bits: int
    cells: list
    ends: list
    codes: Run
    extra: Run | None


class Footer(NamedTuple):
    """What a footer says; `runs` in the order in which they stand in the object."""

    type: str
    rows: int  # 0 of a spatial index
    sequence: tuple | None  # (first, step), or
    anchors: Run | None
    field: int
    columns: list
    stats: dict
    index: Run | None
    payloads: Run | None
    dtype: str | None
    shape: list | None
    data: Run | None
    codes: Codes | None
    spatial: Spatial | None
    end: int
    runs: list


def bitmap_bytes(items: int) -> int:
    return (items + 7) // 8


def segment_version(kind: str) -> int:
    """`v` of the footer and of the header (S7.1)."""
    return VERSION_OF_TYPE.get(kind, 1)


def code_row_bytes(dim: int) -> int:
    return padded_dim(dim) // 8 + 20


def extra_row_bytes(dim: int, bits: int) -> int:
    return padded_dim(dim) // 8 * (bits - 1) + 12


def _rows_use(rows: int, allowed: tuple, raw_size: Callable | None, item_bytes: int = 0) -> Use:
    return Use(rows, ROWS_PER_BLOCK, allowed, raw_size, item_bytes)


def _data_use(kind: str, has_dict: bool, rows: int) -> Use:
    if kind == "bool":
        return _rows_use(rows, COMMON_CODECS, bitmap_bytes)
    if kind in ("int", "timestamp"):
        return _rows_use(rows, INTEGER_CODECS, lambda n: 8 * n, 8)
    if kind == "float":
        return _rows_use(rows, COMMON_CODECS, lambda n: 8 * n)
    if has_dict:
        return _rows_use(rows, INTEGER_CODECS, lambda n: 4 * n, 4)
    return _rows_use(rows, COMMON_CODECS, None)


def _parse_column(value, name: str, rows: int) -> Column:
    anything = lambda item, _: item  # runs are checked below, once their use is known
    shape.fields(
        value,
        name,
        {"field": shape.uint, "type": shape.text, "data": anything},
        {"valid": anything, "dict": anything},
    )
    field, kind = value["field"], value["type"]
    require(field >= 1, "S3.9", f"{name} is of field 0")
    require(kind in SCALAR_TYPES, "S3.9", f"{name} has type {kind!r:.60}")
    require(
        "dict" not in value or kind in STRING_TYPES,
        "S3.8",
        f"{name} of type {kind} has a dictionary",
    )
    valid = words = None
    if "valid" in value:
        valid = parse_run(
            value["valid"], f"{name}.valid", _rows_use(rows, COMMON_CODECS, bitmap_bytes)
        )
    if "dict" in value:
        shape.mapping(value["dict"], f"{name}.dict")
        count = shape.uint(value["dict"].get("items"), f"{name}.dict.items")
        require(1 <= count <= rows, "S7.3", f"{name} has {count} words for {rows} rows")
        words = parse_run(value["dict"], f"{name}.dict", Use(count, count, COMMON_CODECS, None))
    data = parse_run(value["data"], f"{name}.data", _data_use(kind, words is not None, rows))
    return Column(field, kind, valid, words, data)


def _parse_anchors(value, rows: int) -> tuple:
    """`(sequence, run)`: one of the two (7.2)."""
    if isinstance(value, dict):
        return None, parse_run(value, "anchors", _rows_use(rows, ANCHOR_CODECS, lambda n: 8 * n))
    first, step = shape.tuple_of(value, "anchors", shape.anchor, shape.uint)
    require(
        step >= 1 and first + (rows - 1) * step <= limits.ANCHOR_MAX,
        "S7.4",
        f"{rows} anchors from {first} by {step}",
    )
    return (first, step), None


def _more_keys(kind: str) -> tuple:
    """`(required, optional)` keys of this type of segment; runs are checked later."""
    anything = lambda item, _: item
    if kind == "scalar":
        return {"columns": shape.array, "stats": stats.parse}, {}
    if kind == "blob":
        return {"payloads": anything}, {"index": anything}
    if kind == "codes":
        required = {"spatial": shape.b33, "dim": shape.uint, "bits": shape.uint}
        tables = {"cells": shape.byte_string, "ends": shape.byte_string}
        return required | tables | {"codes": anything}, {"extra": anything}
    if kind == "spatial":
        return SPATIAL_KEYS, {}
    return {"dtype": shape.text, "shape": check_row_shape, "data": anything}, {}


def parse_footer(data: bytes) -> Footer:
    value = shape.envelope(data, "segment", limits.FOOTER_BYTES, SEGMENT_VERSION_MAX)
    require("type" in value, "S3.8", "the footer lacks the key 'type'")
    kind = shape.text(value["type"], "type")
    require(kind in SEGMENT_TYPES, "S3.9", f"a segment of type {kind!r:.60}")
    version = segment_version(kind)
    require(value["v"] == version, "S7.1", f"a {kind} segment of version {value['v']}")
    required, optional = _more_keys(kind)
    common = {"type": shape.text, "field": shape.uint, "end": shape.uint}
    if kind != "spatial":
        common["rows"] = shape.uint
    if kind not in ("codes", "spatial"):
        common["anchors"] = lambda item, _: item
    known = shape.fields(value, "footer", shape.ENVELOPE | common | required, optional)
    rows = value.get("rows", 1)
    require(rows >= 1, "S3.9", "a segment without rows")
    require(rows <= limits.SEGMENT_ROWS, "S1.3", f"a segment of {rows} rows")
    require(
        (value["field"] == 0) == (kind == "scalar"),
        "S3.9",
        f"a {kind} segment of field {value['field']}",
    )
    sequence, anchors = None, None
    if "anchors" in value:
        sequence, anchors = _parse_anchors(value["anchors"], rows)
    columns, index, payloads, matrix, codes, spatial = [], None, None, None, None, None
    if kind == "scalar":
        columns = [
            _parse_column(one, f"column {i}", rows) for i, one in enumerate(value["columns"])
        ]
        ids = [column.field for column in columns]
        require(ids == sorted(set(ids)), "S3.9", f"columns of fields {ids}, not ascending")
        require(sorted(known["stats"]) == ids, "S6.5", "the statistics are not of the columns")
        for column in columns:
            stats.check_type(
                known["stats"][column.field], column.type, f"statistics of field {column.field}"
            )
    elif kind == "blob":
        index, payloads = _parse_blob(value, rows)
    elif kind == "codes":
        codes = _parse_codes(value, rows)
    elif kind == "spatial":
        spatial, rows = parse_spatial(known), 0
    else:
        matrix = _parse_matrix(value, rows)
    runs = [run for column in columns for run in (column.valid, column.dict, column.data)]
    runs += [codes.codes, codes.extra] if codes else []
    runs += [spatial.centroids, spatial.routes] if spatial else []
    runs = [run for run in [anchors] + runs + [index, payloads, matrix] if run]
    footer = Footer(
        kind,
        rows,
        sequence,
        anchors,
        value["field"],
        columns,
        known.get("stats", {}),
        index,
        payloads,
        value.get("dtype"),
        value.get("shape"),
        matrix,
        codes,
        spatial,
        value["end"],
        runs,
    )
    _check_places(footer)
    return footer


def _parse_blob(value: dict, rows: int) -> tuple:
    shape.mapping(value["payloads"], "payloads")
    count = shape.uint(value["payloads"].get("items"), "payloads.items")
    index = None
    if "index" in value:
        index = parse_run(
            value["index"], "index", _rows_use(rows, INTEGER_CODECS, lambda n: 4 * n, 4)
        )
        require(1 <= count <= rows, "S7.3", f"{count} distinct payloads of {rows} rows")
    else:
        require(count == rows, "S7.3", f"{count} payloads of {rows} rows, and no index")
    return index, parse_run(value["payloads"], "payloads", Use(count, 1, COMMON_CODECS, None))


def _parse_matrix(value: dict, rows: int) -> Run:
    require(value["dtype"] in ELEMENT_BYTES, "S3.9", f"dtype {value['dtype']!r:.60}")
    one = row_bytes(value["dtype"], value["shape"])
    use = Use(rows if one else 0, per_matrix_block(one), (codecs.RAW,), lambda n: n * one)
    return parse_run(value["data"], "data", use)


def _parse_codes(value: dict, rows: int) -> Codes:
    dim, bits = value["dim"], value["bits"]
    require(1 <= dim <= 65536 and 1 <= bits <= 8, "S12.5", f"codes of {dim} x {bits} bits")
    tables = {}
    for name in ("cells", "ends"):
        require(len(value[name]) % 4 == 0, "S12.5", f"{name} of {len(value[name])} bytes")
        tables[name] = list(struct.unpack(f"<{len(value[name]) // 4}I", value[name]))
        ascending = all(left < right for left, right in pairwise(tables[name]))
        require(ascending and tables[name], "S12.5", f"{name} do not ascend")
    cells, ends = tables["cells"], tables["ends"]
    require(
        len(cells) == len(ends) and ends[0] >= 1 and ends[-1] == rows,
        "S12.5",
        f"{len(cells)} cells end at {ends} of {rows} rows",
    )
    codes = _code_run(value["codes"], "codes", rows, code_row_bytes(dim))
    require(("extra" in value) == (bits > 1), "S12.5", f"{bits} bits with or without `extra`")
    extra = None
    if "extra" in value:
        extra = _code_run(value["extra"], "extra", rows, extra_row_bytes(dim, bits))
    return Codes(value["spatial"], dim, bits, cells, ends, codes, extra)


def _code_run(value, name: str, rows: int, one: int) -> Run:
    return parse_run(value, name, Use(rows, per_code_block(one), (codecs.RAW,), lambda n: n * one))


def _check_places(footer: Footer) -> None:
    """Runs are aligned, in order, apart, and before the footer (S7.2)."""
    require(
        footer.end >= HEADER_BYTES and footer.end % ALIGNMENT == 0, "S7.2", f"end is {footer.end}"
    )
    free = HEADER_BYTES
    for run in footer.runs:
        require(run.at % ALIGNMENT == 0, "S7.2", f"{run.name} is at {run.at}")
        require(run.at >= free, "S7.2", f"{run.name} at {run.at} begins before {free}")
        free = run.at + run.stored()
        require(free <= footer.end, "S7.2", f"{run.name} ends at {free}, after {footer.end}")
