"""A space in a folder: a ref, its versions, their tracks and records, all checked."""

import struct
from collections.abc import Iterator

from . import address, limits, structures
from .errors import Violation, require
from .folder import Folder
from .indexes import CHECKED_NUMBERS, Index
from .stats import STRING_TYPES
from .structures import RECORD_TRACK
from .track import Objects, check_segment, check_seq, check_tombstones, leaves


class Dataset:
    """One version whose every byte has been checked when it was made; of the codes of vectors as
    many as `checked` numbers of `indexes` allow are made again."""

    def __init__(self, objects: Objects, name: bytes, checked: int | None = CHECKED_NUMBERS):
        self.objects = objects
        self.checked = checked
        self.address = name
        self.key = address.object_key("manifests", name)
        self.manifest = objects.get(
            "manifests", name, limits.STRUCTURED_OBJECT_BYTES, structures.parse_manifest
        )
        self.fields = {field["id"]: field for field in self.manifest["schema"]["fields"]}
        # By field: anchor -> (seq, segment, row) of the newest value; by field and seq: anchor ->
        # value.
        self._newest = {field: {} for field in self.fields}
        self._valued = {}
        self._differing = []  # field, anchor, seq: two values, of which none may be the newest
        self._records = set()
        self._deleted = {}  # by field, 0: whole records: anchors
        self.ledger = []
        self.replaced = set()  # (child, seq) of entries that were taken out (6.7)
        self.indexes = []
        objects.get(
            "genesis",
            self.manifest["timeline"],
            limits.STRUCTURED_OBJECT_BYTES,
            structures.parse_genesis,
        )
        try:
            self._read_tracks()
        except Violation as error:
            raise error.at(self.key) from None

    @property
    def anchors(self) -> list:
        """The anchors of all records that are not deleted, ascending."""
        return sorted(self._records - self.deleted(RECORD_TRACK))

    def deleted(self, field: int) -> set:
        """The anchors where records (field 0) or values of a field are deleted (6.6)."""
        return self._deleted.get(field, set())

    def _read_tracks(self) -> None:
        tracks = [(root, leaves(self.objects, root)) for root in self.manifest["tracks"]]
        ledger = self.manifest["ledger"]
        self.ledger = leaves(self.objects, ledger, ledger=True) if ledger else []
        for entry in [entry for _, entries in tracks for entry in entries] + self.ledger:
            check_seq(entry, self.manifest["generation"])
        tombstones = self._read_tombstones()
        self._read_replaced()
        for root, entries in tracks:
            self._check_replaced(entries, f"track {root.field}")
        for root, entries in tracks:  # the records first: track 0 is the first track
            for entry in entries:
                self._add_segment(root.field, entry)
            if root.field == RECORD_TRACK:
                require(
                    root.records == len(self._records),
                    "S5.3",
                    f"{root.records} records are stated, {len(self._records)} are there",
                )
        for field, anchor, seq in self._differing:
            require(
                self._newest[field][anchor][0] > seq,
                "S6.4",
                f"field {field} has two values of seq {seq} at anchor {anchor}",
            )
        for key, standing, entry in tombstones:
            require(
                standing & self._records == (standing if entry.records else set()),
                "S6.9",
                f"the entry of {key} states {entry.records} records that stand",
            )
        known = self._records | self.deleted(RECORD_TRACK)
        for root, entries in tracks:
            for entry in entries:
                strange = set(self.objects.segment(entry.child).anchors) - known
                require(
                    not strange,
                    "S6.3",
                    f"anchor {min(strange, default=0)} of track {root.field} is no record's",
                )
        entries_of = {root.field: entries for root, entries in tracks}
        for named in self.manifest.get("indexes", []):
            index = Index(
                self.objects,
                named,
                self.fields[named.field],
                entries_of.get(named.field, []),
                self.manifest["generation"],
                self.deleted(named.field) | self.deleted(RECORD_TRACK),
                bool(self.replaced),
            )
            self._check_replaced(index.codes, f"the codes of field {named.field}")
            index.check_codes(self.checked)
            self.indexes.append(index)

    def _read_replaced(self) -> None:
        root = self.manifest.get("replaced")
        for entry in leaves(self.objects, root, ledger=True) if root else []:
            check_seq(entry, self.manifest["generation"])
            require(entry.rows == 1, "S6.11", f"a replaced entry of {entry.rows} rows")
            self.replaced.add((entry.child, entry.seq))

    def _check_replaced(self, entries: list, where: str) -> None:
        for entry in entries:
            require(
                (entry.child, entry.seq) not in self.replaced,
                "S6.11",
                f"{where} has an entry that was replaced: "
                + address.object_key("segments", entry.child),
            )

    def _read_tombstones(self) -> list:
        """All that is deleted; the entries of whole records: key, anchors, entry."""
        whole = []
        for root in self.manifest["tombstones"] or []:
            found = self._deleted.setdefault(root.field, set())
            for entry in leaves(self.objects, root):
                check_seq(entry, self.manifest["generation"])
                segment = self.objects.segment(entry.child)
                key = address.object_key("segments", entry.child)
                anchors = set(segment.anchors)
                try:
                    check_tombstones(segment, entry)
                    again = min(found & anchors, default=None)
                    require(again is None, "S6.9", f"{again} has two tombstones")
                except Violation as error:
                    raise error.at(key) from None
                found |= anchors
                if root.field == RECORD_TRACK:
                    whole.append((key, anchors, entry))
        return whole

    def _add_segment(self, track: int, entry) -> None:
        segment = self.objects.segment(entry.child)
        try:
            check_segment(segment, entry, track, self.fields)
        except Violation as error:
            raise error.at(address.object_key("segments", entry.child)) from None
        if track == RECORD_TRACK and entry.records:
            again = self._records.intersection(segment.anchors)
            require(
                not again, "S6.3", f"anchor {min(again, default=0)} stands in two primary segments"
            )
            self._records.update(segment.anchors)
        held = (
            [column.field for column in segment.footer.columns]
            if track == RECORD_TRACK
            else [track]
        )
        for field in held:
            self._add_values(field, entry, segment)

    def _add_values(self, field: int, entry, segment) -> None:
        """Of two values of a field at one anchor the one with the greater seq wins (6.1)."""
        newest, valued = self._newest[field], self._valued.setdefault((field, entry.seq), {})
        column = segment.column(field) if segment.footer.type == "scalar" else None
        for row, anchor in enumerate(segment.anchors):
            if column is not None and column[row] is None:
                continue
            value = segment.value(field, row)
            if anchor in valued:
                require(
                    self.fields[field]["type"] != "embedding",
                    "S6.4",
                    f"field {field} has two values of seq {entry.seq} at anchor {anchor}",
                )
                if not _same(valued[anchor], value) and not self._is_deleted(field, anchor):
                    self._differing.append((field, anchor, entry.seq))
            valued[anchor] = value
            before = newest.get(anchor)
            if before is None or before[0] < entry.seq:
                newest[anchor] = (entry.seq, segment, row)

    def _is_deleted(self, field: int, anchor: int) -> bool:
        return anchor in self.deleted(field) or anchor in self.deleted(RECORD_TRACK)

    def value(self, field: int, anchor: int):
        """The value of a field at an anchor, None if there is none."""
        found = self._newest[field].get(anchor)
        if found is None or self._is_deleted(field, anchor):
            return None
        value = found[1].value(field, found[2])
        return value.decode() if self.fields[field]["type"] in STRING_TYPES + ("text",) else value

    def rows(self) -> Iterator[dict]:
        """`{"anchor": ..., "values": {name: value or None}}` in anchor order."""
        for anchor in self.anchors:
            values = {
                field["name"]: self.value(number, anchor) for number, field in self.fields.items()
            }
            yield {"anchor": anchor, "values": values}

    def parents(self) -> list:
        """The parents that are there (11.3), checked, and this version checked against them
        (5, 5.3)."""
        found = []
        for one in self.manifest["parents"]:
            try:
                found.append(Dataset(self.objects, one, self.checked))
            except Violation as error:
                is_parent = error.where == address.object_key("manifests", one)
                if error.code != "NotFound" or not is_parent:
                    raise
        try:
            if len(found) == len(self.manifest["parents"]):
                _check_descent(self.manifest, [parent.manifest for parent in found])
            for parent in found if self.manifest["operation"] != "restore" else []:
                for field, anchors in parent._deleted.items():
                    lost = min(anchors - self.deleted(field), default=None)
                    require(lost is None, "S6.10", f"the tombstone of {lost} in a parent is gone")
                lost = len(parent.replaced - self.replaced)
                require(lost == 0, "S6.11", f"{lost} replaced entries of a parent are gone")
        except Violation as error:
            raise error.at(self.key) from None
        return found


