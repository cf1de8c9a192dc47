"""Segments that are accepted, whole objects with their leaf entries and values (chapter 7)."""

import struct

from dreamdb_reference import address, codecs, vector_codes
from dreamdb_reference.code_rows import CodeRow, Packed
from dreamdb_reference.segment import Segment
from dreamdb_reference.segment_writer import (
    leaf_entry,
    write_blob,
    write_codes,
    write_matrix,
    write_scalar,
)
from dreamdb_reference.stats import STRING_TYPES

from .broken_segments import broken_codes
from .notation import name_of, nonce, plain

_BYTES_IN_FULL = 4096


def bytes_or_hash(data: bytes) -> dict:
    """Large ones by size and hash."""
    if len(data) <= _BYTES_IN_FULL:
        return plain(data)
    return {"size": len(data), "blake3": address.blake3(data).hex()}


def _value(segment: Segment) -> dict:
    footer = segment.footer
    value = {"type": footer.type, "rows": segment.rows, "anchors": segment.anchors}
    if footer.sequence:
        value["anchors"] = {"first": footer.sequence[0], "step": footer.sequence[1]}
    if footer.type == "scalar":
        value["columns"] = []
        for column in footer.columns:
            values = segment.column(column.field)
            if column.type in STRING_TYPES:
                values = [None if one is None else one.decode() for one in values]
            value["columns"].append(
                {"field": column.field, "type": column.type, "values": plain(values)}
            )
        return value
    value["field"] = footer.field
    if footer.codes:
        del value["anchors"]
        rows = [
            {
                "cell": row.cell,
                "anchor": row.anchor,
                "factors": plain(struct.pack("<3f", *row.code.factors)),
                "more": plain(row.more and struct.pack("<3f", *row.more.factors)),
            }
            for row in segment.codes
        ]
        return value | {"dim": footer.codes.dim, "bits": footer.codes.bits, "codes": rows}
    if footer.type == "blob":
        order = [segment.payload(row) for row in range(segment.rows)]
        distinct = list(dict.fromkeys(order))
        return value | {
            "payloads": [bytes_or_hash(one) for one in distinct],
            "index": [distinct.index(one) for one in order],
        }
    data = b"".join(segment.array(row).data for row in range(segment.rows))
    return value | {"dtype": footer.dtype, "shape": footer.shape, "data": bytes_or_hash(data)}


def _case(name: str, data: bytes) -> dict:
    segment = Segment(data)
    return {
        "name": name,
        "hex": data.hex(),
        "address": plain(segment.address),
        "entry": plain(leaf_entry(data, 3)),
        "value": _value(segment),
    }


def _floats(form: str, count: int) -> bytes:
    return struct.pack(f"<{count}{form}", *[(i - 3) / 4 for i in range(count)])


def matrix() -> dict:
    uneven = [5, 6, 9, 2**40, 2**64 - 2]
    byte_rows = bytes(i * 7 % 256 for i in range(4 * 6000))
    special = struct.pack("<4f", float("nan"), float("inf"), -0.0, 1e-45)
    cases = [
        (
            "f32 of 3, five rows",
            write_matrix(nonce(40), list(range(0, 50, 10)), 6, "f32", [3], _floats("f", 15)),
        ),
        (
            "f16 of 7, three rows, anchors a run",
            write_matrix(nonce(41), [1, 2, 4], 6, "f16", [7], _floats("e", 21)),
        ),
        (
            "u8 of 3 x 5, nine rows",
            write_matrix(nonce(42), list(range(9)), 7, "u8", [3, 5], bytes(range(135))),
        ),
        (
            "u8 of 6000: two rows a block",
            write_matrix(nonce(43), [0, 3, 6, 9], 7, "u8", [6000], byte_rows),
        ),
        (
            "f32 of 5000: one row a block of more than 16 KiB",
            write_matrix(nonce(44), [7, 8], 6, "f32", [5000], bytes(40000)),
        ),
        (
            "f32 with NaN, infinity, -0, a subnormal",
            write_matrix(nonce(45), [0], 6, "f32", [4], special),
        ),
        ("bool of 3", write_matrix(nonce(46), [0, 1], 7, "bool", [3], bytes([0, 1, 1, 1, 0, 0]))),
        ("f64 of no dimension", write_matrix(nonce(47), uneven, 7, "f64", [], _floats("d", 5))),
        ("rows of zero bytes", write_matrix(nonce(48), [3, 4, 5], 7, "i16", [2, 0], b"")),
        (
            "rows of zero bytes, anchors a run",
            write_matrix(nonce(49), uneven, 7, "i16", [0], b"", codecs.DELTA),
        ),
    ]
    for number, (dtype, width) in enumerate(
        (
            ("i8", 1),
            ("i16", 2),
            ("i32", 4),
            ("i64", 8),
            ("u16", 2),
            ("u32", 4),
            ("u64", 8),
            ("bf16", 2),
        )
    ):
        data = bytes(range(128, 128 + 2 * 3 * width))
        cases.append(
            (f"{dtype} of 3", write_matrix(nonce(50 + number), [10, 20], 7, dtype, [3], data))
        )
    return {
        "title": "Matrix segments (7.5): hex is the whole object, entry its leaf entry with seq 3",
        "accept": [_case(name, data) for name, data in cases],
        "refuse": [],
    }


