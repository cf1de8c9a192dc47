"""The golden vectors: what this reader makes of them, and that they are made again the same."""

import json
import pathlib

import pytest

import make_vectors
from dreamdb_reference import address, cbor, padded_file, pages, stats, structures, version_file
from dreamdb_reference.errors import Violation
from dreamdb_reference.segment import Segment
from vector_cases.notation import exact, plain

VECTORS = pathlib.Path(make_vectors.HERE).parent / "vectors"
PARSERS = {
    "cbor": cbor.decode,
    "genesis": structures.parse_genesis,
    "ref": structures.parse_ref,
    "session": structures.parse_session,
    "manifest": structures.parse_manifest,
    "page": pages.parse_page,
    "ledger": pages.parse_page,
}
SEGMENTS = [name for name in make_vectors.FILES if name.startswith("segment_")]
PARSERS |= {name: Segment for name in SEGMENTS}


def _load(name: str) -> dict:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))


@pytest.mark.parametrize("name", make_vectors.FILES)
def test_made_again_they_are_the_same_bytes(name):
    made = make_vectors.to_json(make_vectors.FILES[name]())
    stored = (VECTORS / f"{name}.json").read_bytes()
    assert made.encode("ascii") == stored
    assert len(stored) < 300_000


def test_no_vector_file_is_left_over():
    assert {path.stem for path in VECTORS.glob("*.json")} == set(make_vectors.FILES)


@pytest.mark.parametrize("name", PARSERS)
def test_accepted_are_accepted(name):
    for case in _load(name)["accept"]:
        PARSERS[name](bytes.fromhex(case["hex"]))


@pytest.mark.parametrize("name", PARSERS)
def test_refused_are_refused_for_their_reason(name):
    for case in _load(name)["refuse"]:
        data = bytes.fromhex(case["hex"]) if "hex" in case else bytes(case["zeros"])
        with pytest.raises(Violation) as caught:
            PARSERS[name](data)
        found = (caught.value.invariant, caught.value.code)
        assert found == (case["invariant"], case.get("code", "Corruption")), case["name"]


@pytest.mark.parametrize("name", ["genesis", "ref", "manifest", "page"])
def test_values_are_those_of_the_bytes(name):
    for case in _load(name)["accept"]:
        assert plain(cbor.decode(bytes.fromhex(case["hex"]))) == case["value"], case["name"]


def test_cbor_values():
    for case in _load("cbor")["accept"]:
        assert exact(cbor.decode(bytes.fromhex(case["hex"]))) == case["value"], case["name"]


def test_names():
    vectors = _load("names")
    for case in vectors["accept"]:
        assert f"refs/{address.check_ref_name(case['name'])}" == case["value"]["key"]
    for case in vectors["refuse"]:
        with pytest.raises(Violation, match="S2.3"):
            address.check_ref_name(case["name"])


def test_version_files():
    vectors = _load("version_file")
    for case in vectors["accept"]:
        found = version_file.parse(bytes.fromhex(case["hex"]), int(case["file"][1:]))
        assert plain(found._asdict()) == case["value"]
    assert vectors["accept"][0]["hex"][128:144] == "49a0a4d9c4fa2b1a"
    for case in vectors["refuse"]:
        with pytest.raises(Violation) as caught:
            version_file.parse(bytes.fromhex(case["hex"]), int(case["file"][1:]))
        assert (caught.value.invariant, caught.value.code) == (
            case["invariant"],
            case.get("code", "Corruption"),
        )


def test_padded_files():
    vectors = _load("padded_file")
    for case in vectors["accept"]:
        body = bytes.fromhex(case["body"])
        head = bytes.fromhex(case["head"])
        assert padded_file.size_of(body, case["replaced_bytes"]) == case["bytes"]
        assert padded_file.parse((head + body).ljust(case["bytes"], b"\0")) == body
        assert case["bytes"] % 2 == (body != padded_file.DELETED)
    assert vectors["accept"][0]["head"][32:] == "346ab8347ae52cf4"
    for case in vectors["refuse"]:
        with pytest.raises(Violation, match="S10.17"):
            padded_file.parse(bytes.fromhex(case["hex"]))


def test_texts_that_are_no_address():
    for case in _load("addresses")["refuse"]:
        with pytest.raises(Violation, match="S1.2"):
            address.from_text(case["text"])


@pytest.mark.parametrize("name", ["genesis", "ref"])
def test_every_flipped_bit_of_a_ref_or_genesis_changes_it(name):
    """A ref guards itself; of a genesis the address tells: no two encodings have one meaning."""
    data = bytes.fromhex(_load(name)["accept"][0]["hex"])
    value = PARSERS[name](data)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        if name == "ref":
            with pytest.raises(Violation):
                PARSERS[name](bytes(changed))
            continue
        try:
            assert PARSERS[name](bytes(changed)) != value
        except Violation:
            pass


@pytest.mark.parametrize("name", PARSERS)
def test_no_prefix_of_an_object_is_accepted(name):
    for case in _load(name)["accept"]:
        data = bytes.fromhex(case["hex"])
        for size in range(0, len(data), 1 + len(data) // 50):
            with pytest.raises(Violation):
                PARSERS[name](data[:size])


def test_merged_statistics_cover_both_sides():
    for case in _load("stats")["merge"]:
        value = case["value"]
        assert value[0] == case["left"][0] + case["right"][0]
        if case["left"][0] and case["right"][0]:
            assert value[1] is None or case["left"][1] is not None and case["right"][1] is not None


def test_statistics_of_values_cover_themselves():
    for kind, values in (
        ("int", [5, 3]),
        ("float", [1.0, float("nan")]),
        ("string", [b"\xff" * 40, b"a"]),
    ):
        found = stats.of_values(kind, values)
        stats.check_type(found, kind, "these")
        stats.check_cover({1: found}, {1: found}, "here")
