"""Spaces in a folder: written, read back, broken in every byte."""

import json
import pathlib
import subprocess
import sys

import pytest
import space_builder
from space_builder import Builder, build, delete, layer, records, tombstones, trees

from dreamdb_reference import (
    Violation,
    address,
    fingerprint,
    padded_file,
    pages,
    read_sessions,
    read_space,
    structures,
    version_file,
)
from dreamdb_reference.__main__ import main
from dreamdb_reference.folder import Folder
from dreamdb_reference.segment_writer import write_blob, write_matrix, write_scalar
from dreamdb_reference.space import all_ancestors


def test_rows_are_those_written_and_the_newer_wins(tmp_path):
    build(tmp_path)
    dataset = read_space(tmp_path)
    rows = {row["anchor"]: row["values"] for row in dataset.rows()}
    assert list(rows) == [0, 5, 7, 10, 11, 20, 30, 100]
    assert {anchor: values["count"] for anchor, values in rows.items()} == {
        0: None,
        5: 10,
        7: 70,
        10: 20,
        11: 22,
        20: 40,
        30: None,
        100: 1000,
    }
    assert [rows[anchor]["label"] for anchor in (0, 5, 7)] == ["cat", "dog", "dog"]
    assert rows[7]["caption"] == "text 1"
    assert rows[7]["vector"].flat() == [7.0, 0.5, -1.0]
    assert len(dataset.ledger) == 3


def test_a_fingerprint_does_not_tell_the_history(tmp_path):
    build(tmp_path / "a")
    builder = Builder(tmp_path / "b")
    parts = [records(builder, [0, 20], 0), records(builder, [10, 30], 0)]
    parts += [records(builder, [11], 0, b"dog"), records(builder, [5, 7], 0, b"dog")]
    parts.append(records(builder, [100], 0))
    change = layer(builder, [7, 100], [70, 1000], 1)
    builder.commit(trees(builder, parts))
    builder.commit(trees(builder, parts, [change]))
    builder.swap("main", builder.versions[-1][0])
    found = [read_space(tmp_path / name) for name in "ab"]
    assert list(found[0].rows()) == list(found[1].rows())
    assert fingerprint(found[0]) == fingerprint(found[1])
    builder.swap("main", builder.versions[0][0])
    assert fingerprint(read_space(tmp_path / "b")) != fingerprint(found[0])


def test_deleted_records_and_values_are_hidden(tmp_path):
    builder = build(tmp_path)
    whole = [tombstones(builder, [5, 30], 4), tombstones(builder, [20], 4)]
    gone = tombstones(builder, [6], 4, standing=False)
    roots = {0: whole + [gone], 2: [tombstones(builder, [7, 10], 4)]}
    roots[3] = [tombstones(builder, [7], 4), tombstones(builder, [20, 100], 4)]
    delete(builder, roots)
    dataset = read_space(tmp_path)
    rows = {row["anchor"]: row["values"] for row in dataset.rows()}
    assert list(rows) == [0, 7, 10, 11, 100]
    assert [rows[anchor]["count"] for anchor in (7, 10, 100)] == [None, 20, None]
    assert [rows[anchor]["vector"] is None for anchor in (0, 7, 10, 11)] == [False, True, True, False]
    assert rows[7]["caption"] == "text 1" and rows[7]["label"] == "dog"
    assert dataset.deleted(0) == {5, 6, 20, 30} and dataset.deleted(1) == set()
    assert all_ancestors(dataset) == 5


def test_what_is_deleted_may_have_values_that_came_later(tmp_path):
    builder = build(tmp_path)
    first = records(builder, [0, 10], 1)
    purged = tombstones(builder, [20], 4, standing=False)
    builder.commit(
        trees(builder, [first], [layer(builder, [20], [1], 4)]),
        tombstones=[builder.tree(0, [purged])],
    )
    builder.swap("main", builder.versions[-1][0])
    assert read_space(tmp_path).anchors == [0, 10]


def test_deleted_values_of_one_seq_may_differ(tmp_path):
    builder = build(tmp_path)
    layers = [layer(builder, [7], [70], 3), layer(builder, [7], [71], 3)]
    parts = [records(builder, [7, 8], 1)]
    for deleted in ({3: [7]}, {0: [7]}, {0: [8]}):
        made = [
            builder.tree(field, [tombstones(builder, anchors, 4)])
            for field, anchors in deleted.items()
        ]
        builder.commit(trees(builder, parts, layers), tombstones=made)
        builder.swap("main", builder.versions[-1][0])
        if 7 in next(iter(deleted.values())):
            assert read_space(tmp_path).anchors == ([8] if 0 in deleted else [7, 8])
        else:
            with pytest.raises(Violation, match="S6.4"):
                read_space(tmp_path)


