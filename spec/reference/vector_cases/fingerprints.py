"""Fingerprints of sets of records (chapter 13)."""

import struct

from dreamdb_reference import record_sum

IMAGE = {"id": 1, "name": "img", "type": "image", "mime": "jpeg"}
VECTOR = {"id": 2, "name": "emb", "type": "embedding", "dim": 2, "dtype": "f32", "algorithm": "a"}
POSE = {"id": 3, "name": "pose", "type": "array", "dtype": "i16", "shape": [1, 2]}
COUNT = {"id": 4, "name": "n", "type": "int"}
SCORE = {"id": 5, "name": "score", "type": "float"}
OK = {"id": 6, "name": "ok", "type": "bool"}
LABEL = {"id": 7, "name": "größe", "type": "categorical"}
TEXT = {"id": 8, "name": "caption", "type": "text"}
ALL = [IMAGE, VECTOR, POSE, COUNT, SCORE, OK, LABEL, TEXT]

FULL = {
    "img": b"\xff\xd8",
    "emb": struct.pack("<2f", 1.5, -2),
    "pose": struct.pack("<2h", -1, 300),
    "n": struct.pack("<q", -7),
    "score": struct.pack("<d", -0.0),
    "ok": b"\1",
    "größe": "groß".encode(),
    "caption": b"",
}


def _case(name: str, fields: list, records: list) -> dict:
    keys = {field["name"]: record_sum.field_key(field) for field in fields}
    found = record_sum.part(
        [
            record_sum.record_bytes(anchor, [(keys[field], value) for field, value in values.items()])
            for anchor, values in records
        ]
    )
    return {
        "name": name,
        "fields": fields,
        "records": [
            [anchor, {field: {"hex": value.hex()} for field, value in values.items()}]
            for anchor, values in records
        ],
        "value": {
            "keys": {field: {"hex": key.hex()} for field, key in keys.items()},
            "fingerprint": record_sum.of_part(found),
        },
    }


def fingerprint() -> dict:
    number = {"n": struct.pack("<q", 1)}
    some = [(anchor, {"n": struct.pack("<q", anchor % 5)}) for anchor in range(100)]
    return {
        "title": "Fingerprints (13) of sets of records",
        "accept": [
            _case("no record", ALL, []),
            _case("a record without values", ALL, [(0, {})]),
            _case("one number", [COUNT], [(5, number)]),
            _case("the same by a field of another id", [COUNT | {"id": 9}], [(5, number)]),
            _case("the same of another type", [COUNT | {"type": "timestamp"}], [(5, number)]),
            _case("every type", ALL, [(2**64 - 2, FULL)]),
            _case("every type, fields in another order", ALL[::-1], [(2**64 - 2, FULL)]),
            _case("a hundred records", [COUNT], some),
            _case("a hundred records in another order", [COUNT], some[::-1]),
        ],
        "refuse": [],
    }
