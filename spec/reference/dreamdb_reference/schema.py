"""Schemas: the fields of a version and their types (section 5.1)."""

from . import limits, shape
from .errors import require

ELEMENT_BYTES = {
    "bool": 1,
    "i8": 1,
    "u8": 1,
    "i16": 2,
    "u16": 2,
    "f16": 2,
    "bf16": 2,
    "i32": 4,
    "u32": 4,
    "f32": 4,
    "i64": 8,
    "u64": 8,
    "f64": 8,
}
SCALAR_TYPES = ("bool", "int", "float", "string", "categorical", "timestamp")
MEDIA_TYPES = ("image", "audio", "video")
BLOB_TYPES = MEDIA_TYPES + ("text", "blob")
MATRIX_TYPES = ("embedding", "array")


def _dtype(value, name: str) -> str:
    require(
        shape.text(value, name) in ELEMENT_BYTES,
        "S3.9",
        f"{name} is the unknown dtype {value!r:.60}",
    )
    return value


def check_row_shape(value, name: str) -> list:
    require(
        len(shape.array(value, name)) <= limits.ARRAY_DIMENSIONS,
        "S1.3",
        f"{name} has {len(value)} dimensions",
    )
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
    require(
        all(byte >= 0x20 and byte != 0x7F for byte in data),
        "S1.3",
        f"{name} has a control character",
    )
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
        require(
            kind in BLOB_TYPES + SCALAR_TYPES, "S3.9", f"{name} has the unknown type {kind!r:.60}"
        )
    keys = {"id": shape.uint, "name": _field_name, "type": shape.text, "required": shape.boolean}
    shape.fields(value, name, keys | more, {"info": shape.text_map})
    require(value["id"] >= 1, "S5.2", f"{name} has the id 0, which is the record track's")
    require(value.get("info") != {}, "S3.8", f"{name} has an empty `info`, which is left out")
    if kind == "embedding":
        require(
            1 <= value["dim"] <= limits.EMBEDDING_DIMENSION,
            "S1.3",
            f"{name} has dim {value['dim']}",
        )
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
        require(
            len({field[key] for field in fields}) == len(fields),
            "S5.2",
            f"two fields share a {key}",
        )
    require(
        value["next"] > max((field["id"] for field in fields), default=0),
        "S5.2",
        f"next is {value['next']}, but that id may be in use",
    )
    require(value["next"] <= limits.FIELD_ID_MAX, "S5.2", f"next is {value['next']}, above 32 bits")
    return value
