"""Genesis, refs and manifests: parsed, checked and encoded (chapters 4 and 5)."""

from itertools import pairwise
from typing import NamedTuple

from . import address, cbor, limits, shape
from .errors import require
from .schema import BLOB_TYPES, MATRIX_TYPES, parse_schema

RECORD_TRACK = 0
CHECK_BYTES = 16
MANIFEST_VERSION_MAX = 3  # 2: indexes (12.8); 3: tombstones (6.6) or replaced entries (6.7)
SEGMENT_FRAME_BYTES = 64 + 16  # header and trailer


class Root(NamedTuple):
    """The root of one track's tree (5.2)."""

    field: int
    page: bytes
    size: int
    height: int
    first: int
    last: int
    rows: int
    records: int
    segments: int
    bytes: int


class Index(NamedTuple):
    """One spatial index of a version (12.8)."""

    field: int
    spatial: bytes
    size: int  # of the object, and
    footer: int  # of its footer
    codes: Root | None
    covered: Root | None


# 4.1 Genesis


def parse_genesis(data: bytes) -> dict:
    value = shape.envelope(data, "genesis", limits.STRUCTURED_OBJECT_BYTES)
    keys = {"origin_ns": shape.integer, "time_ns": shape.uint}
    return shape.fields(value, "genesis", shape.ENVELOPE | keys)


def encode_genesis(nonce: bytes, origin_ns: int, time_ns: int) -> bytes:
    return cbor.encode(shape.new("genesis", nonce, origin_ns=origin_ns, time_ns=time_ns))


# 4.2 Ref


def _ref_check(value: dict) -> bytes:
    rest = {key: item for key, item in value.items() if key != "check"}
    return address.blake3(cbor.encode(rest))[:CHECK_BYTES]


def parse_ref(data: bytes) -> dict:
    value = shape.envelope(data, "ref", limits.STRUCTURED_OBJECT_BYTES)
    keys = {
        "manifest": shape.b33,
        "epoch": shape.uint,
        "write": shape.b16,
        "snapshot": shape.boolean,
        "time_ns": shape.uint,
        "check": shape.b16,
    }
    shape.fields(value, "ref", shape.ENVELOPE | keys, {"passed": shape.array})
    passed = value.get("passed")
    require(passed is None or 1 <= len(passed) <= limits.REF_PASSED, "S4.4", "passed has not 1 to 256 versions")
    for i, part in enumerate(passed or ()):
        shape.tuple_of(part, f"passed[{i}]", shape.b33, shape.uint)
    require(value["check"] == _ref_check(value), "S4.1", "the check of the ref does not match")
    return value


def encode_ref(
    nonce: bytes,
    manifest: bytes,
    epoch: int,
    write: bytes,
    snapshot: bool,
    time_ns: int,
    passed: list = (),
) -> bytes:
    value = shape.new(
        "ref",
        nonce,
        manifest=manifest,
        epoch=epoch,
        write=write,
        snapshot=snapshot,
        time_ns=time_ns,
    )
    if passed:
        value["passed"] = [list(one) for one in passed]
    return cbor.encode(value | {"check": _ref_check(value)})


# 11.1 Sessions


def parse_session(data: bytes) -> dict:
    value = shape.envelope(data, "session", limits.STRUCTURED_OBJECT_BYTES)
    keys = {
        "role": shape.text,
        "ref": shape.text,
        "epoch": shape.uint,
        "pins": shape.array,
        "host": shape.text,
        "process": shape.uint,
        "program": shape.text,
        "start_ns": shape.uint,
        "beat_ns": shape.uint,
        "fenced": shape.boolean,
        "write": shape.b16,
        "check": shape.b16,
    }
    shape.fields(value, "session", shape.ENVELOPE | keys)
    require(value["role"] in ("writer", "reader", "collector"), "S3.9", f"the role is {value['role']!r}")
    sizes = {
        "host": limits.HOST_BYTES,
        "program": limits.WRITER_BYTES,
        "ref": limits.REF_NAME_BYTES,
    }
    for key, most in sizes.items():
        size = len(value[key].encode())
        require(size <= most, "S1.3", f"{key} has {size} bytes")
    pins = [shape.b33(pin, "a pin") for pin in value["pins"]]
    require(len(pins) <= limits.SESSION_PINS, "S1.3", f"{len(pins)} pins")
    require(pins == sorted(set(pins)), "S11.1", "the pins are not ascending, each once")
    require(value["check"] == _ref_check(value), "S11.1", "the check does not match")
    return value


