"""Versions with spatial indexes: read, printed, and refused when a part or a code is off."""

import json
import struct

import index_builder
import pytest
from index_builder import VECTOR, build_indexed, coded, named, replaced, spatial, vectors
from space_builder import Builder, records, tombstones, trees

from dreamdb_reference import Violation, address, read_space
from dreamdb_reference.__main__ import main
from dreamdb_reference.code_rows import write_packed
from dreamdb_reference.segment import Segment, footer_bytes
from dreamdb_reference.space import all_ancestors
from dreamdb_reference.stats import Stats
from vector_cases.broken_segments import join, parts


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("bits", [1, 4])
def test_an_index_and_its_codes_are_read(tmp_path, metric, bits):
    build_indexed(tmp_path, metric, bits)
    dataset = read_space(tmp_path)
    (index,) = dataset.indexes
    summary = index.summary()
    assert summary["field"] == "vector"
    assert (summary["algorithm"], summary["bits"]) == (f"dreamdb.ivf-{metric}", bits)
    assert (summary["cells"], summary["recall"]) == (4, [[1, 600], [4, 1000]])
    assert (summary["code_segments"], summary["codes"], summary["codes_checked"]) == (3, 8, 8)
    assert (summary["covered_segments"], summary["covered_rows"]) == (3, 8)
    assert (summary["codes_of_older_values"], summary["covered_and_gone"]) == (0, 0)
    assert all_ancestors(dataset) == 5
    assert read_space(tmp_path, "main@trained").indexes[0].summary()["codes"] == 4
    assert dataset.value(VECTOR, 7).flat() == [0, 0, 0]


@pytest.mark.parametrize("field", [0, VECTOR])
def test_what_is_deleted_needs_no_code(tmp_path, field):
    builder = Builder(tmp_path)
    first = records(builder, [0, 10, 20], 0)
    index = spatial(builder)
    some = coded(builder, index, [first[VECTOR]], 1, lambda rows: rows[:-1])
    place = named(builder, index, [some], [first[VECTOR]])
    builder.commit(trees(builder, [first]))
    lacking = index_builder.rows_of(builder, index, [first[VECTOR]])[-1].anchor
    for anchors in ([lacking], [0]):
        gone = [builder.tree(field, [tombstones(builder, anchors, 1)])]
        builder.commit(trees(builder, [first]), indexes=[place], tombstones=gone)
        builder.swap("main", builder.versions[-1][0])
        if anchors == [lacking]:
            assert read_space(tmp_path).indexes[0].checked_codes == 2
        else:
            with pytest.raises(Violation, match="S12.10"):
                read_space(tmp_path)


def test_only_some_codes_are_made_again_unless_all_are_asked_for(tmp_path):
    build_indexed(tmp_path)
    for numbers, checked in ((1, 1), (64, 1), (64 * 3, 3), (None, 8)):
        assert read_space(tmp_path, "main", numbers).indexes[0].checked_codes == checked