def blob() -> dict:
    texts = [b"one", b"two", b"one", b"", b"three", b"two", b"one"]
    many = [b"even" if i % 2 else b"odd" for i in range(4098)]
    zeros = [bytes(1000), b"x" * 300, b"ab", b"y"]
    cases = [
        ("duplicates and an index", write_blob(nonce(60), list(range(7)), 4, texts)),
        (
            "index by frame of reference",
            write_blob(nonce(61), list(range(7)), 4, texts, 0, codecs.FRAME),
        ),
        ("index by zstd", write_blob(nonce(62), list(range(7)), 4, texts, 0, codecs.ZSTD)),
        ("no duplicates", write_blob(nonce(63), [1, 5, 6, 7], 5, zeros)),
        ("payloads by zstd", write_blob(nonce(64), [1, 5, 6, 7], 5, zeros, codecs.ZSTD)),
        ("one empty payload", write_blob(nonce(65), [9], 1, [b""])),
        ("one row", write_blob(nonce(66), [0], 1, [bytes(range(256))])),
        (
            "4,098 rows of two payloads",
            write_blob(nonce(67), list(range(4098)), 4, many, 0, codecs.FRAME),
        ),
        ("all rows the same", write_blob(nonce(68), [3, 5, 9], 4, [b"same"] * 3, 0, codecs.FRAME)),
        (
            "anchors by delta",
            write_blob(nonce(69), [3, 5, 9], 4, [b"a", b"b", b"c"], anchor_codec=codecs.DELTA),
        ),
    ]
    return {
        "title": "Blob segments (7.4): payloads are the distinct ones, index the one of each row",
        "accept": [_case(name, data) for name, data in cases],
        "refuse": [],
    }


def _every_type(nulls: bool, dictionary: bool, plain_codec: int, integer_codec: int) -> list:
    gap = None
    rows = {
        8: ("bool", [True, gap, False, True, gap]),
        9: ("float", [1.5, gap, float("nan"), -0.0, gap]),
        10: ("int", [-5, gap, 2**63 - 1, -(2**63), gap]),
        11: ("string", ["\u00e4".encode(), gap, b"", b"x" * 40, gap]),
        12: ("categorical", [b"cat", gap, b"dog", b"cat", gap]),
        13: ("timestamp", [0, gap, 10**18, 7, gap]),
    }
    columns = []
    for field, (kind, values) in rows.items():
        if not nulls:
            values = [values[0] if value is None else value for value in values]
        integers = kind in ("int", "timestamp") or kind in STRING_TYPES and dictionary
        columns.append(
            (field, kind, values, integer_codec if integers else plain_codec, dictionary)
        )
    return columns


