"""Padded files: mutable keys on a web server (section 10.6)."""

import struct

from .errors import require
from .version_file import fnv1a

MAGIC = b"DREAMPAD"
_HEAD = struct.Struct("<8sQ")
_CHECKSUM = struct.Struct("<Q")
HEAD_BYTES = _HEAD.size + _CHECKSUM.size
EXTRA_BYTES_MAX = HEAD_BYTES + 4096
DELETED = b"dreamdb: this is gone.\n\n"  # S10.5
_STEPS = 2048


def size_of(body: bytes, replaced_bytes: int) -> int:
    """The size of the file of `body` in place of one of `replaced_bytes` bytes (S10.18)."""
    odd = 0 if body == DELETED else 1
    size = HEAD_BYTES + len(body)
    while size % 2 != odd or (size // 2 - replaced_bytes // 2 - 1) % _STEPS:
        size += 1
    return size


def encode(body: bytes, replaced_bytes: int) -> bytes:
    head = _HEAD.pack(MAGIC, len(body))
    file = head + _CHECKSUM.pack(fnv1a(head + body)) + body
    return file.ljust(size_of(body, replaced_bytes), b"\0")


def is_one(data: bytes) -> bool:
    """Whether these are the bytes of a padded file and not those of a body (S10.11)."""
    return data.startswith(MAGIC)


def parse(data: bytes) -> bytes:
    """The body in a padded file."""
    require(len(data) >= HEAD_BYTES, "S10.17", f"a padded file of {len(data)} bytes")
    magic, size = _HEAD.unpack_from(data)
    require(magic == MAGIC, "S10.17", f"the magic is {magic!r}")
    require(
        size <= len(data) - HEAD_BYTES,
        "S10.17",
        f"it says {size} bytes, there are {len(data) - HEAD_BYTES}",
    )
    body = data[HEAD_BYTES : HEAD_BYTES + size]
    require(
        _CHECKSUM.unpack_from(data, _HEAD.size)[0] == fnv1a(data[: _HEAD.size] + body),
        "S10.17",
        "the checksum does not match",
    )
    require(not data[HEAD_BYTES + size :].strip(b"\0"), "S10.17", "what follows is not zero")
    return body