def encode_session(nonce: bytes, **keys) -> bytes:
    value = shape.new("session", nonce, **keys)
    return cbor.encode(value | {"check": _ref_check(value)})


# 5.2 Roots


def parse_root(value, name: str) -> Root:
    root = Root(
        *shape.tuple_of(
            value,
            name,
            shape.uint,
            shape.b33,
            shape.uint,
            shape.uint,
            shape.anchor,
            shape.anchor,
            *[shape.uint] * 4,
        )
    )
    require(root.size <= limits.PAGE_BYTES, "S1.3", f"{name} names a page of {root.size} bytes")
    require(root.height <= limits.TREE_HEIGHT, "S1.3", f"{name} has height {root.height}")
    require(
        root.first <= root.last, "S6.6", f"{name}: first {root.first} is above last {root.last}"
    )
    return root


def _parse_roots(value, name: str) -> list:
    roots = [parse_root(root, f"{name}[{i}]") for i, root in enumerate(shape.array(value, name))]
    ids = [root.field for root in roots]
    require(ids == sorted(set(ids)), "S5.5", f"{name} are of fields {ids}, not ascending")
    return roots


def _parse_root_of_no_field(value, name: str) -> Root:
    root = parse_root(value, name)
    require(root.field == 0, "S5.5", f"{name} has field id {root.field}, not 0")
    return root


def _parse_ledger(value, name: str):
    return None if value is None else _parse_root_of_no_field(value, name)


def _parse_tombstones(value, name: str):
    if value is None:
        return None
    roots = _parse_roots(value, name)
    require(bool(roots), "S5.6", f"{name} is empty, and not null")
    return roots


# 12.8 Indexes


def _parse_index(value, name: str) -> Index:
    def sizes(part, name: str) -> list:
        return shape.tuple_of(part, name, shape.b33, shape.uint, shape.uint)

    def root(part, name: str) -> Root | None:
        return None if part is None else parse_root(part, name)

    keys = {"field": shape.uint, "spatial": sizes, "codes": root, "covered": root}
    found = shape.fields(value, name, keys)
    index = Index(found["field"], *found["spatial"], found["codes"], found["covered"])
    require(index.size <= limits.SEGMENT_BYTES, "S1.3", f"{name} names {index.size} bytes")
    require(
        index.footer <= limits.FOOTER_BYTES,
        "S1.3",
        f"{name} names a footer of {index.footer} bytes",
    )
    require(
        index.size >= SEGMENT_FRAME_BYTES + index.footer,
        "S6.6",
        f"{name}: {index.size} bytes cannot hold a footer of {index.footer}",
    )
    for key in ("codes", "covered"):
        require(
            found[key] is None or found[key].field == index.field,
            "S12.9",
            f"{name}.{key} is not of field {index.field}",
        )
    return index


def _parse_indexes(value, name: str) -> list:
    indexes = [_parse_index(one, f"{name}[{i}]") for i, one in enumerate(shape.array(value, name))]
    ids = [index.field for index in indexes]
    require(bool(ids), "S3.9", f"{name} is empty, and not left out")
    require(ids == sorted(set(ids)), "S12.9", f"{name} are of fields {ids}, not ascending")
    return indexes


# 5.3 Ancestors


def ancestor_depths(depth: int) -> list:
    """The depths that the jump list of a manifest of this depth names, newest first (S5.4).

    The weights are the skew-binary digits of the number of versions before it: 2^k - 1, the
    largest last.
    """
    depths, covered = [], 0
    while covered < depth:
        covered += (1 << (depth - covered + 1).bit_length() - 1) - 1
        depths.append(covered - 1)
    return depths[::-1]


def child_ancestors(depth: int, parent: bytes, ancestors: list) -> list:
    """The jump list of a child of `parent`, which has this depth and these ancestors (5.3).

    W(p), the weighted list with `parent` itself, gives the child's list; W(p) follows from W(pp).
    """
    rest = [list(one) for one in ancestors]
    depths = [one[0] for one in rest] + [-1]
    weights = [above - below for above, below in pairwise(depths)]
    if len(weights) >= 2 and weights[0] == weights[1]:
        rest = rest[2:]
    return [[depth, parent]] + rest


