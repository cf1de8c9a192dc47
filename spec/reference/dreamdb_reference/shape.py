"""What a value in a structured object may be: types, ranges and the keys of a map (section 3.1)."""

from . import address, cbor
from .errors import Violation, require
from .limits import ANCHOR_MAX, I64_MAX, I64_MIN, U64_MAX

NONCE_BYTES = 16
VERSION = 1  # of every kind; of a segment see footer.py


def uint(value, name: str) -> int:
    ok = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= U64_MAX
    require(ok, "S3.9", f"{name} must be an unsigned integer, is {value!r:.60}")
    return value


def integer(value, name: str) -> int:
    ok = isinstance(value, int) and not isinstance(value, bool) and I64_MIN <= value <= I64_MAX
    require(ok, "S3.9", f"{name} must be an integer of 64 bits, is {value!r:.60}")
    return value


def text(value, name: str) -> str:
    require(isinstance(value, str), "S3.9", f"{name} must be text, is {value!r:.60}")
    return value


def boolean(value, name: str) -> bool:
    require(isinstance(value, bool), "S3.9", f"{name} must be true or false, is {value!r:.60}")
    return value


def byte_string(value, name: str) -> bytes:
    require(isinstance(value, bytes), "S3.9", f"{name} must be a byte string, is {value!r:.60}")
    return value


def array(value, name: str) -> list:
    require(isinstance(value, list), "S3.9", f"{name} must be an array, is {value!r:.60}")
    return value


def mapping(value, name: str) -> dict:
    require(isinstance(value, dict), "S3.9", f"{name} must be a map, is {value!r:.60}")
    return value


def b16(value, name: str) -> bytes:
    size = len(byte_string(value, name))
    require(size == NONCE_BYTES, "S3.9", f"{name} must have 16 bytes, has {size}")
    return value


def b33(value, name: str) -> bytes:
    return address.check_address(byte_string(value, name))


def anchor(value, name: str) -> int:
    require(uint(value, name) <= ANCHOR_MAX, "S1.1", f"{name} is 2^64-1, which is no anchor")
    return value


def text_map(value, name: str) -> dict:
    for key, item in mapping(value, name).items():
        text(key, f"a key of {name}")
        text(item, f"{name}.{key}")
    return value


def tuple_of(value, name: str, *checks) -> list:
    """An array with exactly these parts, each given as a check."""
    require(
        len(array(value, name)) == len(checks),
        "S3.9",
        f"{name} must have {len(checks)} parts, has {len(value)}",
    )
    return [check(part, f"{name}[{i}]") for i, (part, check) in enumerate(zip(value, checks))]


def fields(value, name: str, required: dict, optional: dict | None = None) -> dict:
    """A map with exactly these keys, each checked; the optional ones may be absent (S3.8)."""
    mapping(value, name)
    optional = optional or {}
    for key in value:
        require(key in required or key in optional, "S3.8", f"{name} has the unknown key {key!r}")
    for key in required:
        require(key in value, "S3.8", f"{name} lacks the key {key!r}")
    return {
        key: (required.get(key) or optional[key])(item, f"{name}.{key}")
        for key, item in value.items()
    }


def envelope(data: bytes, kind: str, size_max: int, version_max: int = VERSION) -> dict:
    """The map that `data` encodes, its kind and version being the expected ones (S3.7)."""
    require(len(data) <= size_max, "S1.3", f"a {kind} of {len(data)} bytes exceeds {size_max}")
    value = mapping(cbor.decode(data), kind)
    for key in ("kind", "v", "nonce"):
        require(key in value, "S3.8", f"{kind} lacks the key {key!r}")
    found = text(value["kind"], "kind")
    require(found == kind, "S3.7", f"this is a {found!r:.60}, not a {kind}")
    version = uint(value["v"], "v")
    if version > version_max:
        raise Violation(
            "S3.7",
            f"{kind} has version {version}, this reader knows up to {version_max}: upgrade to read it",
            code="Unsupported",
        )
    require(version >= 1, "S3.7", f"{kind} has version {version}, the first is 1")
    return value


ENVELOPE = {"kind": text, "v": uint, "nonce": b16}


def new(kind: str, nonce: bytes, version: int = VERSION, **keys) -> dict:
    """A map with the envelope and these keys, ready to be encoded."""
    return {"kind": kind, "v": version, "nonce": nonce, **keys}