def scalar() -> dict:
    five = [0, 10, 20, 30, 40]
    columns = {"raw": (0, 0), "zstd": (1, 1), "frame of reference": (0, 2)}
    cases = []
    for number, (nulls, dictionary, names) in enumerate(
        [(n, d, c) for n in (True, False) for d in (True, False) for c in columns]
    ):
        data = write_scalar(
            nonce(80 + number), five, _every_type(nulls, dictionary, *columns[names])
        )
        strings = "dictionary" if dictionary else "plain strings"
        title = f"every type, {'with' if nulls else 'no'} nulls, {strings}, {names}"
        cases.append((title, data))
    extremes = [(1, "int", [-(2**63), 2**63 - 1], 2, False), (2, "int", [2**63 - 1] * 2, 2, False)]
    cases.append(
        ("frame of reference of 64 and of 0 bits", write_scalar(nonce(101), [1, 2], extremes))
    )
    cases.append(
        ("one row", write_scalar(nonce(102), [2**64 - 2], [(300, "string", [b"only"], 0, False)]))
    )
    cases.append(
        ("only NaN", write_scalar(nonce(103), [4], [(1, "float", [float("nan")], 0, False)]))
    )
    return {
        "title": "Scalar segments (7.3)",
        "accept": [_case(name, data) for name, data in cases],
        "refuse": [],
    }


def two_blocks() -> dict:
    count = 4097
    gaps = [None if i % 3 == 0 else i for i in range(count)]
    columns = [
        (1, "int", [i * i for i in range(count)], 2, False),
        (2, "int", gaps, 2, False),
        (3, "bool", [i % 5 == 0 for i in range(count)], 0, False),
        (4, "categorical", [b"w%d" % (i % 3) for i in range(count)], 2, True),
        (5, "int", [7] * count, 2, False),
    ]
    data = write_scalar(nonce(100), list(range(0, 3 * count, 3)), columns)
    return {
        "title": "A scalar segment of 4,097 rows: runs of two blocks (7.3)",
        "accept": [_case("4,097 rows", data)],
        "refuse": [],
    }


def anchors() -> dict:
    uneven = [0, 1, 5, 6, 2**32, 2**63, 2**64 - 2]
    quadratic = [10**9 + i * i for i in range(4500)]
    cases = [
        ("anchors only, a sequence", write_scalar(nonce(110), [7, 9, 11], [])),
        ("one anchor", write_scalar(nonce(111), [0], [])),
        ("the largest sequence", write_scalar(nonce(112), [0, 2**63 - 1, 2**64 - 2], [])),
    ]
    for number, codec in enumerate((codecs.RAW, codecs.ZSTD, codecs.DELTA)):
        cases.append(
            (f"a run of codec {codec}", write_scalar(nonce(113 + number), uneven, [], codec))
        )
    cases.append(
        (
            "4,500 anchors by delta: two blocks",
            write_scalar(nonce(116), quadratic, [], codecs.DELTA),
        )
    )
    last = list(range(0, 4096 * 5, 5)) + [10**6]
    cases.append(
        (
            "a last block of one anchor, delta of 0 bits",
            write_scalar(nonce(117), last, [], codecs.DELTA),
        )
    )
    return {
        "title": "Anchors (7.2), in scalar segments without columns",
        "accept": [_case(name, data) for name, data in cases],
        "refuse": [],
    }


def _code_rows(count: int, dim: int, bits: int) -> list:
    """Made-up codes: what they stand for does not matter here."""
    padded = vector_codes.padded_dim(dim)
    rows = []
    for i in range(count):
        signs = [(i * j + j // 7) % 3 % 2 for j in range(padded)]
        code = Packed(codecs.pack_bits(signs, 1), (i / 4 - 1, (i + 1) / 8, i / 16))
        more = None
        if bits > 1:
            low = [(i + j * j) % (1 << bits - 1) for j in range(padded)]
            more = Packed(codecs.pack_bits(low, bits - 1), (i / 2, i / 32, 0.0))
        rows.append(CodeRow(i // 3 * 5, 100_000 - 10 * (i // 3) + i, code, more))
    return rows


def codes() -> dict:
    spatial = name_of("a spatial index")
    cases = [
        ("one row", 1, 64, 1),
        ("three cells", 8, 64, 1),
        ("100 dimensions", 4, 100, 1),
        ("5 bits", 4, 64, 5),
        ("two blocks", 601, 1, 1),
    ]
    return {
        "title": "Segments of codes (12.7); factors are f32 add, scale, error",
        "accept": [
            _case(name, write_codes(nonce(130 + i), 3, spatial, dim, bits, _code_rows(count, dim, bits)))
            for i, (name, count, dim, bits) in enumerate(cases)
        ],
        "refuse": broken_codes(write_codes(nonce(139), 3, spatial, 64, 2, _code_rows(8, 64, 2))),
    }