def test_replaced_entries_are_read(tmp_path):
    builder = build(tmp_path)
    old, new = records(builder, [0, 10], 0), records(builder, [0, 10], 0)
    gone = [pages.replaced_entry(old[track]) for track in (0, 1, 2)]
    builder.commit(trees(builder, [new]), replaced=builder.tree(0, gone), operation="compact")
    builder.swap("main", builder.versions[-1][0])
    dataset = read_space(tmp_path)
    assert dataset.replaced == {(old[track].child, 0) for track in (0, 1, 2)}
    assert dataset.anchors == [0, 10]
    assert all_ancestors(dataset) == 5


def test_two_values_of_one_seq_may_stand_below_a_newer(tmp_path):
    builder = build(tmp_path)
    layers = [layer(builder, [20], [3], 2), layer(builder, [20], [1], 1)]
    for some in (layers, layers[1:]):
        builder.commit(trees(builder, [records(builder, [20], 1)], some))
        builder.swap("main", builder.versions[-1][0])
        if some == layers:
            assert [row["values"]["count"] for row in read_space(tmp_path).rows()] == [3]
        else:
            with pytest.raises(Violation, match="S6.4"):
                read_space(tmp_path)


def test_a_restored_version_may_have_fewer_tombstones(tmp_path):
    builder = build(tmp_path)
    delete(builder, {0: [tombstones(builder, [5], 4)]})
    builder.commit(builder.versions[-1][1]["tracks"], operation="restore")
    builder.swap("main", builder.versions[-1][0])
    assert all_ancestors(read_space(tmp_path)) == 6
    builder.commit(builder.versions[-3][1]["tracks"], tombstones=builder.versions[-2][1]["tombstones"])
    builder.commit(builder.versions[-1][1]["tracks"], operation="append")
    builder.swap("main", builder.versions[-1][0])
    with pytest.raises(Violation, match="S6.10"):
        all_ancestors(read_space(tmp_path))


def test_refs_name_their_versions(tmp_path):
    build(tmp_path)
    snapshot = read_space(tmp_path, "main@v1")
    assert {row["anchor"]: row["values"]["count"] for row in snapshot.rows()}[7] == 14
    assert all_ancestors(read_space(tmp_path)) == 4
    for ref, code in (("other", "NotFound"), ("../main", "Corruption")):
        with pytest.raises(Violation) as caught:
            read_space(tmp_path, ref)
        assert caught.value.code == code


def test_the_highest_version_counts_and_a_deleted_ref_is_absent(tmp_path):
    builder = build(tmp_path)
    (tmp_path / ".swap/refs/main/~lock").write_bytes(b"\0\0\0\0")
    builder.swap("main/deeper", builder.versions[0][0])
    assert len(list(read_space(tmp_path).rows())) == 8
    builder.swap("main", builder.versions[0][0])
    assert not list(read_space(tmp_path).rows())
    gone = version_file.Version(4, bytes(16), bytes(16), True, b"")
    builder.write(".swap/refs/main/~00000000000000000004", version_file.encode(gone))
    with pytest.raises(Violation) as caught:
        read_space(tmp_path)
    assert (caught.value.code, caught.value.where) == ("NotFound", "refs/main")


def test_a_space_on_a_web_server_has_plain_names(tmp_path):
    build(tmp_path)
    versions = tmp_path / ".swap"
    newest = max((versions / "refs/main").glob("~" + "[0-9]" * 20))
    (tmp_path / "refs").mkdir()
    plain = tmp_path / "refs/main.ref"
    # A version file as a folder store leaves it, a body alone, and padded as WebDAV does.
    plain.write_bytes(newest.read_bytes())
    assert Folder(tmp_path).get_plain("refs/main", 1 << 20) == Folder(tmp_path).get_mutable(
        "refs/main", 1 << 20
    )
    body = Folder(tmp_path).get_plain("refs/main", 1 << 20)
    versions.rename(tmp_path / ".elsewhere")
    for data in (plain.read_bytes(), body, padded_file.encode(body, 900)):
        plain.write_bytes(data)
        assert len(list(read_space(tmp_path).rows())) == 8
        assert Folder(tmp_path).mutable_keys("refs") == ["refs/main"]
    gone = version_file.encode(version_file.Version(4, bytes(16), bytes(16), True, b""))
    mark = padded_file.DELETED
    for data in (gone, mark, padded_file.encode(mark, 900), None):
        plain.write_bytes(data) if data else plain.unlink()
        with pytest.raises(Violation) as caught:
            read_space(tmp_path)
        assert (caught.value.code, caught.value.where) == ("NotFound", "refs/main")
    plain.write_bytes(gone[:-1] + b"x")
    with pytest.raises(Violation, match="S9.12"):
        read_space(tmp_path)


