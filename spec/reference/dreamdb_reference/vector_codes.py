"""Codes of vectors (chapter 12): ordered sums, directions, rotation, one bit and more a dimension."""

import math
import struct
from dataclasses import dataclass
from functools import cached_property

LANES = 16
ROUNDS = 4
_F32 = struct.Struct("<f")


def f32(value: float) -> float:
    """The nearest f32. Sums, products, quotients and roots of two f32 may be made in f64 before."""
    try:
        return _F32.unpack(_F32.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def same(value: float) -> float:
    return value


def padded_dim(dim: int) -> int:
    return (dim + 63) // 64 * 64


def pad(vector: list) -> list:
    return list(vector) + [0.0] * (padded_dim(len(vector)) - len(vector))


def ordered_sum(values: list, rounded=f32) -> float:
    """S12.1."""
    lanes = list(values[:LANES])
    for start in range(LANES, len(values), LANES):
        lanes = [rounded(lane + values[start + i]) for i, lane in enumerate(lanes)]
    for half in (8, 4, 2, 1):
        lanes = [rounded(lanes[i] + lanes[i + half]) for i in range(half)]
    return lanes[0]


def dot(a: list, b: list) -> float:
    return ordered_sum([f32(x * y) for x, y in zip(a, b)])


def direction(vector: list) -> list:
    """The padded direction of a vector (12.2); zeros of a zero vector."""
    vector = pad(vector)
    norm = ordered_sum([x * x for x in vector], same)
    if norm == 0:
        return [0.0] * len(vector)
    return [f32(x / math.sqrt(norm)) for x in vector]


def _butterflies(values: list) -> list:
    h = 1
    while h < len(values):
        for at in range(0, len(values), 2 * h):
            for i in range(at, at + h):
                a, b = values[i], values[i + h]
                values[i], values[i + h] = f32(a + b), f32(a - b)
        h *= 2
    return values


def rotate(values: list, signs: bytes) -> list:
    """12.3; `signs`: ROUNDS * D / 8 bytes."""
    dim = len(values)
    k = dim.bit_length() - 1
    n = 1 << k
    bits = int.from_bytes(signs, "little")
    values = list(values)
    for r in range(ROUNDS):
        values = [-v if bits >> (r * dim + j) & 1 else v for j, v in enumerate(values)]
        if n == dim:
            values = _butterflies(values)
            continue
        scale = f32(2 ** (-k / 2))
        begin = 0 if r % 2 == 0 else dim - n
        values[begin : begin + n] = [f32(v * scale) for v in _butterflies(values[begin : begin + n])]
        half = dim // 2
        a, b = values[:half], values[half:]
        values = [f32(x + y) for x, y in zip(a, b)] + [f32(x - y) for x, y in zip(a, b)]
    last = 2.0 ** (-2 * k) if n == dim else 0.25
    return [f32(v * last) for v in values]


@dataclass
class Code:
    bits: list
    add: float
    scale: float
    error: float


@dataclass
class Cell:
    """What the codes of a cell depend on; `centroid` and `origin` are padded."""

    metric: str
    centroid: list
    origin: list
    signs: bytes

    @cached_property
    def rotated(self) -> list:
        """`t` of 12.4."""
        return rotate([f32(c - m) for c, m in zip(self.centroid, self.origin)], self.signs)


def _factors(metric: str, a: float, e: float, yt: float, rc: float, l2: float):
    """The three factors as f32; None when one of them is not finite, or none says anything."""
    if metric == "l2":
        factors = (-l2 - 2 * a * yt, 2 * a, 2 * e)
    else:
        factors = (rc - a * yt, a, e)
    factors = tuple(f32(x) for x in factors)
    return factors if all(math.isfinite(x) for x in factors) and any(factors) else None


def _spread(yy: float, yo: float, l2: float, dim: int) -> float:
    return math.sqrt(max(0.0, l2 * (yy * l2 / (yo * yo) - 1) / (dim - 1)))


def _residual(vector: list, cell: Cell):
    r = [f32(x - c) for x, c in zip(vector, cell.centroid)]
    return rotate(r, cell.signs), dot(r, cell.centroid)


def encode(vector: list, cell: Cell) -> Code:
    """12.4; `vector` padded, a direction under cosine."""
    o, rc = _residual(vector, cell)
    t = cell.rotated
    dim = len(o)
    bits = [1 if x > 0 else 0 for x in o]
    l1 = ordered_sum([abs(x) for x in o])
    l2 = ordered_sum([f32(x * x) for x in o])
    st = ordered_sum([x if bit else -x for bit, x in zip(bits, t)])
    none = Code([0] * dim, 0.0, 0.0, 0.0)
    if l1 == 0 or l2 == 0 or not math.isfinite(l1) or not math.isfinite(l2):
        return none
    factors = _factors(cell.metric, l2 / l1, _spread(dim, l1, l2, dim), st, rc, l2)
    return none if factors is None else Code(bits, *factors)


def encode_levels(vector: list, cell: Cell, width: int, level_scale: float) -> Code:
    """12.5: `bits` are the levels u, of `width` bits."""
    o, rc = _residual(vector, cell)
    t = cell.rotated
    dim = len(o)
    top = 1 << (width - 1)
    l1 = ordered_sum([abs(x) for x in o])
    l2 = ordered_sum([f32(x * x) for x in o])
    none = Code([0] * dim, 0.0, 0.0, 0.0)
    if l1 == 0 or l2 == 0 or not math.isfinite(l1) or not math.isfinite(l2):
        return none
    length = math.sqrt(l2)
    levels, yo, yy, yt = [], 0.0, 0.0, 0.0
    for x, tj in zip(o, t):
        size = min(math.floor(abs(x) * level_scale / length), top - 1)
        level = top + size if x > 0 else top - 1 - size
        y = level - (2 * top - 1) / 2
        levels.append(level)
        yo, yy, yt = yo + y * x, yy + y * y, yt + y * tj
    factors = _factors(cell.metric, l2 / yo, _spread(yy, yo, l2, dim), yt, rc, l2)
    return none if factors is None else Code(levels, *factors)
