"""Addresses, keys, ref names and locators: sections 1.2 and 2."""

import re

from . import blake3 as plain
from .errors import require

try:  # The same function, some ten thousand times as fast; the tests compare the two.
    from blake3 import blake3 as _fast
except ImportError:
    _fast = None

PREFIX = 0x1E
ADDRESS_BYTES = 33
TEXT_CHARACTERS = 53
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_REF_SEGMENT = re.compile(r"[a-z0-9_@-]{1,64}", re.ASCII)
_REF_SEGMENTS_MAX = 16


def blake3(data: bytes, length: int = 32) -> bytes:
    """The BLAKE3 hash, or `length` bytes of its output, by the package `blake3` if it is there."""
    return _fast(data).digest(length=length) if _fast else plain.digest(data, length)


def address_of(identity: bytes) -> bytes:
    """The address of an object with these identity bytes (1.2)."""
    return bytes([PREFIX]) + blake3(identity)


def check_address(value: bytes) -> bytes:
    """`value` itself, if it is an address (S1.2)."""
    require(len(value) == ADDRESS_BYTES, "S1.2", f"an address has 33 bytes, this one {len(value)}")
    require(value[0] == PREFIX, "S1.2", f"an address begins with 1e, this one with {value[0]:02x}")
    return value


def to_text(address: bytes) -> str:
    """The 53 characters of an address: base32 of 264 bits and one zero bit."""
    number = int.from_bytes(check_address(address), "big") << 1
    return "".join(
        _ALPHABET[(number >> 5 * place) & 31] for place in range(TEXT_CHARACTERS - 1, -1, -1)
    )


def from_text(text: str) -> bytes:
    """The address that `text` stands for (S1.2)."""
    require(
        len(text) == TEXT_CHARACTERS, "S1.2", f"an address has 53 characters, {text!r} {len(text)}"
    )
    number = 0
    for character in text:
        require(character in _ALPHABET, "S1.2", f"{character!r} in {text!r} is not of a-z2-7")
        number = number << 5 | _ALPHABET.index(character)
    require(number & 1 == 0, "S1.2", f"the padding bit of {text!r} is not zero")
    return check_address((number >> 1).to_bytes(ADDRESS_BYTES, "big"))


def object_key(folder: str, address: bytes) -> str:
    """The key of an object, for example `pages/<address>` (2)."""
    return f"{folder}/{to_text(address)}"


def check_ref_name(name: str) -> str:
    """`name` itself, if it is a ref name (S2.3)."""
    segments = name.split("/")
    require(len(segments) <= _REF_SEGMENTS_MAX, "S2.3", f"ref {name!r} has more than 16 segments")
    for segment in segments:
        require(
            _REF_SEGMENT.fullmatch(segment) is not None,
            "S2.3",
            f"segment {segment!r} of ref {name!r} is not 1 to 64 of [a-z0-9_@-]",
        )
    return name


def split_locator(locator: str) -> tuple:
    """`(url, ref)` of `URL@ref`; the ref is `main` when left out (2)."""
    scheme, mark, rest = locator.partition("://")
    require(mark == "://" and scheme != "", "S2.3", f"{locator!r} has no scheme")
    start = 0
    if scheme not in ("file", "memory"):
        start = rest.find("/") if "/" in rest else len(rest)
    at = rest.find("@", start)
    if at < 0:
        return locator, "main"
    return f"{scheme}://{rest[:at]}", check_ref_name(rest[at + 1 :])