@pytest.mark.parametrize(
    "key",
    ["", "/", "a//b", ".", "..", "a/../b", ".swap/x", "a\0", "a b", "a" * 256, "\u00e4", "a\n", "a.ref", "a.ref/b"],
)
def test_keys_cannot_leave_the_folder(tmp_path, key):
    with pytest.raises(Violation, match="S9.1"):
        Folder(tmp_path).get(key, 10)


def test_command_line(tmp_path, capsys):
    build(tmp_path)
    assert main([str(tmp_path), "--all", "--json", "--full"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["anchor"] for line in lines[:-1]] == [0, 5, 7, 10, 11, 20, 30, 100]
    vector = {"dtype": "f32", "shape": [3], "hex": space_builder.floats(5, 0.5, -1).hex()}
    assert lines[1]["values"] == {
        "caption": "text 1",
        "vector": vector,
        "count": 10,
        "label": "dog",
    }
    assert lines[-1]["summary"]["rows"] == 8 and lines[-1]["summary"]["versions"] == 4
    script = subprocess.run(
        [sys.executable, "-m", "dreamdb_reference", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(space_builder.__file__).parent.parent,
        check=False,
    )
    assert script.returncode == 0 and "rows 8" in script.stdout.splitlines()[-1]


def _files(root: pathlib.Path) -> list:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _small(root: pathlib.Path) -> None:
    builder = Builder(root)
    builder.commit(trees(builder, [records(builder, [0, 1, 3], 0)]))
    builder.swap("main", builder.versions[-1][0])


def test_every_flipped_byte_is_found_and_named(tmp_path):
    _small(tmp_path)
    checked = 0
    for path in _files(tmp_path):
        data = path.read_bytes()
        kind = path.relative_to(tmp_path).parts[0]
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            with pytest.raises(Violation) as caught:
                read_space(tmp_path)
            named = "refs/main" if kind == ".swap" else f"{kind}/{path.name}"
            assert named in caught.value.where, (path, at)
            checked += 1
        path.write_bytes(data)
    assert checked > 3000
    read_space(tmp_path)


def test_every_missing_cut_or_swapped_object_is_found_and_named(tmp_path, capsys):
    build(tmp_path)
    tip = read_space(tmp_path).key
    assert main([str(tmp_path), "--all"]) == 0
    objects = [path for path in _files(tmp_path) if path.relative_to(tmp_path).parts[0] != ".swap"]
    for path in objects:
        data = path.read_bytes()
        other = next(
            one
            for one in objects
            if one != path and path.parent in (one.parent, tmp_path / "genesis")
        ).read_bytes()
        for broken in (None, data[:-1], data + b"\0", b"", other):
            path.unlink()
            if broken is not None:
                path.write_bytes(broken)
            capsys.readouterr()
            name = f"{path.parent.name}/{path.name}"
            if broken is None and path.parent.name == "manifests" and name != tip:
                assert main([str(tmp_path), "--all"]) == 0, "its history was collected"
            else:
                assert main([str(tmp_path), "--all"]) == 1, path
                assert name in capsys.readouterr().err
            path.write_bytes(data)


def test_sessions_are_read_and_wrong_ones_named(tmp_path):
    build(tmp_path)
    assert read_sessions(tmp_path) == {}
    keys = {"role": "writer", "ref": "main", "epoch": 0, "pins": [], "host": "h", "process": 1}
    keys |= {"program": "p", "start_ns": 1, "beat_ns": 2, "fenced": False, "write": bytes(16)}
    body = structures.encode_session(bytes(16), **keys)

    def put(session, number, replaced, deleted, data):
        folder = tmp_path / ".swap/sessions" / session
        folder.mkdir(parents=True, exist_ok=True)
        version = version_file.Version(number, bytes([number] * 16), replaced, deleted, data)
        (folder / f"~{number:020d}").write_bytes(version_file.encode(version))

    put("aa", 1, bytes(16), False, body)
    put("bb", 1, bytes(16), False, body)
    put("bb", 2, bytes([1] * 16), True, b"")
    assert {name: one["beat_ns"] for name, one in read_sessions(tmp_path).items()} == {"aa": 2}
    put("cc", 1, bytes(16), False, body[:-1])
    with pytest.raises(Violation, match="sessions/cc"):
        read_sessions(tmp_path)
