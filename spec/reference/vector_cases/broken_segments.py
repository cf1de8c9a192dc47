"""Segments that are refused, each for one reason (chapter 7)."""

import struct

from dreamdb_reference import address, cbor, codecs
from dreamdb_reference.segment import footer_bytes, trailer
from dreamdb_reference.segment_writer import pack_strings, write_blob, write_matrix, write_scalar

from .notation import nonce, refuse, without
from .versions import envelope_refusals


def parts(data: bytes) -> tuple:
    """`(body, footer map)`."""
    found = footer_bytes(data)
    return data[: -16 - len(found)], cbor.decode(found)


def join(body: bytes, footer: dict) -> bytes:
    found = cbor.encode(footer)
    return body + found + trailer(len(found))


def _last_run(data: bytes, path: list, stored: bytes, raw_size: int, codec: int) -> bytes:
    """The segment with its last run, of one block, replaced by these bytes."""
    body, footer = parts(data)
    run = footer
    for step in path:
        run = run[step]
    body = body[: run["at"]] + stored
    body += bytes(-len(body) % 64)
    run.update(sizes=struct.pack("<I", len(stored)), hashes=address.blake3(stored))
    if codec:
        run.update(codecs=bytes([codec]), raws=struct.pack("<I", raw_size))
    footer["end"] = len(body)
    return join(body, footer)


def _frame_cases() -> list:
    """Header, padding, trailer, zero bytes between runs."""
    good = write_scalar(nonce(120), [1, 2, 4], [(1, "int", [1, 2, 3], 0, False)])
    body, footer = parts(good)

    def flip(at: int) -> bytes:
        changed = bytearray(good)
        changed[at] ^= 1
        return bytes(changed)

    size = len(good)
    return [
        refuse("magic", flip(0), "S7.1"),
        refuse("header version", flip(8), "S7.1"),
        refuse("header type", flip(12), "S7.1"),
        refuse("header zeros", flip(16), "S7.1"),
        refuse("last header byte", flip(63), "S7.1"),
        refuse("zeros between runs", flip(64 + 24), "S7.2"),
        refuse("padding", flip(len(body) - 1), "S7.1"),
        refuse("trailer magic", flip(size - 1), "S7.1"),
        refuse("empty", b"", "S7.1"),
        refuse("cut", good[:-1], "S7.1"),
        refuse("header alone", good[:64], "S7.1"),
        refuse("footer larger than the object", good[:-16] + trailer(size), "S7.1"),
        refuse("footer above 16 MiB", good[:-16] + trailer(2**24 + 1), "S1.3"),
        refuse("64 zero bytes before the footer", join(body + bytes(64), footer), "S7.2"),
        refuse("end too large", join(body, footer | {"end": footer["end"] + 64}), "S7.2"),
        refuse("first block", flip(64), "S7.6"),
        refuse("last block", flip(128), "S7.6"),
    ]


