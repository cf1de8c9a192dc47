"""How the vectors write values in JSON (see vectors/README.md), and fixed bytes for them."""

import struct

from dreamdb_reference import address


def nonce(number: int) -> bytes:
    """The fixed nonce of a test object."""
    return address.blake3(f"nonce {number}".encode())[:16]


def name_of(text: str) -> bytes:
    """A fixed address: that of an object with these identity bytes."""
    return address.address_of(text.encode())


def plain(value):
    """A value of a structured object: byte strings as {"hex"}, floats as {"f64"}."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": bytes(value).hex()}
    if isinstance(value, float):
        return {"f64": struct.pack(">d", value).hex()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    return value


def exact(value):
    """Any CBOR value: like `plain`, but maps as {"map": [[key, value], ...]} in order."""
    if isinstance(value, (list, tuple)):
        return [exact(part) for part in value]
    if isinstance(value, dict):
        return {"map": [[exact(key), exact(part)] for key, part in value.items()]}
    return plain(value)


def refuse(name: str, data: bytes, invariant: str, **more) -> dict:
    return {"name": name, "hex": data.hex(), "invariant": invariant, **more}


def without(value: dict, key: str) -> dict:
    return {name: part for name, part in value.items() if name != key}