def test_it_is_printed(tmp_path, capsys):
    build_indexed(tmp_path, bits=2)
    assert main([str(tmp_path), "--all", "--every-code", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    index = lines[-2]["index"]
    assert (index["field"], index["codes"], index["codes_checked"]) == ("vector", 8, 8)
    assert lines[-1]["summary"]["versions"] == 5
    assert main([str(tmp_path)]) == 0
    line = capsys.readouterr().out.splitlines()[-2]
    assert line.startswith("index of vector: spatial ")
    assert ", algorithm dreamdb.ivf-cosine, dim 3, bits 2, cells 4, " in line
    assert main([str(tmp_path), "--ref", "main@trained"]) == 0


def test_f16_vectors_are_widened(tmp_path):
    builder = Builder(tmp_path)
    schema = index_builder.schema(dtype="f16")
    part = records(builder, [1, 2], 0)
    halves = struct.pack("<6e", 0.1, 2, -3, 1e-7, 65504, 0)
    part[VECTOR] = replaced(builder, [1, 2], halves, 0, "f16")
    index = spatial(builder, "l2", 5)
    entries = [coded(builder, index, [part[VECTOR]], 0)]
    found = named(builder, index, entries, [part[VECTOR]])
    builder.swap("main", builder.commit(trees(builder, [part]), indexes=[found], schema=schema))
    assert read_space(tmp_path).indexes[0].checked_codes == 2


def _space(root, change=None) -> None:
    """A version of two segments of vectors with codes under an index, perhaps changed before."""
    builder = Builder(root)
    parts = [records(builder, [0, 10], 0), records(builder, [5, 20], 0)]
    index = spatial(builder, "l2", 3)
    track = [part[VECTOR] for part in parts]
    entries = [coded(builder, index, [entry], 0) for entry in track]
    found = {"coded": entries, "covered": list(track), "index": index, "named": {}, "track": track}
    if change:
        change(builder, found)
    tracks = trees(builder, parts)[:2] + [builder.tree(VECTOR, found["track"])]
    one = named(builder, found["index"], found["coded"], found["covered"], **found["named"])
    builder.swap("main", builder.commit(tracks, indexes=[one]))


def _index(root):
    return read_space(root).indexes[0]


def test_codes_may_cover_less_than_they_could(tmp_path):
    _space(tmp_path, lambda _, found: found.update(covered=[]))
    assert (_index(tmp_path).summary()["covered_rows"], _index(tmp_path).checked_codes) == (0, 4)


def test_an_index_may_have_no_codes(tmp_path):
    _space(tmp_path, lambda _, found: found.update(coded=[], covered=[]))
    assert _index(tmp_path).summary()["codes"] == 0


def test_covered_segments_that_the_track_has_no_more_are_ignored(tmp_path):
    builder = Builder(tmp_path)
    builder.commit([])  # so that a later version may have a seq of 1
    parts = [records(builder, [0, 10], 0), records(builder, [5, 20], 0)]
    index = spatial(builder)
    old = [part[VECTOR] for part in parts]
    entries = [coded(builder, index, [entry], 0) for entry in old]
    newer = replaced(builder, [0, 10], vectors((9, 9, 9), (8, 8, 8)), 1)
    tracks = trees(builder, parts)[:2] + [builder.tree(VECTOR, [newer])]
    found = named(builder, index, entries, old)
    builder.swap("main", builder.commit(tracks, indexes=[found]))
    summary = _index(tmp_path).summary()
    assert (summary["covered_and_gone"], summary["codes_of_older_values"]) == (2, 4)


def _entry(number: int, **changes):
    def change(_, found):
        found["coded"][number] = found["coded"][number]._replace(**changes)

    return change


def _coded(**keys):
    def change(builder, found):
        found["coded"][0] = coded(builder, found["index"], found["track"][:1], 0, **keys)

    return change


def _named(**changes):
    return lambda _, found: found.update(named=changes)


def _index_of(**keys):
    def change(builder, found):
        index = spatial(builder, "l2", **{"bits": 3, "recall": []} | keys)
        found.update(index=index, coded=[], covered=[])

    return change


def _matrix_as_index(_, found):
    entry = found["track"][0]
    found["named"] = {"spatial": entry.child, "size": entry.size, "footer": entry.footer}


def _matrix_as_codes(_, found):
    found["coded"] = found["track"]


def _spatial_in_the_track(_, found):
    segment = Segment(found["index"])
    found["track"] = [
        found["track"][0]._replace(
            child=segment.address, size=segment.size, footer=segment.footer_size
        )
    ]


def _codes_in_the_track(_, found):
    found["track"] = found["track"] + [found["coded"][0]._replace(stats={})]


def _another_index(builder, found):
    other = spatial(builder, "l2", 3)
    found["coded"] = [coded(builder, other, [entry], 0) for entry in found["track"]]


def _covered_differs(_, found):
    found["covered"][0] = found["covered"][0]._replace(footer=found["covered"][0].footer + 1)


def _no_code_of_one(_, found):
    del found["coded"][1]


def _code_of_another_version(builder, found):
    other = replaced(builder, [0, 10], vectors((9, 9, 9), (8, 8, 8)), 0)
    found["coded"][0] = coded(builder, found["index"], [other], 0)


def _factor(part: str, number: int):
    """The last bit of a factor of the first row flipped."""

    def change(rows):
        code = getattr(rows[0], part)
        factors = list(code.factors)
        (bits,) = struct.unpack("<I", struct.pack("<f", factors[number]))
        factors[number] = struct.unpack("<f", struct.pack("<I", bits ^ 1))[0]
        return [rows[0]._replace(**{part: code._replace(factors=tuple(factors))})] + rows[1:]

    return _coded(change=change)


def _bit(part: str, at: int):
    def change(rows):
        code = getattr(rows[1], part)
        bits = bytearray(code.bits)
        bits[at] ^= 1
        return rows[:1] + [rows[1]._replace(**{part: code._replace(bits=bytes(bits))})]

    return _coded(change=change)


def _cell(number: int):
    """The last row in another cell."""
    return _coded(change=lambda rows: [rows[0], rows[1]._replace(cell=number)])


def _wrong_route(builder, found):
    """The index with the routes of two cells swapped, its hashes made to fit."""
    routes = Segment(found["index"]).routes
    block = write_packed([routes[1], routes[0]] + routes[2:])
    body, footer = parts(found["index"])
    run = footer["routes"]
    body = body[: run["at"]] + block + body[run["at"] + len(block) :]
    data = join(body, footer | {"routes": run | {"hashes": address.blake3(block)}})
    builder.put("segments", data, footer_bytes(data))
    found["index"] = data
    found["coded"] = [coded(builder, data, [entry], 0) for entry in found["track"]]


WRONG = {VECTOR: Stats(2, 0, 3, None)}
BROKEN = [
    (_named(size=10_000), "S6.6"),
    (_named(footer=100), "S6.6"),
    (_named(spatial=b"\x1e" + bytes(32)), "9.2"),
    (_matrix_as_index, "S12.9"),
    (_index_of(field=3), "S12.9"),
    (_index_of(centroids=[[1.0] * 4]), "S12.9"),
    (_matrix_as_codes, "S12.9"),
    (_spatial_in_the_track, "S7.8"),
    (_codes_in_the_track, "S7.8"),
    (_another_index, "S12.9"),
    (_coded(field=3), "S12.9"),
    (_coded(bits=1), "S12.9"),
    (_coded(dim=4), "S12.9"),
    (_coded(spatial=address.address_of(b"another")), "S12.9"),
    (_cell(4), "S12.9"),
    (_entry(0, stats=WRONG), "S12.9"),
    (_entry(0, stats={}), "S12.9"),
    (_entry(0, records=0), "S6.6"),
    (_entry(0, last=11), "S6.6"),
    (_entry(0, seq=1), "S6.6"),
    (_covered_differs, "S12.9"),
    (_no_code_of_one, "S12.10"),
    (_code_of_another_version, "S12.10"),
    (_factor("code", 0), "S12.10"),
    (_factor("code", 2), "S12.10"),
    (_factor("more", 1), "S12.10"),
    (_bit("code", 7), "S12.10"),
    (_bit("more", 15), "S12.10"),
    (_cell(3), "S12.10"),
    (_wrong_route, "S12.10"),
]


@pytest.mark.parametrize("change, invariant", BROKEN)
def test_broken_indexes_are_refused(tmp_path, change, invariant):
    _space(tmp_path, change)
    with pytest.raises(Violation) as caught:
        read_space(tmp_path)
    assert caught.value.invariant == invariant, str(caught.value)
    assert caught.value.where


def test_the_space_that_is_broken_above_is_right_as_it_was(tmp_path):
    _space(tmp_path)
    assert _index(tmp_path).checked_codes == 4


def test_flipped_bytes_of_indexes_and_codes_are_found_and_named(tmp_path):
    _space(tmp_path)
    checked = 0
    for path in sorted((tmp_path / "segments").iterdir()):
        data = path.read_bytes()
        if data[12] not in (4, 5):  # the type in the header
            continue
        for at in range(0, len(data), 5):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            with pytest.raises(Violation) as caught:
                read_space(tmp_path)
            assert f"segments/{path.name}" in caught.value.where, (path, at)
            checked += 1
        path.write_bytes(data)
    assert checked > 300
    read_space(tmp_path)