def _footer_cases() -> list:
    good = write_scalar(
        nonce(121),
        [1, 2, 4],
        [(1, "int", [1, None, 3], 0, False), (2, "string", [b"a"] * 3, 0, True)],
    )
    body, footer = parts(good)
    one, two = footer["columns"]
    run = one["data"]

    def column(**changes) -> dict:
        return {"columns": [one | changes, two]}

    def data(**changes) -> dict:
        return column(data=run | changes)

    cases = [
        ("unknown type", {"type": "code"}, "S3.9"),
        ("no rows", {"rows": 0}, "S3.9"),
        ("rows above 2^24", {"rows": 2**24 + 1}, "S1.3"),
        ("field of a scalar segment", {"field": 1}, "S3.9"),
        ("columns descending", {"columns": [two, one]}, "S3.9"),
        ("column twice", {"columns": [one, one]}, "S3.9"),
        ("column of field 0", column(field=0), "S3.9"),
        ("column of type image", column(type="image"), "S3.9"),
        ("dictionary of ints", column(dict=two["dict"]), "S3.8"),
        ("statistics of a column missing", {"stats": {1: footer["stats"][1]}}, "S6.5"),
        ("statistics of no column", {"stats": footer["stats"] | {3: [1, 0, 0, None]}}, "S6.5"),
        (
            "statistics of another type",
            {"stats": footer["stats"] | {1: [2, 1.5, 3.5, False]}},
            "S6.5",
        ),
        ("max too small", {"stats": footer["stats"] | {1: [2, 1, 2, None]}}, "S6.5"),
        ("min too large", {"stats": footer["stats"] | {1: [2, 2, 3, None]}}, "S6.5"),
        ("present too large", {"stats": footer["stats"] | {1: [3, 1, 3, None]}}, "S6.5"),
        ("a word is not told", {"stats": footer["stats"] | {2: [3, b"a", b"a", [b"b"]]}}, "S6.5"),
        ("step 0", {"anchors": [1, 0]}, "S7.4"),
        ("sequence beyond 2^64-2", {"anchors": [2**64 - 3, 1]}, "S7.4"),
        ("sequence that overflows", {"anchors": [1, 2**63]}, "S7.4"),
        ("anchors of three parts", {"anchors": [1, 1, 1]}, "S3.9"),
        ("unaligned run", data(at=run["at"] + 8), "S7.2"),
        ("run in the header", data(at=0), "S7.2"),
        ("run over the one before", data(at=one["valid"]["at"]), "S7.2"),
        ("run after the end", data(at=2**63), "S7.2"),
        ("items", data(items=4), "S7.3"),
        ("per", data(per=3), "S7.3"),
        ("per 0", data(per=0), "S7.3"),
        ("sizes too short", data(sizes=run["sizes"][:3]), "S7.3"),
        ("hashes too long", data(hashes=run["hashes"] + b"\0"), "S7.3"),
        ("two blocks", data(sizes=run["sizes"] * 2, hashes=run["hashes"] * 2), "S7.3"),
        ("codecs without raws", data(codecs=b"\0"), "S7.3"),
        ("raws without codecs", data(raws=run["sizes"]), "S7.3"),
        ("codec 3 of ints", data(codecs=b"\3", raws=run["sizes"]), "S7.3"),
        ("codec 4", data(codecs=b"\4", raws=run["sizes"]), "S7.3"),
        ("raw, but of another size", data(codecs=b"\0", raws=struct.pack("<I", 25)), "S7.3"),
        ("raw size of 4 ints", data(codecs=b"\1", raws=struct.pack("<I", 32)), "S7.3"),
        ("unknown key of a run", data(zzz=1), "S3.8"),
        ("run without hashes", column(data=without(run, "hashes")), "S3.8"),
        ("block above 1 GiB", data(codecs=b"\1", raws=struct.pack("<I", 2**30 + 1)), "S1.3"),
        (
            "dictionary of 4 words for 3 rows",
            {"columns": [one, two | {"dict": two["dict"] | {"items": 4, "per": 4}}]},
            "S7.3",
        ),
        (
            "dictionary of no words",
            {"columns": [one, two | {"dict": two["dict"] | {"items": 0, "per": 1}}]},
            "S7.3",
        ),
        ("a matrix key", {"dtype": "f32"}, "S3.8"),
    ]
    refused = [refuse(name, join(body, footer | changes), rule) for name, changes, rule in cases]
    other = [
        refuse(
            f"footer: {case['name']}",
            join(body, cbor.decode(bytes.fromhex(case["hex"]))),
            case["invariant"],
            **({"code": case["code"]} if "code" in case else {}),
        )
        for case in envelope_refusals(footer, "segment")
        if case["name"] not in ("a byte follows", "last byte cut")
    ]
    return refused + other


