"""Whatever a well-formed object is changed to, the parsers answer with a value or a `Violation`."""

import json
import random

import pytest
from test_vectors import PARSERS, SEGMENTS, VECTORS

from dreamdb_reference import cbor
from dreamdb_reference.errors import Violation
from dreamdb_reference.segment import Segment, footer_bytes, trailer

ODD = [
    0,
    1,
    -1,
    2**31,
    2**63,
    2**64 - 1,
    0.5,
    float("nan"),
    b"",
    bytes(33),
    bytes(16),
    "",
    "x" * 300,
]
ODD += [None, True, [], [0], {}, {0: 0}, {"a": "b"}]


def _change(random_: random.Random, value):
    """`value` with one part somewhere inside replaced, left out or doubled."""
    if isinstance(value, list) and value and random_.random() < 0.85:
        at = random_.randrange(len(value))
        kind = random_.random()
        middle = (
            [_change(random_, value[at])] if kind < 0.8 else [value[at]] * random_.choice([0, 2])
        )
        return value[:at] + middle + value[at + 1 :]
    if isinstance(value, dict) and value and random_.random() < 0.85:
        key = random_.choice(list(value))
        if random_.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return value | {key: _change(random_, value[key])}
    if isinstance(value, int) and not isinstance(value, bool) and random_.random() < 0.5:
        return max(-(2**63), min(2**64 - 1, value + random_.choice([-1, 1, 64, -64])))
    if isinstance(value, bytes) and value and random_.random() < 0.5:
        at = random_.randrange(len(value))
        return value[:at] + bytes([random_.randrange(256)]) + value[at + 1 :]
    return random_.choice(ODD)


def _cases(name: str) -> list:
    vectors = json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))
    found = [bytes.fromhex(case["hex"]) for case in vectors["accept"]]
    return [data for data in found if len(data) < 20000]


@pytest.mark.parametrize("name", ["genesis", "ref", "manifest", "page", "ledger"])
def test_changed_structures(name):
    random_, refused = random.Random(name), 0
    values = [cbor.decode(data) for data in _cases(name)]
    for _ in range(3000):
        changed = cbor.encode(_change(random_, random_.choice(values)))
        try:
            PARSERS[name](changed)
        except Violation:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize("name", SEGMENTS)
def test_changed_footers(name):
    random_ = random.Random(name)
    for data in _cases(name):
        found = footer_bytes(data)
        body, value = data[: -16 - len(found)], cbor.decode(found)
        for _ in range(150):
            changed = cbor.encode(_change(random_, value))
            try:
                Segment(body + changed + trailer(len(changed)))
            except Violation as error:
                assert error.invariant
