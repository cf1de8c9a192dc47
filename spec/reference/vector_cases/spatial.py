"""Spatial indexes: accepted and refused (section 12.6)."""

import struct

from dreamdb_reference import address, cbor
from dreamdb_reference import vector_codes as codes
from dreamdb_reference.segment import Segment
from dreamdb_reference.segment_writer import write_spatial

from .broken_segments import join, parts
from .notation import nonce, plain, refuse, without
from .segments import bytes_or_hash
from .vector_codes import fixed_floats, fixed_signs


def _spatial(number: int, metric: str, dim: int, cells: int, **more) -> bytes:
    """An index with fixed parameters; `more` are those of `write_spatial`."""
    padded = codes.padded_dim(dim)
    numbers = fixed_floats(f"centroids {number}", cells * dim, 0.7)
    keys = {
        "centroids": [numbers[at : at + dim] for at in range(0, cells * dim, dim)],
        "origin": codes.pad(fixed_floats(f"origin {number}", dim, 0.3)),
        "signs": fixed_signs(padded),
    }
    return write_spatial(nonce(150 + number), 6, metric, **keys | more)


def _case(name: str, data: bytes) -> dict:
    segment = Segment(data)
    spatial = segment.footer.spatial
    routes = segment.routes
    factors = b"".join(
        struct.pack(f"<{len(routes)}f", *column) for column in zip(*[one.factors for one in routes])
    )
    centroids = [segment.centroid(cell) for cell in range(spatial.cells)]
    return {
        "name": name,
        "hex": data.hex(),
        "spatial": plain([segment.address, segment.size, segment.footer_size]),
        "value": {
            "type": "spatial",
            "field": segment.footer.field,
            "algorithm": spatial.algorithm,
            "metric": spatial.metric,
            "dim": spatial.dim,
            "bits": spatial.bits,
            "level_scale": plain(spatial.level_scale),
            "signs": plain(spatial.signs),
            "origin": bytes_or_hash(struct.pack(f"<{len(spatial.origin)}f", *spatial.origin)),
            "cells": spatial.cells,
            "centroids": bytes_or_hash(
                b"".join(struct.pack(f"<{spatial.dim}f", *row) for row in centroids)
            ),
            "routes": {
                "bits": bytes_or_hash(b"".join(code.bits for code in routes)),
                "factors": bytes_or_hash(factors),
            },
            "trained": spatial.trained,
            "spread": plain(spatial.spread),
            "recall": plain(spatial.recall),
        },
    }


def spatial() -> dict:
    three = fixed_floats("three", 192, 1.0)
    origin = fixed_floats("origin", 192, 0.5)
    cases = [
        ("cosine of 3 dimensions, one cell, not trained", _spatial(0, "cosine", 3, 1)),
        (
            "l2 of 100 dimensions, five cells, 4 bits, a recall table",
            _spatial(
                1,
                "l2",
                100,
                5,
                bits=4,
                level_scale=33.25,
                trained=123_456,
                spread=0.1,
                recall=[(1, 512), (2, 871), (3, 871), (5, 1000)],
            ),
        ),
        (
            "ip of 64 dimensions, 65 cells, 2 bits: two blocks of centroids",
            _spatial(2, "ip", 64, 65, bits=2, level_scale=6.5, trained=2**40, spread=2.0**-30),
        ),
        ("ip of one dimension, 817 cells: two blocks of routes", _spatial(3, "ip", 1, 817)),
        (
            "cosine of 192 dimensions, 8 bits, a centroid of zeros and one at the origin",
            _spatial(
                4,
                "cosine",
                192,
                3,
                centroids=[three, [0.0] * 192, origin],
                origin=codes.direction(origin),
                bits=8,
                level_scale=665.1,
                trained=3,
                spread=1e-310,
                recall=[(3, 0)],
            ),
        ),
        (
            "l2 with an origin of zeros, and a centroid there",
            _spatial(5, "l2", 2, 2, centroids=[[0.0, 0.0], [1.5, -2.0]], origin=[0.0] * 64),
        ),
        (
            "64 entries of recall",
            _spatial(
                6, "l2", 1, 70, recall=[(i + 1, 15 * i) for i in range(63)] + [(70, 1000)]
            ),
        ),
    ]
    return {
        "title": "Spatial indexes (12.6): whole objects; spatial is what a manifest has of them, "
        "factors are f32[cells] of add, of scale, of error",
        "accept": [_case(name, data) for name, data in cases],
        "refuse": _refused(),
    }


def _f64(value: float) -> bytes:
    return struct.pack("<d", value)


def _f32(value: float) -> bytes:
    return struct.pack("<f", value)


