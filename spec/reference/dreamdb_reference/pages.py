"""Pages: nodes of a track's B-tree and of the ledger's (chapter 6)."""

from itertools import pairwise
from typing import NamedTuple

from . import address, cbor, limits, shape, stats
from .errors import require
from .structures import Root


class LeafEntry(NamedTuple):
    """One segment, or one idempotency key of the ledger (6.1, 6.4)."""

    first: int
    last: int
    step: int
    rows: int
    records: int
    seq: int
    child: bytes
    size: int
    footer: int
    stats: dict


class InnerEntry(NamedTuple):
    """One page below (6.2)."""

    first: int
    last: int
    rows: int
    records: int
    seq: int
    child: bytes
    size: int
    segments: int
    bytes: int
    stats: dict


class Page(NamedTuple):
    """One node: its height and its entries."""

    height: int
    entries: list


HEADER_BYTES, TRAILER_BYTES = 64, 16


def is_ledger_entry(entry: LeafEntry) -> bool:
    """Ledger entries name no object: their size is 0, which no segment has (6.4)."""
    return entry.size == 0


def _check_leaf(entry: LeafEntry, name: str) -> None:
    require(
        entry.first <= entry.last, "S6.6", f"{name}: first {entry.first} is above last {entry.last}"
    )
    require(entry.rows >= 1, "S6.6", f"{name} has no rows")
    if is_ledger_entry(entry):
        head = min(int.from_bytes(entry.child[1:9], "big"), limits.ANCHOR_MAX)
        good = (
            entry.first == entry.last == head
            and entry.step == 1
            and entry.records == 0
            and entry.footer == 0
            and not entry.stats
        )
        require(good, "S6.7", f"{name} names no segment and is no entry of a ledger")
        return
    require(entry.rows <= limits.SEGMENT_ROWS, "S1.3", f"{name} has {entry.rows} rows")
    require(entry.size <= limits.SEGMENT_BYTES, "S1.3", f"{name} names {entry.size} bytes")
    require(
        entry.footer <= limits.FOOTER_BYTES,
        "S1.3",
        f"{name} names a footer of {entry.footer} bytes",
    )
    require(
        entry.size >= HEADER_BYTES + entry.footer + TRAILER_BYTES,
        "S6.6",
        f"{name}: {entry.size} bytes cannot hold a footer of {entry.footer}",
    )
    require(
        entry.records in (0, entry.rows),
        "S6.6",
        f"{name}: records is {entry.records}, neither 0 nor the {entry.rows} rows",
    )
    span, steps = entry.last - entry.first, entry.rows - 1
    if entry.step:
        require(
            span == steps * entry.step and (steps or entry.step == 1),
            "S6.6",
            f"{name}: {entry.rows} rows of step {entry.step} do not span {span}",
        )
    else:
        require(span >= steps, "S6.6", f"{name}: {entry.rows} rows do not fit a span of {span}")


def _check_inner(entry: InnerEntry, name: str) -> None:
    require(
        entry.first <= entry.last, "S6.6", f"{name}: first {entry.first} is above last {entry.last}"
    )
    require(entry.size <= limits.PAGE_BYTES, "S1.3", f"{name} names a page of {entry.size} bytes")
    require(
        entry.rows >= entry.segments >= 1,
        "S6.6",
        f"{name}: {entry.rows} rows in {entry.segments} segments",
    )
    require(entry.records <= entry.rows, "S6.6", f"{name}: more records than rows")


def _parse_leaf(value, name: str) -> LeafEntry:
    uint, anchor = shape.uint, shape.anchor
    entry = LeafEntry(
        *shape.tuple_of(
            value, name, anchor, anchor, uint, uint, uint, uint, shape.b33, uint, uint, stats.parse
        )
    )
    _check_leaf(entry, name)
    return entry


def _parse_inner(value, name: str) -> InnerEntry:
    uint, anchor = shape.uint, shape.anchor
    entry = InnerEntry(
        *shape.tuple_of(
            value, name, anchor, anchor, uint, uint, uint, shape.b33, uint, uint, uint, stats.parse
        )
    )
    _check_inner(entry, name)
    return entry


