"""Whole segments: every byte checked, every value decoded (chapter 7)."""

import struct
from itertools import pairwise
from typing import NamedTuple

from . import address, codecs, limits, stats
from .errors import Violation, require
from .code_rows import read_codes
from .footer import (
    HEADER_BYTES,
    SEGMENT_TYPES,
    Column,
    Footer,
    parse_footer,
    segment_version,
)
from .runs import Run, items_of_block
from .schema import ELEMENT_BYTES
from .spatial import check_centroids, read_routes
from .stats import STRING_TYPES

MAGIC, END_MAGIC = b"DREAMSEG", b"DREAMEND"
TRAILER_BYTES = 16
_ELEMENT_FORMS = {
    "i8": "b",
    "u8": "B",
    "bool": "?",
    "i16": "h",
    "u16": "H",
    "f16": "e",
    "i32": "i",
    "u32": "I",
    "f32": "f",
    "i64": "q",
    "u64": "Q",
    "f64": "d",
}


class Array(NamedTuple):
    """One row of a matrix segment."""

    dtype: str
    shape: tuple
    data: bytes

    def flat(self) -> list:
        """The elements in row-major order."""
        count = len(self.data) // ELEMENT_BYTES[self.dtype]
        if self.dtype == "bf16":  # the upper half of an f32
            widened = b"".join(b"\0\0" + self.data[i : i + 2] for i in range(0, len(self.data), 2))
            return list(struct.unpack(f"<{count}f", widened))
        return list(struct.unpack(f"<{count}{_ELEMENT_FORMS[self.dtype]}", self.data))


def header(kind: str) -> bytes:
    return MAGIC + struct.pack("<II", segment_version(kind), SEGMENT_TYPES[kind]) + bytes(48)


def trailer(footer_size: int) -> bytes:
    return struct.pack("<Q", footer_size) + END_MAGIC


def footer_bytes(data: bytes) -> bytes:
    """The footer of a whole segment object, found by its trailer (S7.1)."""
    require(len(data) <= limits.SEGMENT_BYTES, "S1.3", f"a segment of {len(data)} bytes")
    require(len(data) >= HEADER_BYTES + TRAILER_BYTES, "S7.1", f"{len(data)} bytes are no segment")
    require(data[-8:] == END_MAGIC, "S7.1", "the trailer does not end with DREAMEND")
    size = int.from_bytes(data[-16:-8], "little")
    require(size <= limits.FOOTER_BYTES, "S1.3", f"a footer of {size} bytes")
    require(
        size <= len(data) - HEADER_BYTES - TRAILER_BYTES,
        "S7.1",
        f"a footer of {size} bytes in {len(data)}",
    )
    return data[len(data) - TRAILER_BYTES - size : len(data) - TRAILER_BYTES]


def address_of_segment(data: bytes) -> bytes:
    return address.address_of(footer_bytes(data))


