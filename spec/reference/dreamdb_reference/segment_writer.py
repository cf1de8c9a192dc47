"""Segments written in the plainest way, for golden vectors and tests (chapter 7)."""

import struct
from itertools import pairwise

from . import address, cbor, code_rows, codecs, shape, stats
from .footer import (
    ALIGNMENT,
    ROWS_PER_BLOCK,
    code_row_bytes,
    extra_row_bytes,
    segment_version,
)
from .pages import LeafEntry
from .runs import per_code_block, per_matrix_block
from .schema import row_bytes
from .segment import Segment, header, trailer
from .spatial import ALGORITHMS, Spatial, route_row_bytes
from .stats import STRING_TYPES


class _Body:
    """The header and the runs so far."""

    def __init__(self, kind: str):
        self.kind = kind
        self.data = bytearray(header(kind))

    def _align(self) -> None:
        self.data += bytes(-len(self.data) % ALIGNMENT)

    def run(
        self, items: int, per: int, raws: list, codec: int = codecs.RAW, item_bytes: int = 0
    ) -> dict:
        """Adds a run of these raw blocks; the map that the footer has for it."""
        self._align()
        stored = [codecs.encode(codec, raw, item_bytes) for raw in raws]
        result = {
            "at": len(self.data),
            "items": items,
            "per": per,
            "sizes": struct.pack(f"<{len(stored)}I", *map(len, stored)),
            "hashes": b"".join(map(address.blake3, stored)),
        }
        if codec != codecs.RAW:
            result["codecs"] = bytes([codec]) * len(stored)
            result["raws"] = struct.pack(f"<{len(raws)}I", *map(len, raws))
        self.data += b"".join(stored)
        return result

    def rows(self, values: list, to_raw, codec: int = codecs.RAW, item_bytes: int = 0) -> dict:
        """Adds a run with 4,096 rows a block."""
        blocks = [
            to_raw(values[at : at + ROWS_PER_BLOCK]) for at in range(0, len(values), ROWS_PER_BLOCK)
        ]
        return self.run(len(values), ROWS_PER_BLOCK, blocks, codec, item_bytes)

    def anchors(self, anchors, codec: int):
        """`[first, step]` if the anchors are a sequence, else a run."""
        step = anchors[1] - anchors[0] if len(anchors) > 1 else 1
        if all(right - left == step for left, right in pairwise(anchors)):
            return [anchors[0], step]
        return self.rows(anchors, _packer("Q"), codec)

    def finish(self, nonce: bytes, **keys) -> bytes:
        self._align()
        footer = cbor.encode(
            shape.new(
                "segment", nonce, segment_version(self.kind), type=self.kind, end=len(self.data), **keys
            )
        )
        return bytes(self.data) + footer + trailer(len(footer))


def _packer(form: str):
    return lambda values: struct.pack(f"<{len(values)}{form}", *values)


def _pack_bits(values: list) -> bytes:
    return codecs.pack_bits([int(value) for value in values], 1)


def pack_strings(values: list) -> bytes:
    """u32 offsets[n + 1] from 0, then the bytes."""
    offsets = [0]
    for value in values:
        offsets.append(offsets[-1] + len(value))
    return struct.pack(f"<{len(offsets)}I", *offsets) + b"".join(values)


def _write_column(
    body: _Body, field: int, kind: str, values: list, codec: int, dictionary: bool
) -> dict:
    result = {"field": field, "type": kind}
    if None in values:
        valid_codec = codec if codec != codecs.FRAME else codecs.RAW
        result["valid"] = body.rows(
            [value is not None for value in values], _pack_bits, valid_codec
        )
    if kind in STRING_TYPES:
        if not dictionary:
            filled = [b"" if value is None else value for value in values]
            return result | {"data": body.rows(filled, pack_strings, codec)}
        words = sorted({value for value in values if value is not None})
        words_codec = codec if codec != codecs.FRAME else codecs.RAW
        result["dict"] = body.run(len(words), len(words), [pack_strings(words)], words_codec)
        values = [None if value is None else words.index(value) for value in values]
    filled = [0 if value is None else value for value in values]
    packers = {
        "bool": (_pack_bits, 0),
        "float": (_packer("d"), 0),
        "int": (_packer("q"), 8),
        "timestamp": (_packer("q"), 8),
    }
    to_raw, item_bytes = packers.get(kind, (_packer("I"), 4))
    return result | {"data": body.rows(filled, to_raw, codec, item_bytes)}


def write_scalar(
    nonce: bytes, anchors: list, columns: list, anchor_codec: int = codecs.RAW
) -> bytes:
    """`columns`: (field id, type, values or None, codec, with dictionary), ascending by id."""
    body = _Body("scalar")
    first = body.anchors(anchors, anchor_codec)
    maps = [_write_column(body, *column) for column in columns]
    found = {
        field: stats.of_values(kind, [value for value in values if value is not None])
        for field, kind, values, _, _ in columns
    }
    return body.finish(nonce, rows=len(anchors), anchors=first, field=0, columns=maps, stats=found)


