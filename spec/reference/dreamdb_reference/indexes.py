"""Spatial indexes of a version, checked against its tracks, code by code (section 12.8)."""

from typing import NamedTuple

from . import address, pages, structures
from .errors import Violation, require
from .segment import Segment
from .stats import Stats
from .track import Objects, check_entry, check_seq, leaves
from .vector_codes import padded_dim

CHECKED_NUMBERS = 1 << 17  # of the vectors whose codes are made again, about two seconds


class Row(NamedTuple):
    """One row of a segment: a vector, or its code."""

    seq: int
    segment: Segment
    number: int


class Index:
    """One index whose places have been checked when it was made, and its codes by `check_codes`.

    `field` is that of the schema, `track` the entries of its track, `deleted` the anchors where the
    field has no value any more; `has_replaced`: segments with older values may be gone.
    """

    def __init__(
        self,
        objects: Objects,
        named: structures.Index,
        field: dict,
        track: list,
        generation: int,
        deleted: set,
        has_replaced: bool = False,
    ):
        self.objects, self.named, self.field, self.generation = objects, named, field, generation
        self.has_replaced = has_replaced
        self.key = address.object_key("segments", named.spatial)
        self.segment = objects.segment(named.spatial)
        self.spatial = self.segment.footer.spatial
        try:
            self._check_spatial()
        except Violation as error:
            raise error.at(self.key) from None
        self.codes = self._entries(named.codes)
        for entry in self.codes:
            self._check_code_segment(entry)
        self.covered, self.gone = self._find_covered(track)
        self._codes_at = self._rows_at(self.codes)
        self._values_at = self._rows_at(track)
        self._covered_at = {
            anchor: rows
            for anchor, rows in self._rows_at(self.covered).items()
            if anchor not in deleted
        }
        self.checked_codes = self.older_codes = 0
        for anchor in self._covered_at:
            require(
                anchor in self._codes_at,
                "S12.10",
                f"anchor {anchor} of field {named.field} is covered, and has no code",
            )

    def _check_spatial(self) -> None:
        named, found = self.named, self.segment
        require(bool(self.spatial), "S12.9", f"a {found.footer.type} segment as spatial index")
        for key, stated, true in (
            ("size", named.size, found.size),
            ("footer", named.footer, found.footer_size),
        ):
            require(stated == true, "S6.6", f"the manifest says {key} {stated}, it has {true}")
        fits = (found.footer.field, self.spatial.dim) == (named.field, self.field["dim"])
        require(
            fits,
            "S12.9",
            f"an index of field {found.footer.field} and dim {self.spatial.dim}, "
            f"named for {named.field} of {self.field['dim']}",
        )

    def _entries(self, root: structures.Root | None) -> list:
        entries = leaves(self.objects, root) if root else []
        for entry in entries:
            check_seq(entry, self.generation)
        return entries

    def _check_code_segment(self, entry: pages.LeafEntry) -> None:
        segment = self.objects.segment(entry.child)
        codes, field = segment.footer.codes, self.named.field
        try:
            require(bool(codes), "S12.9", f"a {segment.footer.type} segment in a track of codes")
            check_entry(segment, entry)
            require(entry.records == entry.rows, "S6.6", f"records is {entry.records} for codes")
            found = (segment.footer.field, codes.spatial, codes.dim, codes.bits)
            wanted = (field, self.named.spatial, self.spatial.dim, self.spatial.bits)
            require(found == wanted, "S12.9", f"codes of {found}, in the track of {wanted}")
            cells = self.spatial.cells
            require(codes.cells[-1] < cells, "S12.9", f"cell {codes.cells[-1]} of {cells}")
            truth = {field: Stats(segment.rows, codes.cells[0], codes.cells[-1], None)}
            require(
                entry.stats == truth,
                "S12.9",
                f"its entry has statistics {entry.stats}, the codes are {truth}",
            )
        except Violation as error:
            raise error.at(address.object_key("segments", entry.child)) from None

    def _find_covered(self, track: list) -> tuple:
        """The entries of `covered` that the track has, and how many others there are."""
        there = {(entry.child, entry.seq): entry for entry in track}
        entries = self._entries(self.named.covered)
        covered = [entry for entry in entries if (entry.child, entry.seq) in there]
        for entry in covered:
            require(
                entry == there[entry.child, entry.seq],
                "S12.9",
                f"`covered` and the track differ on {address.object_key('segments', entry.child)}",
            )
        return covered, len(entries) - len(covered)

    def _rows_at(self, entries: list) -> dict:
        """By anchor: the rows there, the newest last."""
        result = {}
        for entry in sorted(entries, key=lambda entry: entry.seq):
            segment = self.objects.segment(entry.child)
            codes = segment.footer.codes
            anchors = [row.anchor for row in segment.codes] if codes else segment.anchors
            for number, anchor in enumerate(anchors):
                result.setdefault(anchor, []).append(Row(entry.seq, segment, number))
        return result

    def _made_again(self, cell: int, anchor: int, value: Row) -> bytes:
        """The code that a vector has in a cell; each is made once for all versions."""
        key = (self.named.spatial, cell, value.segment.address, value.number)
        known = self.objects.codes
        if key not in known:
            place = (self.named.spatial, cell)
            if place not in known:
                known[place] = self.spatial.cell(self.segment.centroid(cell))
            vector = value.segment.array(value.number).flat()
            known[key] = self.spatial.code(cell, known[place], anchor, vector).stored()
        return known[key]

    def check_codes(self, numbers: int | None) -> None:
        """Makes codes again and compares (S12.10): those at anchors evenly apart whose vectors have
        about as many numbers as given, and as many routes; all of them if it is None."""
        rows = None if numbers is None else max(1, numbers // padded_dim(self.spatial.dim))
        try:
            for cell in _some(range(self.spatial.cells), rows):
                true = self.spatial.route(self.segment.centroid(cell))
                fits = self.segment.routes[cell].stored() == true.stored()
                require(fits, "S12.10", f"the route of cell {cell} is not its centroid's")
        except Violation as error:
            raise error.at(self.key) from None
        for anchor in _some(sorted(self._codes_at), rows):
            self._check_anchor(anchor)

    def _check_anchor(self, anchor: int) -> None:
        """Each code is that of a value which the field has or had; the newest covered has one."""
        values, matched = self._values_at.get(anchor, []), []
        for code in self._codes_at[anchor]:
            stated = code.segment.codes[code.number]
            fits = [
                value
                for value in values
                if self._made_again(stated.cell, anchor, value) == stated.stored()
            ]
            matched += fits
            self.checked_codes += 1
            if fits:
                continue
            # Of a value that may be gone.
            older = not values or code.seq < values[-1].seq or self.has_replaced
            if not older:
                raise Violation(
                    "S12.10",
                    f"the code of anchor {anchor} in cell {stated.cell} is not its vector's",
                    where=address.object_key("segments", code.segment.address),
                )
            self.older_codes += 1
        newest = self._covered_at.get(anchor, [])[-1:]
        require(
            not newest or newest[0] in matched,
            "S12.10",
            f"the vector of covered anchor {anchor} of field {self.named.field} has no code",
        )

    def summary(self) -> dict:
        """What the index is, and what it covers."""
        spatial = self.spatial
        return {
            "field": self.field["name"],
            "spatial": address.to_text(self.named.spatial),
            "algorithm": spatial.algorithm,
            "dim": spatial.dim,
            "bits": spatial.bits,
            "cells": spatial.cells,
            "trained": spatial.trained,
            "spread": spatial.spread,
            "recall": [list(one) for one in spatial.recall],
            "code_segments": len(self.codes),
            "codes": sum(entry.rows for entry in self.codes),
            "codes_checked": self.checked_codes,
            "codes_of_older_values": self.older_codes,
            "covered_segments": len(self.covered),
            "covered_rows": sum(entry.rows for entry in self.covered),
            "covered_and_gone": self.gone,
        }


def _some(items, most: int | None) -> list:
    """At most so many of a sequence, evenly apart."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]