def leaf_key(entry: LeafEntry) -> tuple:
    """What leaf entries ascend in (S6.1)."""
    return entry.first, entry.seq, entry.child


def parse_page(data: bytes) -> Page:
    value = shape.envelope(data, "page", limits.PAGE_BYTES)
    shape.fields(value, "page", shape.ENVELOPE | {"height": shape.uint, "entries": shape.array})
    height = value["height"]
    require(height <= limits.TREE_HEIGHT, "S1.3", f"a page of height {height}")
    parse_one = _parse_inner if height else _parse_leaf
    entries = [parse_one(entry, f"entry {i}") for i, entry in enumerate(value["entries"])]
    require(bool(entries), "S6.2", "a page without entries")
    for i, (left, right) in enumerate(pairwise(entries)):
        if height:
            # Pages may tie: the order of the tree decides, which this page alone does not show.
            ordered = (left.first, left.seq) <= (right.first, right.seq)
        else:
            ordered = leaf_key(left) < leaf_key(right)
        require(ordered, "S6.1", f"entries {i} and {i + 1} are out of order")
    if not height:
        require(
            len({is_ledger_entry(entry) for entry in entries}) == 1,
            "S6.7",
            "entries of segments and of a ledger in one page",
        )
    return Page(height, entries)


def encode_page(nonce: bytes, height: int, entries: list) -> bytes:
    return cbor.encode(shape.new("page", nonce, height=height, entries=entries))


def inner_entry(page_bytes: bytes, page: Page | None = None) -> InnerEntry:
    """The entry that names this page: sums over it, and merged statistics (6.2)."""
    page = page or parse_page(page_bytes)
    entries = page.entries
    segments = [entry.segments if page.height else 1 for entry in entries]
    sizes = [entry.bytes if page.height else entry.size for entry in entries]
    return InnerEntry(
        entries[0].first,
        max(entry.last for entry in entries),
        sum(entry.rows for entry in entries),
        sum(entry.records for entry in entries),
        max(entry.seq for entry in entries),
        address.address_of(page_bytes),
        len(page_bytes),
        sum(segments),
        sum(sizes),
        stats.merge_maps([entry.stats for entry in entries]),
    )


def root_of(field: int, page_bytes: bytes) -> Root:
    """The root that a manifest has for the tree below this page (5.2)."""
    top = inner_entry(page_bytes)
    return Root(
        field,
        top.child,
        top.size,
        parse_page(page_bytes).height,
        top.first,
        top.last,
        top.rows,
        top.records,
        top.segments,
        top.bytes,
    )


def check_sums(named: Root | InnerEntry, true: InnerEntry, name: str) -> None:
    """An entry or root says of the page below what that adds up to (S6.6), and its statistics
    are not narrower (S6.5); `true` is the page's `inner_entry`."""
    for key in ("first", "last", "rows", "records", "seq", "size", "segments", "bytes"):
        if hasattr(named, key):
            stated, found = getattr(named, key), getattr(true, key)
            require(stated == found, "S6.6", f"{name} says {key} {stated}, the page has {found}")
    if isinstance(named, InnerEntry):
        stats.check_cover(named.stats, true.stats, name)


def ledger_entry(key: str, rows_applied: int, seq: int) -> LeafEntry:
    """The entry of an applied idempotency key (6.4)."""
    child = bytes([address.PREFIX]) + address.blake3(key.encode("utf-8"))
    return _entry_without_object(child, rows_applied + 1, seq)


def replaced_entry(entry: LeafEntry) -> LeafEntry:
    """The entry of `replaced` that says that this one was taken out (6.7)."""
    return _entry_without_object(entry.child, 1, entry.seq)


def _entry_without_object(child: bytes, rows: int, seq: int) -> LeafEntry:
    head = min(int.from_bytes(child[1:9], "big"), limits.ANCHOR_MAX)
    return LeafEntry(head, head, 1, rows, 0, seq, child, 0, 0, {})
