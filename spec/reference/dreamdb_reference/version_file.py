"""Version files: the bodies of mutable keys in a folder (section 9.4)."""

import struct
from typing import NamedTuple

from .errors import Violation, require
from .limits import GIB

MAGIC = b"DREAMSWP"
FORMAT_VERSION = 1
DELETED = 1
_HEAD = struct.Struct("<8sIIQ16s16sQ")
_CHECKSUM = struct.Struct("<Q")
HEAD_BYTES = _HEAD.size + _CHECKSUM.size
BODY_BYTES_MAX = GIB


class Version(NamedTuple):
    """One version of a mutable key."""

    number: int
    id: bytes
    replaced: bytes
    deleted: bool
    body: bytes


def fnv1a(data: bytes) -> int:
    """The 64-bit FNV-1a hash."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def encode(version: Version) -> bytes:
    flags = DELETED if version.deleted else 0
    return seal(
        _HEAD.pack(
            MAGIC,
            FORMAT_VERSION,
            flags,
            version.number,
            version.id,
            version.replaced,
            len(version.body),
        ),
        version.body,
    )


def seal(head: bytes, body: bytes) -> bytes:
    """The file of these first 64 bytes and this body: with the checksum between them."""
    return head + _CHECKSUM.pack(fnv1a(head + body)) + body


def is_one(data: bytes) -> bool:
    """Whether these are the bytes of a version file and not those of a body (S10.11)."""
    return data.startswith(MAGIC)


def parse(data: bytes, number: int | None) -> Version:
    """The version in a file whose name has this number, or (None) no number (S9.12)."""
    require(len(data) >= HEAD_BYTES, "S9.12", f"a version file of {len(data)} bytes")
    magic, format_version, flags, inside, name, replaced, size = _HEAD.unpack_from(data)
    body = data[HEAD_BYTES:]
    require(magic == MAGIC, "S9.12", f"the magic is {magic!r}")
    require(
        _CHECKSUM.unpack_from(data, _HEAD.size)[0] == fnv1a(data[: _HEAD.size] + body),
        "S9.12",
        "the checksum does not match",
    )
    if format_version > FORMAT_VERSION:
        raise Violation(
            "S9.12",
            f"version file of format {format_version}, this reader knows 1: upgrade to read it",
            code="Unsupported",
        )
    require(format_version == FORMAT_VERSION, "S9.12", f"format version {format_version}")
    require(flags in (0, DELETED), "S9.12", f"flags {flags:#x}")
    require(number in (inside, None), "S9.12", f"it says number {inside}, its name {number}")
    require(
        size == len(body) and size <= BODY_BYTES_MAX,
        "S9.12",
        f"it says {size} bytes, there are {len(body)}",
    )
    require(not flags or not body, "S9.9", f"a deleted version with a body of {size} bytes")
    return Version(inside, name, replaced, bool(flags), body)
