"""Small spaces in a folder, written with this package, and broken on purpose."""

import pathlib
import struct

from dreamdb_reference import address, pages, structures, version_file
from dreamdb_reference.pages import encode_page, inner_entry, leaf_key, root_of
from dreamdb_reference.segment_writer import leaf_entry, write_blob, write_matrix, write_scalar

FIELDS = [
    {"id": 1, "name": "caption", "type": "text", "required": False},
    {
        "id": 2,
        "name": "vector",
        "type": "embedding",
        "required": False,
        "dim": 3,
        "dtype": "f32",
        "algorithm": "",
    },
    {"id": 3, "name": "count", "type": "int", "required": False},
    {"id": 4, "name": "label", "type": "categorical", "required": True},
]


class Builder:
    """Writes objects below a folder; every nonce is its own."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self._nonces = 0
        self._swaps = {}
        self.versions = []  # (address, keys of the manifest)
        self.genesis = self.put("genesis", structures.encode_genesis(self.nonce(), 0, 1))

    def nonce(self) -> bytes:
        self._nonces += 1
        return struct.pack("<QQ", self._nonces, 7)

    def write(self, key: str, data: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def put(self, kind: str, data: bytes, identity: bytes = b"") -> bytes:
        name = address.address_of(identity or data)
        self.write(address.object_key(kind, name), data)
        return name

    def segment(self, data: bytes, seq: int, primary: bool = True):
        """The leaf entry of a segment that is now there."""
        entry = leaf_entry(data, seq, primary)
        self.write(address.object_key("segments", entry.child), data)
        return entry

    def tree(self, field: int, entries: list, per_page: int = 2):
        """The root of a tree of pages of at most `per_page` entries."""
        level, height = sorted(entries, key=leaf_key), 0
        while True:
            written = [
                encode_page(self.nonce(), height, level[at : at + per_page])
                for at in range(0, len(level), per_page)
            ]
            for data in written:
                self.put("pages", data)
            if len(written) == 1:
                return root_of(field, written[0])
            level, height = [inner_entry(data) for data in written], height + 1

    def commit(self, tracks: list, ledger=None, **changes) -> bytes:
        """A manifest on top of the last one."""
        keys = {
            "timeline": self.genesis,
            "generation": 0,
            "depth": 0,
            "parents": [],
            "ancestors": [],
            "schema": {"fields": FIELDS, "next": 5},
            "tombstones": None,
            "operation": "append",
            "writer": "test",
            "write": self.nonce(),
            "time_ns": 10 + len(self.versions),
            "meta": {},
        }
        if self.versions:
            name, before = self.versions[-1]
            keys |= {
                "generation": before["generation"] + 1,
                "depth": before["depth"] + 1,
                "parents": [name],
                "ancestors": structures.child_ancestors(before["depth"], name, before["ancestors"]),
            }
        keys |= {"tracks": tracks, "ledger": ledger} | changes
        name = self.put("manifests", structures.encode_manifest(self.nonce(), **keys))
        self.versions.append((name, keys))
        return name

    def swap(self, ref: str, manifest: bytes, snapshot: bool = False) -> None:
        body = structures.encode_ref(self.nonce(), manifest, 0, self.nonce(), snapshot, 5)
        number, replaced = self._swaps.get(ref, (0, bytes(16)))
        version = version_file.Version(number + 1, self.nonce(), replaced, False, body)
        self.write(f".swap/refs/{ref}/~{number + 1:020d}", version_file.encode(version))
        self._swaps[ref] = (number + 1, version.id)


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def records(builder: Builder, anchors: list, seq: int, label: bytes = b"cat") -> dict:
    """Entries by track of records with all fields."""
    count = len(anchors)
    columns = [
        (3, "int", [anchor * 2 if anchor % 3 else None for anchor in anchors], 2, False),
        (4, "categorical", [label] * count, 2, True),
    ]
    texts = [b"text %d" % (anchor % 2) for anchor in anchors]
    vectors = b"".join(floats(anchor, 0.5, -1) for anchor in anchors)
    return {
        0: builder.segment(write_scalar(builder.nonce(), anchors, columns, 3), seq),
        1: builder.segment(write_blob(builder.nonce(), anchors, 1, texts), seq),
        2: builder.segment(write_matrix(builder.nonce(), anchors, 2, "f32", [3], vectors), seq),
    }


def trees(builder: Builder, parts: list, layers: list = ()) -> list:
    """The roots over some `records` and layers of track 0."""
    tracks = {track: [part[track] for part in parts] for track in (0, 1, 2)}
    tracks[0] += layers
    return [builder.tree(track, entries) for track, entries in tracks.items()]


def layer(builder: Builder, anchors: list, counts: list, seq: int):
    """A layer of track 0 with other counts."""
    data = write_scalar(builder.nonce(), anchors, [(3, "int", counts, 0, False)])
    return builder.segment(data, seq, primary=False)


def tombstones(builder: Builder, anchors: list, seq: int, standing: bool = True):
    """The entry of deleted anchors; `standing`: what is deleted is in the tracks."""
    return builder.segment(write_scalar(builder.nonce(), anchors, []), seq, primary=standing)


def build(root: pathlib.Path) -> Builder:
    """Four versions: empty, two appends (the second by key), a layer; a branch and a snapshot."""
    builder = Builder(root)
    builder.commit([], operation="create")
    first = records(builder, [0, 10, 20, 30], 1)
    builder.commit(trees(builder, [first]))
    second = records(builder, [5, 7, 11], 2, b"dog")
    third = records(builder, [100], 2)
    ledger = builder.tree(0, [pages.ledger_entry(f"chunk {i}", 4, 2) for i in range(3)])
    builder.commit(trees(builder, [first, second, third]), ledger)
    builder.swap("main@v1", builder.versions[-1][0], snapshot=True)
    change = layer(builder, [7, 10, 100], [70, None, 1000], 3)
    builder.commit(trees(builder, [first, second, third], [change]), ledger)
    builder.swap("main", builder.versions[1][0])
    builder.swap("main", builder.versions[-1][0])
    return builder


def delete(builder: Builder, roots: dict, **changes) -> None:
    """A version with the last one's tracks and these tombstones: entries by field."""
    tracks = builder.versions[-1][1]["tracks"]
    made = [builder.tree(field, entries) for field, entries in sorted(roots.items())]
    builder.commit(tracks, tombstones=made or None, operation="delete", **changes)
    builder.swap("main", builder.versions[-1][0])
