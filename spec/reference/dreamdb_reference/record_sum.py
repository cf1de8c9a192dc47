"""Fingerprints of sets of records: chapter 13."""

import struct

from . import address, cbor
from .segment import Array

LANES = 1024
_MIME, _MATRIX = ("image", "audio", "video"), ("embedding", "array")


def field_key(field: dict) -> bytes:
    """`F` of a field as a manifest has it (13.1)."""
    kind = field["type"]
    shape = [field["dim"]] if kind == "embedding" else field.get("shape")
    return address.blake3(
        cbor.encode(
            [
                field["name"],
                kind,
                field["mime"] if kind in _MIME else None,
                field["dtype"] if kind in _MATRIX else None,
                shape if kind in _MATRIX else None,
            ]
        )
    )


def value_bytes(value) -> bytes:
    """The bytes of a value, as `Dataset.value` gives it (13.1)."""
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return struct.pack("<q", value)
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, str):
        return value.encode()
    return value.data if isinstance(value, Array) else value


def record_bytes(anchor: int, values: list) -> bytes:
    """The bytes of a record; `values`: `(F, value)` of each field that has one (13.2)."""
    parts = [key + address.blake3(value_bytes(value)) for key, value in sorted(values)]
    return struct.pack("<Q", anchor) + b"".join(parts)


def part(records: list) -> bytes:
    """The part of these records, by their bytes (13.3)."""
    lanes = [0] * LANES
    for record in records:
        element = struct.unpack(f"<{LANES}H", address.blake3(record, 2 * LANES))
        lanes = [(a + b) & 0xFFFF for a, b in zip(lanes, element)]
    return struct.pack(f"<Q{LANES}H", len(records), *lanes)


def of_part(data: bytes) -> str:
    """The fingerprint of the records of a part."""
    return address.blake3(data).hex()


def fingerprint(dataset) -> str:
    """The fingerprint of a `Dataset`."""
    keys = {field["name"]: field_key(field) for field in dataset.fields.values()}
    records = [
        record_bytes(
            row["anchor"],
            [(keys[name], value) for name, value in row["values"].items() if value is not None],
        )
        for row in dataset.rows()
    ]
    return of_part(part(records))
