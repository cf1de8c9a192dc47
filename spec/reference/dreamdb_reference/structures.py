"""Genesis, refs and manifests: parsed, checked and encoded (chapters 4 and 5)."""

from typing import NamedTuple

from . import address, cbor, limits, shape
from .errors import require

ELEMENT_BYTES = {"bool": 1, "i8": 1, "u8": 1, "i16": 2, "u16": 2, "f16": 2, "bf16": 2, "i32": 4, "u32": 4,
                 "f32": 4, "i64": 8, "u64": 8, "f64": 8}
SCALAR_TYPES = ("bool", "int", "float", "string", "categorical", "timestamp")
MEDIA_TYPES = ("image", "audio", "video")
BLOB_TYPES = MEDIA_TYPES + ("text", "blob")
MATRIX_TYPES = ("embedding", "array")
RECORD_TRACK = 0
CHECK_BYTES = 16


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
    keys = {"manifest": shape.b33, "epoch": shape.uint, "write": shape.b16, "snapshot": shape.boolean,
            "time_ns": shape.uint, "check": shape.b16}
    shape.fields(value, "ref", shape.ENVELOPE | keys)
    require(value["check"] == _ref_check(value), "S4.1", "the check of the ref does not match")
    return value


def encode_ref(nonce: bytes, manifest: bytes, epoch: int, write: bytes, snapshot: bool, time_ns: int) -> bytes:
    value = shape.new("ref", nonce, manifest=manifest, epoch=epoch, write=write, snapshot=snapshot,
                      time_ns=time_ns)
    return cbor.encode(value | {"check": _ref_check(value)})


# 5.1 Schema

def _dtype(value, name: str) -> str:
    require(shape.text(value, name) in ELEMENT_BYTES, "S3.9", f"{name} is the unknown dtype {value!r:.60}")
    return value


def check_row_shape(value, name: str) -> list:
    require(len(shape.array(value, name)) <= limits.ARRAY_DIMENSIONS, "S1.3",
            f"{name} has {len(value)} dimensions")
    return [shape.uint(size, name) for size in value]


def row_bytes(dtype: str, sizes: list) -> int:
    """Bytes of one row. The limit of arrays holds for the dimensions that are not 0 (S1.3, 7.5)."""
    total = ELEMENT_BYTES[dtype]
    for size in sizes:
        total *= size or 1
    require(total <= limits.ARRAY_ROW_BYTES, "S1.3", f"a row of {total} bytes")
    return 0 if 0 in sizes else total


def _field_name(value, name: str) -> str:
    data = shape.text(value, name).encode("utf-8")
    require(1 <= len(data) <= limits.FIELD_NAME_BYTES, "S1.3", f"{name} has {len(data)} bytes")
    require(all(byte >= 0x20 and byte != 0x7F for byte in data), "S1.3", f"{name} has a control character")
    return value


def _parse_field(value, name: str) -> dict:
    shape.mapping(value, name)
    require("type" in value, "S3.8", f"{name} lacks the key 'type'")
    kind = shape.text(value["type"], f"{name}.type")
    more = {}
    if kind in MEDIA_TYPES:
        more = {"mime": shape.text}
    elif kind == "embedding":
        more = {"dim": shape.uint, "dtype": _dtype, "algorithm": shape.text}
    elif kind == "array":
        more = {"dtype": _dtype, "shape": check_row_shape}
    else:
        require(kind in BLOB_TYPES + SCALAR_TYPES, "S3.9", f"{name} has the unknown type {kind!r:.60}")
    keys = {"id": shape.uint, "name": _field_name, "type": shape.text, "required": shape.boolean}
    shape.fields(value, name, keys | more, {"info": shape.text_map})
    require(value["id"] >= 1, "S5.2", f"{name} has the id 0, which is the record track's")
    if kind == "embedding":
        require(1 <= value["dim"] <= limits.EMBEDDING_DIMENSION, "S1.3", f"{name} has dim {value['dim']}")
        require(value["dtype"] in ("f32", "f16"), "S3.9", f"{name} has dtype {value['dtype']}")
    if kind == "array":
        row_bytes(value["dtype"], value["shape"])
    return value


def parse_schema(value, name: str) -> dict:
    keys = {"fields": shape.array, "next": shape.uint}
    shape.fields(value, name, keys)
    require(len(value["fields"]) <= limits.SCHEMA_FIELDS, "S1.3", f"{len(value['fields'])} fields")
    fields = [_parse_field(field, f"field {i}") for i, field in enumerate(value["fields"])]
    for key in ("id", "name"):
        require(len({field[key] for field in fields}) == len(fields), "S5.2", f"two fields share a {key}")
    require(value["next"] > max((field["id"] for field in fields), default=0), "S5.2",
            f"next is {value['next']}, but that id may be in use")
    return value