def _block_cases() -> list:
    """Blocks whose hash is right and whose content is not."""
    three = [1, 2, 4]
    anchors = write_scalar(nonce(122), three, [])
    ints = write_scalar(nonce(123), [1, 2, 3], [(1, "int", [1, 2, 3], 0, False)])
    gaps = write_scalar(nonce(124), [1, 2, 3], [(1, "int", [1, None, 3], 0, False)])
    words = write_scalar(nonce(125), [1, 2, 3], [(1, "string", [b"a", b"b", b"a"], 0, True)])
    strings = write_scalar(nonce(126), [1, 2, 3], [(1, "string", [b"a", b"", b"c"], 0, False)])
    bools = write_scalar(nonce(127), [1, 2, 3], [(1, "bool", [True, False, True], 0, False)])
    data = ["columns", 0, "data"]
    pack = lambda form, *values: struct.pack("<" + form, *values)
    frame = lambda least, width, rest: pack("qB7s", least, width, bytes(7)) + rest
    delta = lambda first, least, width, rest: pack("QQB7s", first, least, width, bytes(7)) + rest
    raw_ints = pack("3q", 1, 2, 3)
    zstd = codecs.zstd_frame(raw_ints)
    cases = [
        ("anchors equal", anchors, ["anchors"], pack("3Q", 1, 2, 2), 24, 0, "S7.4"),
        ("anchors descend", anchors, ["anchors"], pack("3Q", 1, 4, 2), 24, 0, "S7.4"),
        ("anchor 2^64-1", anchors, ["anchors"], pack("3Q", 1, 2, 2**64 - 1), 24, 0, "S7.4"),
        ("delta of 0", anchors, ["anchors"], delta(1, 0, 0, b""), 24, 3, "S7.4"),
        (
            "delta overflows",
            anchors,
            ["anchors"],
            delta(2**63, 2**62, 64, pack("2Q", 2**62, 2**62)),
            24,
            3,
            "S7.3",
        ),
        ("delta of width 65", anchors, ["anchors"], delta(1, 1, 65, bytes(17)), 24, 3, "S7.3"),
        ("delta cut", anchors, ["anchors"], delta(1, 1, 8, b"\0"), 24, 3, "S7.3"),
        ("delta too long", anchors, ["anchors"], delta(1, 1, 8, b"\0\1\0"), 24, 3, "S7.3"),
        ("delta with unused bits", anchors, ["anchors"], delta(1, 1, 1, b"\6"), 24, 3, "S7.3"),
        ("delta head cut", anchors, ["anchors"], bytes(23), 24, 3, "S7.3"),
        ("frame of width 65", ints, data, frame(0, 65, bytes(25)), 24, 2, "S7.3"),
        ("frame overflows", ints, data, frame(2**63 - 1, 2, b"\4"), 24, 2, "S7.3"),
        ("frame with unused bits", ints, data, frame(1, 2, b"\x64"), 24, 2, "S7.3"),
        (
            "frame with bytes that are not zero",
            ints,
            data,
            pack("qB7s", 1, 2, b"\1" + bytes(6)) + b"\x24",
            24,
            2,
            "S7.3",
        ),
        ("frame cut", ints, data, frame(1, 8, b"\0\1"), 24, 2, "S7.3"),
        ("frame too long", ints, data, frame(1, 2, b"\x24\0"), 24, 2, "S7.3"),
        ("frame of u32 below 0", words, data, frame(-1, 1, b"\3"), 12, 2, "S7.3"),
        ("frame of u32 above 2^32-1", words, data, frame(2**32 - 1, 1, b"\2"), 12, 2, "S7.3"),
        ("zstd of fewer bytes", ints, data, codecs.zstd_frame(raw_ints[:-1]), 24, 1, "S7.3"),
        ("zstd of more bytes", ints, data, codecs.zstd_frame(raw_ints + b"\0"), 24, 1, "S7.3"),
        ("zstd and a byte", ints, data, zstd + b"\0", 24, 1, "S7.3"),
        ("zstd cut", ints, data, zstd[:-1], 24, 1, "S7.3"),
        (
            "two zstd frames",
            ints,
            data,
            codecs.zstd_frame(raw_ints[:8]) + codecs.zstd_frame(raw_ints[8:]),
            24,
            1,
            "S7.3",
        ),
        ("not zstd", ints, data, raw_ints, 24, 1, "S7.3"),
        (
            "a skippable frame first",
            ints,
            data,
            b"\x50\x2a\x4d\x18" + bytes(4) + zstd,
            24,
            1,
            "S7.3",
        ),
        ("a row without a value is not 0", gaps, data, raw_ints, 24, 0, "S7.7"),
        ("index of no word", words, data, pack("3I", 0, 1, 2), 12, 0, "S7.3"),
        ("unused bits of a bitmap", bools, data, b"\x0d", 1, 0, "S7.3"),
        ("offset not from 0", strings, data, pack("4I", 1, 1, 1, 2) + b"ac", 18, 0, "S7.3"),
        ("offsets descend", strings, data, pack("4I", 0, 2, 1, 2) + b"ac", 18, 0, "S7.3"),
        ("offset beyond the bytes", strings, data, pack("4I", 0, 1, 1, 3) + b"ac", 18, 0, "S7.3"),
        ("bytes beyond the offsets", strings, data, pack("4I", 0, 1, 1, 2) + b"acd", 19, 0, "S7.3"),
        ("offsets cut", strings, data, pack("3I", 0, 1, 1), 12, 0, "S7.3"),
        ("string not UTF-8", strings, data, pack("4I", 0, 1, 1, 2) + b"a\xff", 18, 0, "S7.7"),
        (
            "payload twice",
            write_blob(nonce(128), [1, 2], 4, [b"a", b"b"]),
            None,
            b"aa",
            0,
            0,
            "S7.5",
        ),
        (
            "index of no payload",
            write_blob(nonce(129), [1, 2, 3], 4, [b"a", b"b", b"a"]),
            "index",
            pack("3I", 0, 1, 2),
            0,
            0,
            "S7.3",
        ),
        (
            "bool of 2",
            write_matrix(nonce(130), [1, 2], 7, "bool", [1], b"\0\1"),
            ["data"],
            b"\0\2",
            2,
            0,
            "S7.3",
        ),
    ]
    refused = []
    for name, good, path, stored, raw_size, codec, rule in cases:
        if path is None or path == "index":
            changed = _patched(good, "payloads" if path is None else path, stored)
        else:
            changed = _last_run(good, path, stored, raw_size, codec)
        refused.append(refuse(name, changed, rule))
    return refused + _column_cases(words, gaps)


