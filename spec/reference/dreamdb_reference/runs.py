"""Runs of blocks, as a footer lists them (section 7.1)."""

import struct
from collections.abc import Callable
from typing import NamedTuple

from . import codecs, limits, shape
from .errors import require

MATRIX_BLOCK_BYTES = 16384


def per_code_block(one_row: int) -> int:
    """Rows in a block of codes (12.7)."""
    return max(8, MATRIX_BLOCK_BYTES // one_row // 8 * 8)


def per_matrix_block(one_row: int) -> int:
    """Rows in a block of a matrix (7.5)."""
    return max(1, MATRIX_BLOCK_BYTES // one_row) if one_row else 1


class Run(NamedTuple):
    """A sequence of blocks without gaps; one element of each list for each block."""

    name: str
    at: int
    items: int
    per: int
    sizes: list
    hashes: list
    codecs: list
    raws: list
    item_bytes: int

    def stored(self) -> int:
        return sum(self.sizes)


class Use(NamedTuple):
    """What a run is for: its items, how many a block, the codecs it may have, and its raw sizes."""

    items: int
    per: int
    codecs: tuple
    raw_size: Callable | None  # of the number of items of a block; None if the data say
    item_bytes: int = 0


def parse_run(value, name: str, use: Use) -> Run:
    required = {
        "at": shape.uint,
        "items": shape.uint,
        "per": shape.uint,
        "sizes": shape.byte_string,
        "hashes": shape.byte_string,
    }
    shape.fields(value, name, required, {"codecs": shape.byte_string, "raws": shape.byte_string})
    require(
        value["items"] == use.items and value["per"] == use.per,
        "S7.3",
        f"{name} has {value['items']} items, {value['per']} a block, not {use.items} and {use.per}",
    )
    count = -(-use.items // use.per)
    require(
        ("codecs" in value) == ("raws" in value), "S7.3", f"{name} has only one of codecs and raws"
    )
    lengths = {"sizes": 4, "hashes": 32, "codecs": 1, "raws": 4}
    for key, width in lengths.items():
        size = len(value.get(key, bytes(count * width)))
        require(size == count * width, "S7.3", f"{name}.{key} has {size} bytes for {count} blocks")
    sizes = list(struct.unpack(f"<{count}I", value["sizes"]))
    hashes = [value["hashes"][32 * i : 32 * i + 32] for i in range(count)]
    raws = list(struct.unpack(f"<{count}I", value["raws"])) if "raws" in value else sizes
    run = Run(
        name,
        value["at"],
        use.items,
        use.per,
        sizes,
        hashes,
        list(value.get("codecs", bytes(count))),
        raws,
        use.item_bytes,
    )
    for block in range(count):
        _check_block(run, block, use)
    return run


def _check_block(run: Run, block: int, use: Use) -> None:
    name, codec, stored, raw = (
        f"{run.name} block {block}",
        run.codecs[block],
        run.sizes[block],
        run.raws[block],
    )
    require(max(stored, raw) <= limits.BLOCK_BYTES, "S1.3", f"{name} has {max(stored, raw)} bytes")
    require(codec in use.codecs, "S7.3", f"{name} has codec {codec}, not one of {use.codecs}")
    require(
        codec != codecs.RAW or raw == stored,
        "S7.3",
        f"{name} is raw, but {stored} and {raw} bytes differ",
    )
    if use.raw_size:
        wanted = use.raw_size(items_of_block(run, block))
        require(raw == wanted, "S7.3", f"{name} has {raw} raw bytes, not {wanted}")


def items_of_block(run: Run, block: int) -> int:
    return min(run.per, run.items - block * run.per)