# 5.2 Roots

def parse_root(value, name: str) -> Root:
    root = Root(*shape.tuple_of(value, name, shape.uint, shape.b33, shape.uint, shape.uint, shape.anchor,
                                shape.anchor, *[shape.uint] * 4))
    require(root.size <= limits.PAGE_BYTES, "S1.3", f"{name} names a page of {root.size} bytes")
    require(root.height <= limits.TREE_HEIGHT, "S1.3", f"{name} has height {root.height}")
    require(root.first <= root.last, "S6.6", f"{name}: first {root.first} is above last {root.last}")
    return root


def _parse_tracks(value, name: str) -> list:
    roots = [parse_root(root, f"{name}[{i}]") for i, root in enumerate(shape.array(value, name))]
    ids = [root.field for root in roots]
    require(ids == sorted(set(ids)), "S5.5", f"{name} are of fields {ids}, not ascending")
    return roots


def _parse_ledger(value, name: str):
    if value is None:
        return None
    root = parse_root(value, name)
    require(root.field == 0, "S5.5", f"{name} has field id {root.field}, not 0")
    return root


# 5.3 Ancestors

def ancestor_depths(depth: int) -> list:
    """The depths that the jump list of a manifest of this depth names, newest first (S5.4).

    The weights are the skew-binary digits of the number of versions before it: 2^k - 1, largest last.
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
    weights = [above - below for above, below in zip(depths, depths[1:])]
    if len(weights) >= 2 and weights[0] == weights[1]:
        rest = rest[2:]
    return [[depth, parent]] + rest


def _parse_ancestors(value, name: str) -> list:
    return [shape.tuple_of(one, name, shape.uint, shape.b33) for one in shape.array(value, name)]


def parse_manifest(data: bytes) -> dict:
    value = shape.envelope(data, "manifest", limits.STRUCTURED_OBJECT_BYTES)
    keys = {"timeline": shape.b33, "generation": shape.uint, "depth": shape.uint,
            "parents": lambda items, name: [shape.b33(one, name) for one in shape.array(items, name)],
            "ancestors": _parse_ancestors, "schema": parse_schema, "tracks": _parse_tracks,
            "ledger": _parse_ledger, "tombstones": shape.null, "operation": shape.text,
            "writer": shape.text, "write": shape.b16, "time_ns": shape.uint, "meta": shape.text_map}
    manifest = shape.fields(value, "manifest", shape.ENVELOPE | keys)
    _check_manifest(manifest)
    return manifest


def _check_manifest(manifest: dict) -> None:
    parents, depth, generation = manifest["parents"], manifest["depth"], manifest["generation"]
    require(bool(parents) == (depth > 0) == (generation > 0), "S5.5",
            f"{len(parents)} parents at depth {depth} and generation {generation}")
    require(depth <= generation, "S5.5", f"depth {depth} is above generation {generation}")
    require(len(set(parents)) == len(parents), "S5.5", "a parent is named twice")
    named = [one[0] for one in manifest["ancestors"]]
    require(named == ancestor_depths(depth), "S5.4",
            f"ancestors name depths {named[:20]} at depth {depth}")
    require(not parents or manifest["ancestors"][0][1] == parents[0], "S5.4",
            "the newest ancestor is not the first parent")
    for key, most in (("operation", limits.OPERATION_BYTES), ("writer", limits.WRITER_BYTES)):
        size = len(manifest[key].encode("utf-8"))
        require(size <= most, "S1.3", f"{key} has {size} bytes, at most {most}")
    meta = manifest["meta"]
    size = sum(len(part.encode("utf-8")) for pair in meta.items() for part in pair)
    require(len(meta) <= limits.META_KEYS and size <= limits.META_BYTES, "S1.3",
            f"meta has {len(meta)} keys and {size} bytes")
    known = {field["id"]: field["type"] for field in manifest["schema"]["fields"]}
    for root in manifest["tracks"]:
        has_track = root.field == RECORD_TRACK or known.get(root.field) in BLOB_TYPES + MATRIX_TYPES
        require(has_track, "S5.5", f"a track of field {root.field}, which has none")


def encode_manifest(nonce: bytes, **keys) -> bytes:
    return cbor.encode(shape.new("manifest", nonce, **keys))