def _patched(good: bytes, key: str, stored: bytes) -> bytes:
    """The segment with the bytes of a run replaced by as many others, the hashes made to fit."""
    body, footer = parts(good)
    run = footer[key]
    sizes = struct.unpack(f"<{len(run['sizes']) // 4}I", run["sizes"])
    blocks = [stored[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]
    run["hashes"] = b"".join(map(address.blake3, blocks))
    return join(body[: run["at"]] + stored + body[run["at"] + len(stored) :], footer)


def _column_cases(words: bytes, gaps: bytes) -> list:
    cases = [
        ("words out of order", words, "dict", pack_strings([b"b", b"a"]), "S7.3"),
        ("word twice", words, "dict", pack_strings([b"a", b"a"]), "S7.3"),
        ("word not UTF-8", words, "dict", pack_strings([b"a", b"\xc3"]), "S7.7"),
        ("unused bits of valid", gaps, "valid", b"\x0d", "S7.3"),
    ]
    refused = []
    for name, good, key, stored, rule in cases:
        body, footer = parts(good)
        run = footer["columns"][0][key]
        run["hashes"] = address.blake3(stored)
        body = body[: run["at"]] + stored + body[run["at"] + len(stored) :]
        refused.append(refuse(name, join(body, footer), rule))
    return refused + [_no_value()]


def _no_value() -> dict:
    """A column all of whose rows have no value: it should not be there."""
    body, footer = parts(write_scalar(nonce(131), [1, 2], [(1, "bool", [None, False], 0, False)]))
    column = footer["columns"][0]
    column["valid"]["hashes"] = address.blake3(b"\0")
    body = bytearray(body)
    body[column["valid"]["at"]] = 0
    footer["stats"] = {1: [0, None, None, None]}
    return refuse("column without a value", join(bytes(body), footer), "S7.7")


def _matrix_cases() -> list:
    body, footer = parts(write_matrix(nonce(132), [1, 2], 7, "u8", [3], bytes(6)))
    run = footer["data"]
    cases = [
        ("matrix of field 0", {"field": 0}, "S3.9"),
        ("unknown dtype", {"dtype": "f128"}, "S3.9"),
        ("33 dimensions", {"shape": [1] * 33}, "S1.3"),
        ("row above 1 GiB", {"shape": [2**31]}, "S1.3"),
        ("shape of 4", {"shape": [4]}, "S7.3"),
        ("per not of 16 KiB", {"data": run | {"per": 4096}}, "S7.3"),
        ("zstd in a matrix", {"data": run | {"codecs": b"\1", "raws": run["sizes"]}}, "S7.3"),
        ("no shape", None, "S3.8"),
        ("rows of zero bytes with items", {"shape": [0]}, "S7.3"),
    ]
    refused = [
        refuse(
            name,
            join(body, without(footer, "shape") if changes is None else footer | changes),
            rule,
        )
        for name, changes, rule in cases
    ]
    body, footer = parts(write_blob(nonce(133), [1, 2], 4, [b"a", b"b"]))
    run = footer["payloads"]
    cases = [
        (
            "fewer payloads than rows, no index",
            {
                "payloads": run
                | {"items": 1, "sizes": run["sizes"][:4], "hashes": run["hashes"][:32]}
            },
            "S7.3",
        ),
        ("per 2 of payloads", {"payloads": run | {"per": 2}}, "S7.3"),
        ("blob of field 0", {"field": 0}, "S3.9"),
        (
            "frame of reference of payloads",
            {"payloads": run | {"codecs": b"\2\2", "raws": run["sizes"]}},
            "S7.3",
        ),
    ]
    return refused + [
        refuse(name, join(body, footer | changes), rule) for name, changes, rule in cases
    ]


def broken() -> dict:
    return {
        "title": "Segments that are refused when read whole (7)",
        "accept": [],
        "refuse": _frame_cases() + _footer_cases() + _block_cases() + _matrix_cases(),
    }


def broken_codes(good: bytes) -> list:
    """`good`: 8 rows of 2 bits and 64 dimensions in the cells 0, 5 and 10."""
    body, footer = parts(good)

    def u32s(*values) -> bytes:
        return struct.pack(f"<{len(values)}I", *values)

    def codes_block(at: int, value: bytes) -> bytes:
        """With the bytes at `at` of the only block of `codes` replaced, and hashed anew."""
        run = dict(footer["codes"])
        place, size = run["at"], len(body) and struct.unpack("<I", run["sizes"])[0]
        changed = bytearray(body)
        changed[place + at : place + at + len(value)] = value
        run["hashes"] = address.blake3(bytes(changed[place : place + size]))
        return join(bytes(changed), footer | {"codes": run})

    anchors = 8 * 8  # behind the signs of 8 rows
    scale = anchors + 8 * 8 + 4 * 8
    return [
        refuse("version 1", join(body, footer | {"v": 1}), "S7.1"),
        refuse("version 3", join(body, footer | {"v": 3}), "S3.7", code="Unsupported"),
        refuse("anchors", join(body, footer | {"anchors": [1, 1]}), "S3.8"),
        refuse("no index", join(body, without(footer, "spatial")), "S3.8"),
        refuse("0 bits", join(body, without(footer, "extra") | {"bits": 0}), "S12.5"),
        refuse("9 bits", join(body, footer | {"bits": 9}), "S12.5"),
        refuse("0 dimensions", join(body, footer | {"dim": 0}), "S12.5"),
        refuse("more dimensions than there are", join(body, footer | {"dim": 65}), "S7.3"),
        refuse("2 bits, no extra", join(body, without(footer, "extra")), "S12.5"),
        refuse("1 bit and extra", join(body, footer | {"bits": 1}), "S12.5"),
        refuse("cells out of order", join(body, footer | {"cells": u32s(5, 0, 10)}), "S12.5"),
        refuse("a cell twice", join(body, footer | {"cells": u32s(0, 5, 5)}), "S12.5"),
        refuse("a cell without an end", join(body, footer | {"ends": u32s(3, 8)}), "S12.5"),
        refuse("an empty cell", join(body, footer | {"ends": u32s(0, 3, 8)}), "S12.5"),
        refuse("rows behind the last cell", join(body, footer | {"ends": u32s(3, 6, 7)}), "S12.5"),
        refuse("half a u32", join(body, footer | {"ends": u32s(3, 6, 8) + b"\0"}), "S12.5"),
        refuse("no cell", join(body, footer | {"cells": b"", "ends": b""}), "S12.5"),
        refuse("anchors out of order", codes_block(anchors, struct.pack("<Q", 200_000)), "S12.6"),
        refuse("an anchor twice", codes_block(anchors + 24, struct.pack("<Q", 100_000)), "S12.6"),
        refuse("anchor 2^64-1", codes_block(anchors + 56, b"\xff" * 8), "S12.6"),
        refuse("a scale that is no number", codes_block(scale, b"\0\0\xc0\x7f"), "S12.7"),
        refuse("a negative scale", codes_block(scale, struct.pack("<f", -1)), "S12.7"),
    ]