def _refused() -> list:
    good = _spatial(
        7, "ip", 3, 3, bits=2, level_scale=6.5, trained=9, spread=0.5, recall=[(1, 600), (3, 990)]
    )
    body, footer = parts(good)
    return (
        _key_cases(body, footer)
        + _range_cases(body, footer)
        + _run_cases(body, footer)
        + _block_cases(body, footer)
        + _recall_cases(body, footer)
    )


def _key_cases(body: bytes, footer: dict) -> list:
    keys = ["field", "end", "algorithm", "dim", "bits", "level_scale", "signs", "origin"]
    keys += ["centroids", "routes", "trained", "spread", "recall"]
    refused = [refuse(f"no {key}", join(body, without(footer, key)), "S3.8") for key in keys]
    for name, key, value in (
        ("anchors", "anchors", [0, 1]),
        ("rows", "rows", 3),
        ("cells", "cells", 3),
        ("a matrix key", "dtype", "f32"),
    ):
        refused.append(refuse(f"{name} present", join(body, footer | {key: value}), "S3.8"))

    def header(at: int, value: int) -> bytes:
        return join(body[:at] + bytes([value]) + body[at + 1 :], footer)

    return refused + [
        refuse("version 1", join(body, footer | {"v": 1}), "S7.1"),
        refuse("version 3", join(body, footer | {"v": 3}), "S3.7", code="Unsupported"),
        refuse("version 1 in the header", header(8, 1), "S7.1"),
        refuse("version 3 in the header", header(8, 3), "S7.1"),
        refuse("type 4 in the header", header(12, 4), "S7.1"),
        refuse("kind spatial", join(body, footer | {"kind": "spatial"}), "S3.7"),
    ]


def _range_cases(body: bytes, footer: dict) -> list:
    signs, origin = footer["signs"], footer["origin"]
    cases = [
        ("field 0", {"field": 0}, "S3.9"),
        ("unknown algorithm", {"algorithm": "dreamdb.ivf-dot"}, "S3.9"),
        ("multi-index of another metric", {"algorithm": "dreamdb.imi-l2"}, "S3.9"),
        ("algorithm without its vendor", {"algorithm": "ivf-ip"}, "S3.9"),
        ("empty algorithm", {"algorithm": ""}, "S3.9"),
        ("0 dimensions", {"dim": 0}, "S1.3"),
        ("65,537 dimensions", {"dim": 65537}, "S1.3"),
        ("65 dimensions, signs and origin of 64", {"dim": 65}, "S3.9"),
        ("4 dimensions, centroids of 3", {"dim": 4}, "S7.3"),
        ("0 bits", {"bits": 0}, "S3.9"),
        ("9 bits", {"bits": 9}, "S3.9"),
        ("level_scale 0 of 2 bits", {"level_scale": _f64(0)}, "S3.9"),
        ("level_scale negative", {"level_scale": _f64(-6.5)}, "S3.9"),
        ("level_scale of 1 bit", {"bits": 1}, "S3.9"),
        ("level_scale NaN", {"level_scale": _f64(float("nan"))}, "S12.4"),
        ("level_scale infinite", {"level_scale": _f64(float("inf"))}, "S12.4"),
        ("level_scale of 4 bytes", {"level_scale": _f32(6.5)}, "S3.9"),
        ("level_scale a float", {"level_scale": 6.5}, "S3.9"),
        ("signs short", {"signs": signs[:-1]}, "S3.9"),
        ("signs long", {"signs": signs + b"\0"}, "S3.9"),
        ("signs of one round", {"signs": signs[:8]}, "S3.9"),
        ("origin short", {"origin": origin[:-4]}, "S3.9"),
        ("origin long", {"origin": origin + bytes(4)}, "S3.9"),
        ("origin NaN", {"origin": _f32(float("nan")) + origin[4:]}, "S12.4"),
        ("origin infinite", {"origin": origin[:-4] + _f32(float("-inf"))}, "S12.4"),
        ("trained negative", {"trained": -1}, "S3.9"),
        ("trained null", {"trained": None}, "S3.9"),
        ("spread negative", {"spread": _f64(-0.5)}, "S12.4"),
        ("spread NaN", {"spread": _f64(float("nan"))}, "S12.4"),
        ("spread infinite", {"spread": _f64(float("inf"))}, "S12.4"),
        ("spread of 9 bytes", {"spread": _f64(0.5) + b"\0"}, "S3.9"),
    ]
    return [refuse(name, join(body, footer | changes), rule) for name, changes, rule in cases]