def write_blob(
    nonce: bytes,
    anchors: list,
    field: int,
    payloads: list,
    codec: int = codecs.RAW,
    index_codec: int = codecs.RAW,
    anchor_codec: int = codecs.RAW,
) -> bytes:
    """Equal payloads are kept once."""
    body = _Body("blob")
    first = body.anchors(anchors, anchor_codec)
    distinct = list(dict.fromkeys(payloads))
    keys = {}
    if len(distinct) < len(payloads):
        places = {payload: place for place, payload in enumerate(distinct)}
        keys["index"] = body.rows(
            [places[payload] for payload in payloads], _packer("I"), index_codec, 4
        )
    keys["payloads"] = body.run(len(distinct), 1, distinct, codec)
    return body.finish(nonce, rows=len(anchors), anchors=first, field=field, **keys)


def write_matrix(
    nonce: bytes,
    anchors: list,
    field: int,
    dtype: str,
    sizes: list,
    data: bytes,
    anchor_codec: int = codecs.RAW,
) -> bytes:
    """`data`: the rows, row-major, little-endian."""
    body = _Body("matrix")
    first = body.anchors(anchors, anchor_codec)
    one = row_bytes(dtype, sizes)
    per = per_matrix_block(one)
    blocks = [data[at : at + per * one] for at in range(0, len(data), per * one or 1)]
    run = body.run(len(anchors) if one else 0, per, blocks)
    return body.finish(
        nonce,
        rows=len(anchors),
        anchors=first,
        field=field,
        dtype=dtype,
        shape=list(sizes),
        data=run,
    )


def write_codes(nonce: bytes, field: int, spatial: bytes, dim: int, bits: int, rows: list) -> bytes:
    """`rows`: CodeRow, in their order."""
    body = _Body("codes")
    ends = {row.cell: i + 1 for i, row in enumerate(rows)}
    keys = {}

    def run(one: int, pack) -> dict:
        per = per_code_block(one)
        blocks = [pack(rows[at : at + per]) for at in range(0, len(rows), per)]
        return body.run(len(rows), per, blocks)

    keys["codes"] = run(code_row_bytes(dim), code_rows.write_codes)
    if bits > 1:
        keys["extra"] = run(extra_row_bytes(dim, bits), code_rows.write_extra)
    return body.finish(
        nonce,
        rows=len(rows),
        field=field,
        spatial=spatial,
        dim=dim,
        bits=bits,
        cells=struct.pack(f"<{len(ends)}I", *ends),
        ends=struct.pack(f"<{len(ends)}I", *ends.values()),
        **keys,
    )


def write_spatial(
    nonce: bytes,
    field: int,
    metric: str,
    centroids: list,
    origin: list,
    signs: bytes,
    bits: int = 1,
    level_scale: float = 0.0,
    trained: int = 0,
    spread: float = 0.0,
    recall: list = (),
) -> bytes:
    """`centroids`: one of `dim` values for each cell; `origin`, `signs`: padded, as stored."""
    body = _Body("spatial")
    dim = len(centroids[0])
    algorithm = next(name for name, ending in ALGORITHMS.items() if ending == metric)
    spatial = Spatial(
        field, algorithm, dim, bits, level_scale, signs, origin, None, None, trained, spread, recall
    )

    def run(values: list, per: int, pack) -> dict:
        blocks = [pack(values[at : at + per]) for at in range(0, len(values), per)]
        return body.run(len(values), per, blocks)

    rows = run(
        centroids,
        per_matrix_block(4 * dim),
        lambda part: b"".join(struct.pack(f"<{dim}f", *row) for row in part),
    )
    routes = [spatial.route(centroid) for centroid in centroids]
    return body.finish(
        nonce,
        field=field,
        algorithm=algorithm,
        dim=dim,
        bits=bits,
        level_scale=struct.pack("<d", level_scale),
        signs=signs,
        origin=struct.pack(f"<{len(origin)}f", *origin),
        centroids=rows,
        routes=run(routes, per_code_block(route_row_bytes(dim)), code_rows.write_packed),
        trained=trained,
        spread=struct.pack("<d", spread),
        recall=list(recall),
    )


def leaf_entry(data: bytes, seq: int, primary: bool = True) -> LeafEntry:
    """The entry that names this segment (6.1); `primary` is of a segment of track 0."""
    segment = Segment(data)
    step = segment.footer.sequence[1] if segment.footer.sequence else 0
    found = segment.footer.stats
    if segment.footer.codes:
        cells = segment.footer.codes.cells
        found = {segment.footer.field: stats.Stats(segment.rows, cells[0], cells[-1], None)}
        step = 1 if segment.rows == 1 else 0
    return LeafEntry(
        segment.anchors[0],
        segment.anchors[-1],
        step,
        segment.rows,
        segment.rows if primary else 0,
        seq,
        segment.address,
        segment.size,
        segment.footer_size,
        found,
    )