def _parse_ancestors(value, name: str) -> list:
    return [shape.tuple_of(one, name, shape.uint, shape.b33) for one in shape.array(value, name)]


def parse_manifest(data: bytes) -> dict:
    value = shape.envelope(
        data, "manifest", limits.STRUCTURED_OBJECT_BYTES, MANIFEST_VERSION_MAX
    )
    keys = {
        "timeline": shape.b33,
        "generation": shape.uint,
        "depth": shape.uint,
        "parents": lambda items, name: [shape.b33(one, name) for one in shape.array(items, name)],
        "ancestors": _parse_ancestors,
        "schema": parse_schema,
        "tracks": _parse_roots,
        "ledger": _parse_ledger,
        "tombstones": _parse_tombstones,
        "operation": shape.text,
        "writer": shape.text,
        "write": shape.b16,
        "time_ns": shape.uint,
        "meta": shape.text_map,
    }
    later = {"indexes": _parse_indexes, "replaced": _parse_root_of_no_field}
    manifest = shape.fields(value, "manifest", shape.ENVELOPE | keys, later)
    wanted = version_of(manifest)
    require(value["v"] == wanted, "S5.6", f"v is {value['v']}, not {wanted}")
    _check_manifest(manifest)
    return manifest


def _check_manifest(manifest: dict) -> None:
    parents, depth, generation = manifest["parents"], manifest["depth"], manifest["generation"]
    require(
        bool(parents) == (depth > 0) == (generation > 0),
        "S5.5",
        f"{len(parents)} parents at depth {depth} and generation {generation}",
    )
    require(depth <= generation, "S5.5", f"depth {depth} is above generation {generation}")
    require(len(set(parents)) == len(parents), "S5.5", "a parent is named twice")
    named = [one[0] for one in manifest["ancestors"]]
    require(
        named == ancestor_depths(depth),
        "S5.4",
        f"ancestors name depths {named[:20]} at depth {depth}",
    )
    require(
        not parents or manifest["ancestors"][0][1] == parents[0],
        "S5.4",
        "the newest ancestor is not the first parent",
    )
    for key, most in (("operation", limits.OPERATION_BYTES), ("writer", limits.WRITER_BYTES)):
        size = len(manifest[key].encode("utf-8"))
        require(size <= most, "S1.3", f"{key} has {size} bytes, at most {most}")
    meta = manifest["meta"]
    size = sum(len(part.encode("utf-8")) for pair in meta.items() for part in pair)
    require(
        len(meta) <= limits.META_KEYS and size <= limits.META_BYTES,
        "S1.3",
        f"meta has {len(meta)} keys and {size} bytes",
    )
    known = {field["id"]: field["type"] for field in manifest["schema"]["fields"]}
    for root in manifest["tracks"]:
        has_track = root.field == RECORD_TRACK or known.get(root.field) in BLOB_TYPES + MATRIX_TYPES
        require(has_track, "S5.5", f"a track of field {root.field}, which has none")
    for root in manifest["tombstones"] or []:
        is_known = root.field == RECORD_TRACK or root.field in known
        require(is_known, "S5.5", f"tombstones of field {root.field}, which the schema has not")
    deleted, records = (
        sum(root.records for root in roots or [] if root.field == RECORD_TRACK)
        for roots in (manifest["tombstones"], manifest["tracks"])
    )
    require(deleted <= records, "S5.3", f"{deleted} of {records} records are deleted")
    for index in manifest.get("indexes", []):
        require(
            known.get(index.field) == "embedding",
            "S12.9",
            f"an index of field {index.field}, which is no embedding",
        )


def version_of(manifest: dict) -> int:
    """The `v` that a manifest with these keys has (S5.6)."""
    if manifest["tombstones"] is not None or "replaced" in manifest:
        return 3
    return 2 if "indexes" in manifest else 1


def index_map(index: Index) -> dict:
    """The map that a manifest has for an index (12.8)."""
    spatial = [index.spatial, index.size, index.footer]
    return {
        "field": index.field,
        "spatial": spatial,
        "codes": index.codes,
        "covered": index.covered,
    }


def encode_manifest(nonce: bytes, indexes: list = (), **keys) -> bytes:
    """`indexes`: Index, ascending by field."""
    if indexes:
        keys["indexes"] = [index_map(index) for index in indexes]
    return cbor.encode(shape.new("manifest", nonce, version_of(keys), **keys))