def _same(left, right) -> bool:
    """Whether two values of a field are the same bytes."""
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right)
    return left == right


def _check_descent(child: dict, parents: list) -> None:
    if not parents:
        return
    first = parents[0]
    generation = 1 + max(parent["generation"] for parent in parents)
    require(
        child["generation"] == generation,
        "S5.5",
        f"generation {child['generation']}, not {generation}",
    )
    require(
        child["depth"] == first["depth"] + 1,
        "S5.5",
        f"depth {child['depth']} over {first['depth']}",
    )
    require(child["time_ns"] >= first["time_ns"], "S5.1", "made before its first parent")
    ancestors = structures.child_ancestors(first["depth"], child["parents"][0], first["ancestors"])
    require(
        child["ancestors"] == ancestors,
        "S5.4",
        "the ancestors do not follow from the first parent's",
    )
    require(child["timeline"] == first["timeline"], "S5.5", "the first parent has another timeline")
    # An id is never used again: it keeps its type, and `next` never falls.
    ids = max(parent["schema"]["next"] for parent in parents)
    before = {}
    for parent in parents:
        before |= {field["id"]: field["type"] for field in parent["schema"]["fields"]}
    for field in child["schema"]["fields"]:
        number, kind = field["id"], field["type"]
        require(
            before.get(number, kind) == kind,
            "S5.2",
            f"id {number} was of a {before.get(number)}, now {kind}",
        )
        require(number in before or number >= ids, "S5.2", f"id {number} is used again")
    require(child["schema"]["next"] >= ids, "S5.2", "next has fallen")


