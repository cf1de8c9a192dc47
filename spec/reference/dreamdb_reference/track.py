"""Trees of pages and their segments, read and checked from the root down (chapters 6 and 7)."""

from itertools import pairwise

from . import address, limits, pages, stats
from .errors import Violation, require
from .folder import Folder
from .schema import BLOB_TYPES, MATRIX_TYPES, SCALAR_TYPES
from .segment import Segment, address_of_segment, check_string
from .structures import RECORD_TRACK, Root


class Objects:
    """Objects of a space by address, each read and checked once."""

    def __init__(self, folder: Folder):
        self.folder = folder
        self.codes = {}  # what `indexes` has made again
        self._known = {}

    def get(self, kind: str, name: bytes, size_max: int, parse, address_of=address.address_of):
        """What `parse` makes of the object with this address; any violation names its key."""
        key = address.object_key(kind, name)
        if key not in self._known:
            try:
                data = self.folder.get(key, size_max)
                found = address.to_text(address_of(data))
                require(key == f"{kind}/{found}", "S2.1", f"the bytes have the address {found}")
                self._known[key] = parse(data)
            except Violation as error:
                raise error.at(key) from None
        return self._known[key]

    def page(self, name: bytes) -> tuple:
        """A page, and the entry that would name it."""

        def parse(data: bytes) -> tuple:
            page = pages.parse_page(data)
            return page, pages.inner_entry(data, page)

        return self.get("pages", name, limits.PAGE_BYTES, parse)

    def segment(self, name: bytes) -> Segment:
        return self.get("segments", name, limits.SEGMENT_BYTES, Segment, address_of_segment)


def leaves(objects: Objects, root: Root, ledger: bool = False) -> list:
    """The leaf entries of a tree from left to right; every page and every sum is checked."""
    result = []
    _descend(objects, root, root.page, root.height, "the root", result)
    for left, right in pairwise(result):
        if pages.leaf_key(left) >= pages.leaf_key(right):
            raise Violation(
                "S6.1",
                "leaf entries of different pages are out of order",
                where=address.object_key("pages", root.page),
            )
    for entry in result:
        if pages.is_ledger_entry(entry) != ledger:
            raise Violation(
                "S6.7",
                "a ledger's entry in a track, or the other way around",
                where=address.object_key("pages", root.page),
            )
    return result


def _descend(objects: Objects, named, page: bytes, height: int, name: str, result: list) -> None:
    """Appends the leaf entries below a page; the depth is at most the greatest height of a tree."""
    parsed, true = objects.page(page)
    key = address.object_key("pages", page)
    try:
        require(
            parsed.height == height, "S6.6", f"height {parsed.height}, but {name} says {height}"
        )
        pages.check_sums(named, true, name)
    except Violation as error:
        raise error.at(key) from None
    if height == 0:
        result += parsed.entries
        return
    for number, entry in enumerate(parsed.entries):
        _descend(objects, entry, entry.child, height - 1, f"entry {number} of {key}", result)


def check_seq(entry: pages.LeafEntry, generation: int) -> None:
    require(
        entry.seq <= generation, "S6.6", f"seq {entry.seq} is above generation {generation}"
    )


def check_entry(segment: Segment, entry: pages.LeafEntry) -> None:
    """A segment is what its entry says (S6.6)."""
    footer = segment.footer
    require(bool(segment.anchors), "S7.8", f"a {footer.type} segment in a track")
    step = footer.sequence[1] if footer.sequence else 0
    found = {
        "first": segment.anchors[0],
        "last": segment.anchors[-1],
        "step": step if segment.rows > 1 else entry.step,
        "rows": segment.rows,
        "size": segment.size,
        "footer": segment.footer_size,
    }
    for key, value in found.items():
        stated = getattr(entry, key)
        require(stated == value, "S6.6", f"its entry says {key} {stated}, the segment has {value}")


def check_segment(segment: Segment, entry: pages.LeafEntry, track: int, fields: dict) -> None:
    """A segment is what its entry (S6.6) and the schema (S7.8) say."""
    check_entry(segment, entry)
    footer = segment.footer
    if track != RECORD_TRACK:
        require(entry.records == entry.rows, "S6.6", f"records is {entry.records} outside track 0")
        require(not entry.stats, "S6.5", "statistics outside track 0")
        _check_field(segment, fields[track])
        return
    require(footer.type == "scalar", "S7.8", f"a {footer.type} segment in track 0")
    for column in footer.columns:
        require(
            column.field in fields and fields[column.field]["type"] in SCALAR_TYPES,
            "S7.8",
            f"a column of field {column.field}, which has none",
        )
        kind = fields[column.field]["type"]
        require(
            column.type == kind,
            "S7.8",
            f"field {column.field} is {column.type}, in the schema {kind}",
        )
        if column.field in entry.stats:
            stats.check_type(entry.stats[column.field], kind, f"statistics of field {column.field}")
    stats.check_cover(entry.stats, segment.true_stats, "its entry")


def check_tombstones(segment: Segment, entry: pages.LeafEntry) -> None:
    """A segment of deleted anchors has no columns (6.6), and is what its entry says."""
    check_entry(segment, entry)
    footer = segment.footer
    bare = footer.type == "scalar" and not footer.columns and not entry.stats
    require(bare, "S7.8", f"a {footer.type} segment with values in tombstones")


def _check_field(segment: Segment, field: dict) -> None:
    footer, kind = segment.footer, field["type"]
    wanted = "blob" if kind in BLOB_TYPES else "matrix"
    assert kind in BLOB_TYPES + MATRIX_TYPES  # parse_manifest refused tracks of other fields
    require(
        footer.type == wanted and footer.field == field["id"],
        "S7.8",
        f"a {footer.type} segment of field {footer.field} in the track of {kind} {field['id']}",
    )
    if wanted == "matrix":
        sizes = [field["dim"]] if kind == "embedding" else field["shape"]
        require(
            (footer.dtype, footer.shape) == (field["dtype"], sizes),
            "S7.8",
            f"{footer.dtype} {footer.shape}, in the schema {field['dtype']} {sizes}",
        )
    if kind == "text":
        for row in range(segment.rows):
            check_string(segment.payload(row), f"row {row}", limits.TEXT_BYTES)
