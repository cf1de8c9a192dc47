"""The codecs of blocks (section 7.1): raw, zstd, frame of reference, delta."""

import struct
from itertools import pairwise

from .errors import Violation, require
from .limits import U64_MAX

RAW, ZSTD, FRAME, DELTA = range(4)
_INTEGER_HEAD = {4: "<%dI", 8: "<%dq"}
_FRAME_HEAD = struct.Struct("<qB7s")
_DELTA_HEAD = struct.Struct("<QQB7s")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_BLOCK_MAX = 1 << 17


def pack_bits(values: list, width: int) -> bytes:
    """Values of `width` bits, least significant bit first, zero bits up to a whole byte."""
    packed = bytearray()
    for start in range(0, len(values), 8):  # eight values fill whole bytes
        word = 0
        for place, value in enumerate(values[start : start + 8]):
            word |= value << place * width
        count = len(values[start : start + 8])
        packed += word.to_bytes((count * width + 7) // 8, "little")
    return bytes(packed)


def unpack_bits(data: bytes, count: int, width: int) -> list:
    """The values that `pack_bits` packed; the unused bits are zero (S7.3)."""
    require(
        len(data) == (count * width + 7) // 8,
        "S7.3",
        f"{len(data)} bytes for {count} x {width} bits",
    )
    values, mask = [], (1 << width) - 1
    for start in range(0, count, 8):
        here = min(8, count - start)
        word = int.from_bytes(data[start // 8 * width : start // 8 * width + width], "little")
        require(word >> here * width == 0, "S7.3", "unused bits are not zero")
        values += [word >> place * width & mask for place in range(here)]
    return values


def _decode_zstd(stored: bytes, raw_size: int) -> bytes:
    import zstandard  # only spaces that use codec 1 need the package

    require(stored[:4] == _ZSTD_MAGIC, "S7.3", "the block is no zstd frame")
    try:
        # Read no more than is declared, before anything is decoded whole.
        with zstandard.ZstdDecompressor().stream_reader(stored) as reader:
            size = len(reader.read(raw_size + 1))
        require(size == raw_size, "S7.3", f"zstd gives {size} bytes or more, not {raw_size}")
        engine = zstandard.ZstdDecompressor().decompressobj()
        raw = engine.decompress(stored)
    except zstandard.ZstdError as error:
        raise Violation("S7.3", f"zstd: {error}") from None
    require(
        engine.eof and not engine.unused_data, "S7.3", "the block is not exactly one zstd frame"
    )
    return raw


def _decode_frame(stored: bytes, items: int, item_bytes: int) -> bytes:
    require(len(stored) >= _FRAME_HEAD.size, "S7.3", "the head of a frame of reference is cut")
    least, width, zeros = _FRAME_HEAD.unpack_from(stored)
    require(width <= 64 and zeros == bytes(7), "S7.3", f"frame of reference of width {width}")
    values = [least + part for part in unpack_bits(stored[_FRAME_HEAD.size :], items, width)]
    try:
        return struct.pack(_INTEGER_HEAD[item_bytes] % items, *values)
    except struct.error:
        raise Violation("S7.3", f"a value does not fit in {item_bytes} bytes") from None


def _decode_delta(stored: bytes, items: int) -> bytes:
    require(
        len(stored) >= _DELTA_HEAD.size and items >= 1, "S7.3", "the head of a delta block is cut"
    )
    value, least, width, zeros = _DELTA_HEAD.unpack_from(stored)
    require(width <= 64 and zeros == bytes(7), "S7.3", f"delta of width {width}")
    values = [value]
    for part in unpack_bits(stored[_DELTA_HEAD.size :], items - 1, width):
        value += least + part
        values.append(value)
    require(value <= U64_MAX, "S7.3", "the differences overflow")
    return struct.pack(f"<{items}Q", *values)


def decode(codec: int, stored: bytes, raw_size: int, items: int, item_bytes: int) -> bytes:
    """The raw bytes of a block; `item_bytes` is 4 or 8 where codec 2 is allowed."""
    if codec == RAW:
        raw = stored
    elif codec == ZSTD:
        raw = _decode_zstd(stored, raw_size)
    elif codec == FRAME:
        raw = _decode_frame(stored, items, item_bytes)
    else:
        raw = _decode_delta(stored, items)
    require(len(raw) == raw_size, "S7.3", f"a block of {len(raw)} raw bytes, not {raw_size}")
    return raw


def zstd_frame(raw: bytes) -> bytes:
    """A zstd frame by RFC 8878, made without a library: blocks of one repeated byte, or raw."""
    frame = (
        _ZSTD_MAGIC + b"\xa0" + struct.pack("<I", len(raw))
    )  # single segment, content size in 4 bytes
    blocks = [raw[at : at + _ZSTD_BLOCK_MAX] for at in range(0, len(raw), _ZSTD_BLOCK_MAX)] or [b""]
    for number, block in enumerate(blocks):
        repeated = len(block) > 1 and block == block[:1] * len(block)
        head = len(block) << 3 | (1 if repeated else 0) << 1 | (number == len(blocks) - 1)
        frame += head.to_bytes(3, "little") + (block[:1] if repeated else block)
    return frame


def encode(codec: int, raw: bytes, item_bytes: int) -> bytes:
    """The stored bytes of a block: the plainest encoding of each codec."""
    if codec == RAW:
        return raw
    if codec == ZSTD:
        return zstd_frame(raw)
    if codec == FRAME:
        values = struct.unpack(_INTEGER_HEAD[item_bytes] % (len(raw) // item_bytes), raw)
        least = min(values)
        width = (max(values) - least).bit_length()
        return _FRAME_HEAD.pack(least, width, bytes(7)) + pack_bits(
            [value - least for value in values], width
        )
    values = struct.unpack(f"<{len(raw) // 8}Q", raw)
    steps = [after - before for before, after in pairwise(values)]
    least = min(steps, default=0)
    width = max((step - least for step in steps), default=0).bit_length()
    return _DELTA_HEAD.pack(values[0], least, width, bytes(7)) + pack_bits(
        [step - least for step in steps], width
    )