class Segment:
    """One segment whose every byte has been checked; `anchors`, and the values by row."""

    def __init__(self, data: bytes):
        self._data = data
        found = footer_bytes(data)
        self.address = address.address_of(found)
        self.size, self.footer_size = len(data), len(found)
        self.footer: Footer = parse_footer(found)
        self.rows = self.footer.rows
        self._check_frame()
        self.codes = self._read_codes()
        self.routes, self._centroids = self._read_spatial()
        self.anchors = self._read_anchors()
        self._columns = {column.field: self._read_column(column) for column in self.footer.columns}
        self._payloads, self._index = self._read_blobs()
        self._matrix = b"".join(self._blocks(self.footer.data)) if self.footer.data else b""
        require(
            self.footer.dtype != "bool" or set(self._matrix) <= {0, 1},
            "S7.3",
            "a bool is neither 0 nor 1",
        )
        self.true_stats = {column.field: self._stats_of(column) for column in self.footer.columns}
        stats.check_cover(self.footer.stats, self.true_stats, "the footer")

    def _check_frame(self) -> None:
        """Header, padding and the zero bytes between runs (S7.1, S7.2)."""
        end = len(self._data) - TRAILER_BYTES - self.footer_size
        require(
            self._data[:HEADER_BYTES] == header(self.footer.type), "S7.1", "the header is wrong"
        )
        require(
            self.footer.end == end,
            "S7.2",
            f"the footer stands at {end}, but says {self.footer.end}",
        )
        free = HEADER_BYTES
        for place, size in [(run.at, run.stored()) for run in self.footer.runs] + [(end, 0)]:
            invariant = "S7.1" if place == end else "S7.2"
            require(
                not any(self._data[free:place]),
                invariant,
                f"bytes from {free} to {place} are not zero",
            )
            free = place + size

    def _blocks(self, run: Run) -> list:
        """The raw bytes of each block, its hash checked (S7.6)."""
        result, at = [], run.at
        for block, size in enumerate(run.sizes):
            stored = self._data[at : at + size]
            at += size
            name = f"{run.name} block {block}"
            require(
                address.blake3(stored) == run.hashes[block],
                "S7.6",
                f"{name} is not what its hash says",
            )
            try:
                result.append(
                    codecs.decode(
                        run.codecs[block],
                        stored,
                        run.raws[block],
                        items_of_block(run, block),
                        run.item_bytes,
                    )
                )
            except Violation as error:
                raise Violation(error.invariant, f"{name}: {error.message}") from None
        return result

    def _integers(self, run: Run, form: str) -> list:
        raw = b"".join(self._blocks(run))
        return list(struct.unpack(f"<{run.items}{form}", raw))

    def _bits(self, run: Run) -> list:
        return [
            bool(bit)
            for block, raw in enumerate(self._blocks(run))
            for bit in codecs.unpack_bits(raw, items_of_block(run, block), 1)
        ]

    def _strings(self, run: Run) -> list:
        """Blocks of u32 offsets[n + 1] and the bytes of n strings (7.3)."""
        result = []
        for block, raw in enumerate(self._blocks(run)):
            count = items_of_block(run, block)
            start = 4 * (count + 1)
            require(
                len(raw) >= start, "S7.3", f"{run.name} block {block} is too short for its offsets"
            )
            offsets = struct.unpack_from(f"<{count + 1}I", raw)
            ordered = all(left <= right for left, right in pairwise(offsets))
            require(
                ordered and offsets[0] == 0 and offsets[-1] == len(raw) - start,
                "S7.3",
                f"the offsets of {run.name} block {block} are wrong",
            )
            result += [raw[start + left : start + right] for left, right in pairwise(offsets)]
        for value in result:
            check_string(value, run.name)
        return result

    def _read_codes(self) -> list:
        """The rows of a segment of codes, in their order."""
        codes = self.footer.codes
        if not codes:
            return []
        extra = self._blocks(codes.extra) if codes.extra else []
        return read_codes(codes, self._blocks(codes.codes), extra)

    def _read_spatial(self) -> tuple:
        """The codes of the centroids of a spatial index, and the centroids, row by row."""
        spatial = self.footer.spatial
        if not spatial:
            return [], b""
        centroids = b"".join(self._blocks(spatial.centroids))
        check_centroids(centroids)
        return read_routes(spatial, self._blocks(spatial.routes)), centroids

    def _read_anchors(self) -> list:
        if self.footer.spatial:
            return []
        if self.footer.codes:
            return sorted(row.anchor for row in self.codes)
        if self.footer.sequence:
            first, step = self.footer.sequence
            return list(range(first, first + step * self.rows, step))
        anchors = self._integers(self.footer.anchors, "Q")
        ascending = all(left < right for left, right in pairwise(anchors))
        require(
            ascending and anchors[-1] <= limits.ANCHOR_MAX,
            "S7.4",
            "the anchors do not ascend below 2^64-1",
        )
        return anchors

    def _read_column(self, column: Column) -> list:
        """The values of a column, None for a row without one."""
        valid = self._bits(column.valid) if column.valid else [True] * self.rows
        require(any(valid), "S7.7", f"the column of field {column.field} has no value")
        empty = 0
        if column.type == "bool":
            values = self._bits(column.data)
        elif column.type in STRING_TYPES and not column.dict:
            values, empty = self._strings(column.data), b""
        else:
            values = self._integers(
                column.data, {"float": "d"}.get(column.type, "I" if column.dict else "q")
            )
        for value, there in zip(values, valid):
            # A float of -0.0 equals 0.0, but its bits are not zero.
            zero = value == empty and not (isinstance(value, float) and str(value) == "-0.0")
            if not there and not zero:
                raise Violation(
                    "S7.7", f"a row without a value of field {column.field} holds {value!r:.60}"
                )
        if column.dict:
            words = self._words(column.dict)
            require(max(values) < len(words), "S7.3", f"index {max(values)} of {len(words)} words")
            values = [words[value] for value in values]
        return [value if there else None for value, there in zip(values, valid)]

    def _words(self, run: Run) -> list:
        words = self._strings(run)
        ordered = all(left < right for left, right in pairwise(words))
        require(ordered, "S7.3", f"the words of {run.name} are not in order, or not unique")
        return words

    def _read_blobs(self) -> tuple:
        if not self.footer.payloads:
            return [], []
        payloads = self._blocks(self.footer.payloads)
        require(len(set(payloads)) == len(payloads), "S7.5", "two payloads are equal")
        if not self.footer.index:
            return payloads, list(range(self.rows))
        index = self._integers(self.footer.index, "I")
        require(
            max(index) < len(payloads), "S7.3", f"index {max(index)} of {len(payloads)} payloads"
        )
        return payloads, index

    def _stats_of(self, column: Column) -> stats.Stats:
        """The statistics of a column as its values give them (6.3)."""
        there = [value for value in self._columns[column.field] if value is not None]
        return stats.of_values(column.type, there)

    def column(self, field: int) -> list:
        """The values of a field by row; strings as bytes, None where there is none."""
        return self._columns[field]

    def payload(self, row: int) -> bytes:
        return self._payloads[self._index[row]]

    def array(self, row: int) -> Array:
        size = len(self._matrix) // self.rows
        return Array(
            self.footer.dtype, tuple(self.footer.shape), self._matrix[row * size : (row + 1) * size]
        )

    def centroid(self, cell: int) -> list:
        """The centroid of a cell of a spatial index, `dim` values."""
        dim = self.footer.spatial.dim
        return list(struct.unpack_from(f"<{dim}f", self._centroids, 4 * dim * cell))

    def value(self, field: int, row: int) -> object | None:
        """The value of `field` in `row`."""
        if self.footer.type == "scalar":
            return self._columns[field][row]
        return self.payload(row) if self.footer.type == "blob" else self.array(row)


def check_string(value: bytes, name: str, most: int = limits.STRING_BYTES) -> None:
    """A string or text of UTF-8 within its limit (S7.7, S1.3)."""
    require(len(value) <= most, "S1.3", f"{name} has a string of {len(value)} bytes")
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Violation("S7.7", f"{name} has a string that is not UTF-8: {error}") from None