def read_ref(folder: Folder, ref: str) -> dict:
    """The body of a ref (4.2)."""
    key = f"refs/{address.check_ref_name(ref)}"
    data = folder.get_mutable(key, limits.STRUCTURED_OBJECT_BYTES)
    try:
        return structures.parse_ref(data)
    except Violation as error:
        raise error.at(key) from None


def read_sessions(folder) -> dict:
    """The sessions of the space in `folder`, by id (11)."""
    files, sessions = Folder(folder), {}
    for key in files.mutable_keys("sessions"):
        try:
            data = files.get_mutable(key, limits.STRUCTURED_OBJECT_BYTES)
            sessions[key.removeprefix("sessions/")] = structures.parse_session(data)
        except Violation as error:
            if error.code != "NotFound":
                raise error.at(key) from None
    return sessions


def read_space(folder, ref: str = "main", checked: int | None = CHECKED_NUMBERS) -> Dataset:
    """The version that a ref of the space in `folder` names; raises `Violation` if it is wrong.
    `checked`: numbers of vectors of each index whose codes are made again; None: all."""
    files = Folder(folder)
    return Dataset(Objects(files), read_ref(files, ref)["manifest"], checked)


def all_ancestors(dataset: Dataset) -> int:
    """Checks every ancestor of a version; how many versions there are, with itself."""
    seen, waiting = {dataset.address}, [dataset]
    while waiting:
        for parent in waiting.pop().parents():
            if parent.address not in seen:
                seen.add(parent.address)
                waiting.append(parent)
    return len(seen)
