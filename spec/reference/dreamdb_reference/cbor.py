"""Deterministic CBOR, the encoding of structured objects: chapter 3, after RFC 8949 section 4.2."""

import math
import struct

from .errors import Violation, require
from .limits import CBOR_NESTING, I64_MIN, U64_MAX

_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_NAN = b"\xf9\x7e\x00"
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def _head(major: int, number: int) -> bytes:
    """The shortest head with this number (S3.1)."""
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise OverflowError(f"{number} does not fit in 64 bits")


def _encode_float(value: float) -> bytes:
    """The shortest of f16, f32 and f64 that keeps the value (S3.2)."""
    if math.isnan(value):
        return _NAN
    exact = struct.pack(">d", value)
    for info in (25, 26):
        form = _FLOATS[info]
        try:
            short = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.pack(">d", struct.unpack(form, short)[0]) == exact:
            return bytes([_SIMPLE << 5 | info]) + short
    return b"\xfb" + exact


def encode(value) -> bytes:
    """The one encoding of a value of int, float, bool, None, bytes, str, list, tuple and dict."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(_UINT, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, float):
        return _encode_float(value)
    if isinstance(value, (bytes, bytearray)):
        return _head(_BYTES, len(value)) + bytes(value)
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _head(_TEXT, len(data)) + data
    if isinstance(value, (list, tuple)):
        return _head(_ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(_MAP, len(value)) + b"".join(key + item for key, item in pairs)
    raise TypeError(f"CBOR has no {type(value).__name__} here")


class _Parser:
    """One pass over the bytes; refuses whatever `encode` would not have written."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        left = len(self.data) - self.at
        require(count <= left, "S3.5", f"{count} bytes are declared at {self.at}, {left} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self) -> tuple:
        """`(major, info, number)`; number is the shortest form's, or a float's bits (S3.1)."""
        initial = self.take(1)[0]
        major, info = initial >> 5, initial & 31
        if info < 24:
            return major, info, info
        require(
            info < 28 or info == 31 and _BYTES <= major <= _MAP,
            "S3.6",
            f"{initial:02x} begins no item",
        )
        require(info != 31, "S3.1", f"indefinite length at {self.at - 1}")
        number = int.from_bytes(self.take(1 << info - 24), "big")
        if major != _SIMPLE:
            least = 24 if info == 24 else 1 << 8 * (1 << info - 25)
            require(number >= least, "S3.1", f"{number} is not in its shortest form")
        return major, info, number

    def item(self, nesting: int):
        start = self.at
        major, info, number = self.head()
        if major == _UINT:
            return number
        if major == _NEGATIVE:
            require(-1 - number >= I64_MIN, "S3.1", f"{-1 - number} is below -2^63")
            return -1 - number
        if major == _BYTES:
            return self.take(number)
        if major == _TEXT:
            return self.text(number)
        if major == _TAG:
            raise Violation("S3.4", f"tag {number} at {start}")
        if major == _SIMPLE:
            return self.simple(info, number, start)
        require(nesting < CBOR_NESTING, "S3.5", f"more than {CBOR_NESTING} levels at {start}")
        left = len(self.data) - self.at
        require(
            number <= left, "S3.5", f"{number} items are declared at {start}, {left} bytes left"
        )
        if major == _ARRAY:
            return [self.item(nesting + 1) for _ in range(number)]
        return self.map(number, nesting + 1)

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Violation("S3.4", f"text is not UTF-8: {error}") from None

    def simple(self, info: int, number: int, start: int):
        if info in _FLOATS:
            form = _FLOATS[info]
            value = struct.unpack(form, self.data[start + 1 : self.at])[0]
            require(
                _encode_float(value) == self.data[start : self.at],
                "S3.2",
                f"float {value} at {start} is not in its shortest form",
            )
            return value
        require(info in (20, 21, 22), "S3.4", f"simple value {number} at {start}")
        return {20: False, 21: True, 22: None}[info]

    def map(self, count: int, nesting: int) -> dict:
        result, before = {}, b""
        for _ in range(count):
            start = self.at
            key = self.item(nesting)
            is_key = isinstance(key, str) or isinstance(key, int) and not isinstance(key, bool)
            require(
                is_key and (isinstance(key, str) or 0 <= key <= U64_MAX),
                "S3.3",
                f"map key {key!r} is neither text nor an unsigned integer",
            )
            encoded = self.data[start : self.at]
            require(before < encoded, "S3.3", f"map key {key!r} is out of order or twice there")
            before = encoded
            result[key] = self.item(nesting)
        return result


def decode(data: bytes):
    """The value of `data`; `Violation` for anything but one item in its one encoding (S3.6)."""
    parser = _Parser(bytes(data))
    value = parser.item(0)
    require(parser.at == len(data), "S3.5", f"{len(data) - parser.at} bytes follow the item")
    return value