def _run_cases(body: bytes, footer: dict) -> list:
    rows, routes = footer["centroids"], footer["routes"]
    two = struct.pack("<2I", 2 * 12, 12)
    cases = [
        ("no cells", {"centroids": rows | {"items": 0, "sizes": b"", "hashes": b""}}, "S3.9"),
        ("2^24 + 1 cells", {"centroids": rows | {"items": 2**24 + 1}}, "S1.3"),
        ("centroids of 4 cells, in bytes of 3", {"centroids": rows | {"items": 4}}, "S7.3"),
        ("routes of 2 of 3 cells", {"routes": routes | {"items": 2}}, "S7.3"),
        ("routes of 4 of 3 cells", {"routes": routes | {"items": 4}}, "S7.3"),
        ("per of centroids", {"centroids": rows | {"per": 3}}, "S7.3"),
        ("per of routes as if with anchors", {"routes": routes | {"per": 584}}, "S7.3"),
        (
            "centroids by zstd",
            {"centroids": rows | {"codecs": b"\1", "raws": rows["sizes"]}},
            "S7.3",
        ),
        (
            "routes by zstd",
            {"routes": routes | {"codecs": b"\1", "raws": routes["sizes"]}},
            "S7.3",
        ),
        (
            "two blocks of centroids",
            {"centroids": rows | {"sizes": two, "hashes": rows["hashes"] * 2}},
            "S7.3",
        ),
        ("routes of a byte less", {"routes": routes | {"sizes": struct.pack("<I", 59)}}, "S7.3"),
        ("routes where the centroids are", {"routes": routes | {"at": rows["at"]}}, "S7.2"),
        ("routes null", {"routes": None}, "S3.9"),
        ("centroids a byte string", {"centroids": body[64:100]}, "S3.9"),
        ("end too large", {"end": footer["end"] + 64}, "S7.2"),
    ]
    refused = [refuse(name, join(body, footer | changes), rule) for name, changes, rule in cases]
    return refused + [_swapped(body, footer)]


def _swapped(body: bytes, footer: dict) -> dict:
    """Routes before centroids, each where the footer says."""
    rows, routes = footer["centroids"], footer["routes"]
    first = body[routes["at"] : routes["at"] + 60]
    second = body[rows["at"] : rows["at"] + 36]
    changed = body[:64] + first + bytes(4) + second + bytes(28)
    runs = {"routes": routes | {"at": 64}, "centroids": rows | {"at": 128}}
    return refuse(
        "routes before centroids", join(changed, footer | runs | {"end": len(changed)}), "S7.2"
    )


def _block_cases(body: bytes, footer: dict) -> list:
    def changed(key: str, at: int, value: bytes, rehash: bool = True) -> bytes:
        """With the bytes at `at` of the only block of a run replaced."""
        run = dict(footer[key])
        place, (size,) = run["at"], struct.unpack("<I", run["sizes"])
        data = bytearray(body)
        data[place + at : place + at + len(value)] = value
        if rehash:
            run["hashes"] = address.blake3(bytes(data[place : place + size]))
        return join(bytes(data), footer | {key: run})

    nan, infinite, negative = _f32(float("nan")), _f32(float("inf")), _f32(-0.25)
    add, scale, error = 24, 36, 48  # behind the bits of 3 routes
    return [
        refuse("centroid NaN", changed("centroids", 0, nan), "S12.4"),
        refuse("last centroid infinite", changed("centroids", 32, infinite), "S12.4"),
        refuse("add NaN", changed("routes", add, nan), "S12.4"),
        refuse("add infinite", changed("routes", add + 8, infinite), "S12.4"),
        refuse("scale NaN", changed("routes", scale, nan), "S12.4"),
        refuse("scale negative", changed("routes", scale + 4, negative), "S12.4"),
        refuse("error infinite", changed("routes", error, infinite), "S12.4"),
        refuse("error negative", changed("routes", error + 8, negative), "S12.4"),
        refuse("centroids of another hash", changed("centroids", 5, b"\xaa\xaa", False), "S7.6"),
        refuse("routes of another hash", changed("routes", 0, b"\xaa\x55\xaa", False), "S7.6"),
        refuse("bytes behind the last run", changed("routes", 60, b"\1", False), "S7.1"),
    ]


def _recall_cases(body: bytes, footer: dict) -> list:
    cases = {
        "probes equal": [[1, 600], [1, 700]],
        "probes descending": [[2, 600], [1, 700]],
        "0 probes": [[0, 0], [1, 600]],
        "4 probes of 3 cells": [[1, 600], [4, 990]],
        "permille descending": [[1, 600], [2, 599]],
        "1001 permille": [[1, 600], [3, 1001]],
        "recall of three parts": [[1, 600, 0]],
        "recall of numbers": [1, 600],
        "recall of floats": [[1, 0.5]],
        "recall null": None,
    }
    refused = [
        refuse(name, join(body, footer | {"recall": recall}), "S3.9")
        for name, recall in cases.items()
    ]
    body, footer = parts(_spatial(8, "l2", 1, 70))
    many = [[i + 1, 500] for i in range(65)]
    return refused + [
        refuse("65 entries of recall", join(body, footer | {"recall": many}), "S3.9")
    ]
