"""Codes of vectors (chapter 12)."""

import math
import struct

from dreamdb_reference import address
from dreamdb_reference import vector_codes as codes


def fixed_floats(name: str, count: int, scale: float = 1.0) -> list:
    """Fixed numbers around 0, more of them near it."""
    found = []
    while len(found) < count:
        block = address.blake3(f"{name} {len(found)}".encode())
        halves = struct.unpack("<16H", block)
        found += [codes.f32((a + b - 65535) / 65536 * scale) for a, b in zip(halves[::2], halves[1::2])]
    return found[:count]


def _hex(values: list) -> dict:
    return {"hex": struct.pack(f"<{len(values)}f", *values).hex()}


def fixed_signs(padded: int) -> bytes:
    found = b"".join(address.blake3(f"signs {i}".encode()) for i in range(padded // 64))
    return found[: padded // 2]


def _case(name, metric, bits, vector, centroid, origin) -> dict:
    padded = codes.padded_dim(len(vector))
    signs = fixed_signs(padded)
    placed = codes.direction(vector) if metric == "cosine" else codes.pad(vector)
    cell = codes.Cell(metric, codes.pad(centroid), codes.pad(origin), signs)
    scale = 0.0 if bits == 1 else 1.5 * padded**0.5 * 2 ** (bits - 3)
    code = codes.encode(placed, cell) if bits == 1 else codes.encode_levels(placed, cell, bits, scale)
    rotated = codes.rotate([codes.f32(x - c) for x, c in zip(placed, cell.centroid)], signs)
    return {
        "name": name,
        "metric": metric,
        "bits": bits,
        "level_scale": {"f64": struct.pack(">d", scale).hex()},
        "signs": {"hex": signs.hex()},
        "vector": _hex(vector),
        "centroid": _hex(centroid),
        "origin": _hex(origin),
        "value": {
            "placed": _hex(placed),
            "rotated": _hex(rotated) if all(map(math.isfinite, rotated)) else None,
            "levels": {"hex": bytes(code.bits).hex()},
            "factors": _hex([code.add, code.scale, code.error]),
        },
    }


def vector_codes() -> dict:
    accept = []
    for dim, metric, bits in [
        (64, "cosine", 1),
        (64, "ip", 1),
        (64, "l2", 1),
        (5, "cosine", 1),
        (100, "l2", 1),
        (128, "cosine", 1),
        (192, "ip", 1),
        (256, "cosine", 1),
        (320, "l2", 1),
        (64, "cosine", 2),
        (64, "l2", 4),
        (100, "ip", 5),
        (64, "ip", 8),
    ]:
        vector, centroid, origin = (
            fixed_floats(f"{what} {dim}", dim, scale)
            for what, scale in (("vector", 1.0), ("centroid", 0.7), ("origin", 0.3))
        )
        accept.append(
            _case(f"{metric}, {dim} dimensions, {bits} bits", metric, bits, vector, centroid, origin)
        )
    some, zero = fixed_floats("vector 64", 64), [0.0] * 64
    huge = [1e38 if i % 2 else -1e38 for i in range(64)]
    tiny = [1e-30] * 64
    for name, metric, bits, vector, centroid in [
        ("a zero vector has no direction", "cosine", 1, zero, fixed_floats("centroid 64", 64)),
        ("the centroid itself", "l2", 1, some, some),
        ("the centroid itself, 4 bits", "ip", 4, some, some),
        ("all zero", "ip", 1, zero, zero),
        ("its square is beyond f32", "l2", 1, huge, zero),
        ("its square is beyond f32, 4 bits", "ip", 4, huge, zero),
        ("its square is below f32", "ip", 1, tiny, zero),
        ("one dimension only", "l2", 1, [3.0], [1.0]),
    ]:
        origin = [0.0] * len(vector)
        accept.append(_case(name, metric, bits, vector, centroid, origin))
    return {
        "title": "Codes of vectors (12): floats are f32, least significant byte first; levels: one "
        "byte a padded dimension",
        "accept": accept,
        "refuse": [],
    }
