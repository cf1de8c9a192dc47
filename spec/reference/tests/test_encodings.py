"""BLAKE3 and CBOR against the packages of PyPI, addresses against the standard library."""

import base64
import random
import struct

import blake3 as blake3_package
import cbor2
import pytest

from dreamdb_reference import address, blake3, cbor, codecs, structures
from dreamdb_reference.errors import Violation


def test_blake3_is_the_package_s_at_every_boundary():
    data = bytes(i % 251 for i in range(9000))
    sizes = [0, 1, 63, 64, 65, 127, 128, 129, 5000, 8192, 9000]
    sizes += [1024 * chunks + more for chunks in range(1, 8) for more in (-1, 0, 1)]
    for size in sizes:
        assert blake3.digest(data[:size]) == blake3_package.blake3(data[:size]).digest(), size


def test_longer_blake3_is_the_package_s():
    for size, length in ((0, 1), (40, 64), (72, 2048), (1024, 65), (5000, 2048)):
        data = bytes(range(251)) * 20
        expected = blake3_package.blake3(data[:size]).digest(length=length)
        assert blake3.digest(data[:size], length) == expected


def test_blake3_of_the_paper():
    assert (
        blake3.digest(b"").hex()
        == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    )


def test_address_text_is_base32():
    for number in range(200):
        found = address.address_of(bytes([number]))
        text = address.to_text(found)
        assert text == base64.b32encode(found).decode().rstrip("=").lower()
        assert address.from_text(text) == found


def test_addresses_do_not_need_the_package(monkeypatch):
    expected = address.address_of(bytes(3000))
    monkeypatch.setattr(address, "_fast", None)
    assert address.address_of(bytes(3000)) == expected


def _random_value(random_: random.Random, depth: int):
    kind = random_.randrange(9 if depth else 7)
    if kind == 0:
        return random_.choice([None, True, False])
    if kind == 1:
        return random_.getrandbits(random_.randrange(65))
    if kind == 2:
        return -1 - random_.getrandbits(random_.randrange(64))
    if kind == 3:
        return struct.unpack(">d", random_.randbytes(8))[0]
    if kind == 4:
        return struct.unpack(">e", random_.randbytes(2))[0]
    if kind == 5:
        return random_.randbytes(random_.randrange(40))
    if kind == 6:
        return "".join(chr(random_.randrange(1, 0xD800)) for _ in range(random_.randrange(12)))
    values = [_random_value(random_, depth - 1) for _ in range(random_.randrange(6))]
    if kind == 7:
        return values
    keys = [
        random_.getrandbits(random_.randrange(20))
        if random_.random() < 0.5
        else str(random_.getrandbits(20))
        for _ in values
    ]
    return dict(zip(keys, values))


def _ordered(value):
    """Maps in the order of RFC 8949 4.2.1; the oracle is only asked how each item is encoded."""
    if isinstance(value, list):
        return [_ordered(part) for part in value]
    if isinstance(value, dict):
        return {
            key: _ordered(value[key])
            for key in sorted(value, key=lambda key: cbor2.dumps(key, canonical=True))
        }
    return value


def _oracle(value) -> bytes:
    """cbor2's canonical form sorts keys by length (RFC 7049): so maps are put together here."""
    if isinstance(value, dict):
        assert len(value) < 24
        parts = [cbor2.dumps(key, canonical=True) + _oracle(part) for key, part in value.items()]
        return bytes([0xA0 | len(value)]) + b"".join(parts)
    if isinstance(value, list):
        assert len(value) < 24
        return bytes([0x80 | len(value)]) + b"".join(map(_oracle, value))
    return cbor2.dumps(value, canonical=True)


def test_cbor_is_the_package_s_canonical_form():
    random_ = random.Random(1)
    for _ in range(5000):
        value = _random_value(random_, 4)
        data = cbor.encode(value)
        assert data == _oracle(_ordered(value))
        assert cbor.encode(cbor.decode(data)) == data


def test_cbor_accepts_only_what_it_would_write():
    random_ = random.Random(2)
    accepted = 0
    for turn in range(60000):
        data = bytearray(
            cbor.encode(_random_value(random_, 3))
            if turn % 2
            else random_.randbytes(random_.randrange(1, 6))
        )
        if turn % 4 == 1:
            data[random_.randrange(len(data))] ^= 1 << random_.randrange(8)
        try:
            value = cbor.decode(bytes(data))
        except Violation as error:
            assert error.invariant.startswith("S3.")
            continue
        accepted += 1
        assert cbor.encode(value) == data
    assert accepted > 1000


def test_ancestor_depths_are_those_of_the_lists_built():
    ancestors = []
    for depth in range(3000):
        assert [one[0] for one in ancestors] == structures.ancestor_depths(depth)
        ancestors = structures.child_ancestors(depth, b"", ancestors)


def test_every_ancestor_is_a_few_jumps_away():
    for start in (1, 2, 63, 64, 1000, 99999):
        for target in {0, 1, start // 2, start - 1}:
            depth, jumps = start, 0
            while depth != target:
                depth = min(one for one in structures.ancestor_depths(depth) if one >= target)
                jumps += 1
            assert jumps <= 2 * start.bit_length() + 1


@pytest.mark.parametrize("item_bytes, low, high", [(4, 0, 2**32 - 1), (8, -(2**63), 2**63 - 1)])
def test_frames_of_reference_round_trip(item_bytes, low, high):
    random_ = random.Random(3)
    for count in list(range(1, 20)) + [4095, 4096]:
        width = random_.randrange(33 if item_bytes == 4 else 65)
        least = random_.randint(low, high)
        values = [min(high, least + random_.getrandbits(width)) for _ in range(count)]
        raw = struct.pack(f"<{count}{'I' if item_bytes == 4 else 'q'}", *values)
        stored = codecs.encode(codecs.FRAME, raw, item_bytes)
        assert codecs.decode(codecs.FRAME, stored, len(raw), count, item_bytes) == raw


def test_deltas_round_trip():
    random_ = random.Random(4)
    for count in list(range(1, 20)) + [4095, 4096]:
        values = sorted({random_.getrandbits(64) for _ in range(count)})
        raw = struct.pack(f"<{count}Q", *values)
        stored = codecs.encode(codecs.DELTA, raw, 8)
        assert codecs.decode(codecs.DELTA, stored, len(raw), count, 8) == raw


def test_zstd_frames_are_read_by_the_package():
    for raw in (b"", b"a", b"ab", bytes(1000), bytes(range(256)) * 2000, b"x" * 300000):
        assert codecs.decode(codecs.ZSTD, codecs.zstd_frame(raw), len(raw), 0, 0) == raw


def test_a_zstd_bomb_is_not_decoded_whole():
    bomb = codecs.zstd_frame(bytes(1 << 26))
    with pytest.raises(Violation, match="S7.3"):
        codecs.decode(codecs.ZSTD, bomb, 1000, 0, 0)
