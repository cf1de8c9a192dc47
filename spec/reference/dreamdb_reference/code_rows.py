"""Rows of codes in blocks (sections 12.6 and 12.7): read and written."""

import math
import struct
from itertools import pairwise
from typing import NamedTuple

from . import codecs, limits
from .errors import require
from .vector_codes import Code, padded_dim


class Packed(NamedTuple):
    """A code as a block has it: `width` bits a dimension, and its add, scale and error."""

    bits: bytes
    factors: tuple

    def stored(self) -> bytes:
        """All of it to the bit: of -0.0 and 0.0 only one is right."""
        return self.bits + struct.pack("<3f", *self.factors)


class CodeRow(NamedTuple):
    """One vector's code; `more`, the lower bits of its levels, is None for codes of one bit."""

    cell: int
    anchor: int
    code: Packed
    more: Packed | None

    def stored(self) -> bytes:
        return self.code.stored() + (self.more.stored() if self.more else b"")


def pack(code: Code, width: int = 1) -> Packed:
    """The lower `width` bits of each level, with the factors."""
    low = [level & (1 << width) - 1 for level in code.bits]
    return Packed(codecs.pack_bits(low, width), (code.add, code.scale, code.error))


def read_factors(block: bytes, at: int, count: int, invariant: str = "S12.7") -> list:
    """`(add, scale, error)` of each row of a block: finite, the latter two not negative."""
    columns = struct.unpack_from(f"<{3 * count}f", block, at)
    found = list(zip(columns[:count], columns[count : 2 * count], columns[2 * count :]))
    for add, scale, error in found:
        fine = all(map(math.isfinite, (add, scale, error))) and scale >= 0 and error >= 0
        require(fine, invariant, f"factors {add}, {scale}, {error}")
    return found


def read_packed(block: bytes, bits: int, row_bytes: int, invariant: str = "S12.7") -> list:
    """Each code of a block of rows of `row_bytes`, which begins with the `bits` bits of each row
    and ends with their factors."""
    count, one = len(block) // row_bytes, bits // 8
    factors = read_factors(block, len(block) - 12 * count, count, invariant)
    return [Packed(block[i * one : (i + 1) * one], factors[i]) for i in range(count)]


def read_codes(codes, blocks: list, extra: list) -> list:
    """`codes`: what the footer says; `blocks`, `extra`: of the two runs."""
    dim = padded_dim(codes.dim)
    anchors, packed, more = [], [], []
    for block in blocks:
        found = read_packed(block, dim, dim // 8 + 20)
        anchors += struct.unpack_from(f"<{len(found)}Q", block, len(found) * dim // 8)
        packed += found
    for block in extra:
        more += read_packed(block, dim * (codes.bits - 1), dim // 8 * (codes.bits - 1) + 12)
    rows, begin = [], 0
    for cell, end in zip(codes.cells, codes.ends):
        ascending = all(left < right for left, right in pairwise(anchors[begin:end]))
        require(ascending, "S12.6", f"anchors of cell {cell} do not ascend")
        for i in range(begin, end):
            rows.append(CodeRow(cell, anchors[i], packed[i], more[i] if extra else None))
        begin = end
    fine = max(anchors) <= limits.ANCHOR_MAX and len(set(anchors)) == len(anchors)
    require(fine, "S12.6", "an anchor stands twice, or is 2^64-1")
    return rows


def write_packed(codes: list, between: bytes = b"") -> bytes:
    """A block: the bits of each code, what stands between, their factors."""
    columns = zip(*[code.factors for code in codes])
    factors = b"".join(struct.pack(f"<{len(codes)}f", *column) for column in columns)
    return b"".join(code.bits for code in codes) + between + factors


def write_codes(rows: list) -> bytes:
    """A block of `codes`."""
    anchors = struct.pack(f"<{len(rows)}Q", *[row.anchor for row in rows])
    return write_packed([row.code for row in rows], anchors)


def write_extra(rows: list) -> bytes:
    """A block of `extra`."""
    return write_packed([row.more for row in rows])
