"""Versions that keep every rule, and those that break one: the reader names it."""

import pathlib

import pytest
import space_builder
from space_builder import Builder, build, delete, layer, records, tombstones, trees

from dreamdb_reference import Violation, address, pages, read_space, structures
from dreamdb_reference.segment_writer import write_blob, write_matrix, write_scalar
from dreamdb_reference.space import all_ancestors


def _broken(root: pathlib.Path, change) -> Violation:
    """The violation of a version over two records' segments that `change` has broken."""
    builder = Builder(root)
    builder.commit([], operation="create")
    change(builder)
    builder.swap("main", builder.versions[-1][0])
    with pytest.raises(Violation) as caught:
        all_ancestors(read_space(root))
    assert caught.value.where
    return caught.value


def _two(builder: Builder) -> list:
    return [records(builder, [0, 10], 1), records(builder, [5, 20], 1)]


def _primary_twice(builder):
    builder.commit(trees(builder, [records(builder, [0, 10], 1), records(builder, [10, 20], 1)]))


def _layer_of_no_record(builder):
    builder.commit(trees(builder, _two(builder), [layer(builder, [6], [1], 1)]))


def _blob_of_no_record(builder):
    parts, more = _two(builder), records(builder, [7], 1)
    parts[1][1] = more[1]
    builder.commit(trees(builder, parts))


def _track_without_records(builder):
    builder.commit(trees(builder, _two(builder))[1:])


def _same_seq(builder):
    builder.commit(trees(builder, _two(builder), [layer(builder, [5], [1], 1)]))


def _replaced(*roots):
    """Replaces one of two parts, and then does what `roots` say: which of them are in `replaced`
    and which in the tracks of each version."""

    def change(builder):
        parts = [records(builder, [0, 10], 0), records(builder, [20], 0)]
        for named, held in roots:
            gone = [pages.replaced_entry(parts[i][track]) for i in named for track in (0, 1, 2)]
            keys = {"replaced": builder.tree(0, gone)} if gone else {}
            builder.commit(trees(builder, [parts[i] for i in held]), **keys)

    return change


def _merge(builder) -> None:
    """Two branches with a record in common, and a version with both as parents (6.5)."""
    left = records(builder, [0, 5], 1)
    builder.commit(trees(builder, [left]))
    kept = builder.versions.pop()
    right = records(builder, [5, 10], 1)
    name = builder.commit(trees(builder, [right]))
    builder.versions[-1] = kept
    right[0] = right[0]._replace(records=0)
    fresh = builder.segment(write_scalar(builder.nonce(), [10], []), 2)
    right[2] = records(builder, [10], 1)[2]
    tracks = trees(builder, [left, right], [fresh])
    builder.commit(tracks, parents=[kept[0], name], generation=2)


def test_a_merged_version_has_what_its_parents_have(tmp_path):
    builder = Builder(tmp_path)
    builder.commit([], operation="create")
    _merge(builder)
    builder.swap("main", builder.versions[-1][0])
    dataset = read_space(tmp_path)
    assert [row["anchor"] for row in dataset.rows()] == [0, 5, 10]
    assert [row["values"]["count"] for row in dataset.rows()] == [None, 10, 20]
    assert all_ancestors(dataset) == 4


def _same_vector_and_seq(builder):
    parts = [records(builder, [0, 5], 1), records(builder, [5, 10], 1)]
    parts[1][0] = builder.segment(write_scalar(builder.nonce(), [10], []), 1)
    builder.commit(trees(builder, parts))


def _id_of_a_merged_branch_again(builder):
    fields = space_builder.FIELDS
    again = {"id": 6, "name": "more", "type": "int", "required": False}
    builder.commit([])
    kept = builder.versions.pop()
    name = builder.commit([], schema={"fields": fields, "next": 9})
    builder.versions[-1] = kept
    schema = {"fields": fields + [again], "next": 9}
    builder.commit([], schema=schema, parents=[kept[0], name])


def _mixed_statistics(builder):
    parts = _two(builder)
    parts[1][0] = parts[1][0]._replace(stats={3: [2, b"a", b"b", None], 4: parts[1][0].stats[4]})
    leaf = pages.encode_page(builder.nonce(), 0, sorted([part[0] for part in parts]))
    builder.put("pages", leaf)
    root = pages.Root(0, address.address_of(leaf), len(leaf), 0, 0, 20, 4, 4, 2, 9)
    builder.commit([root])


def _seq_above(builder):
    builder.commit(trees(builder, _two(builder), [layer(builder, [5], [1], 2)]))


def _root_sum(builder):
    roots = trees(builder, _two(builder))
    builder.commit([roots[0]._replace(bytes=roots[0].bytes + 1)] + roots[1:])


def _root_height(builder):
    roots = trees(builder, _two(builder))
    builder.commit([roots[0]._replace(height=1)] + roots[1:])


def _entry(**changes):
    def change(builder):
        parts = _two(builder)
        parts[0][0] = parts[0][0]._replace(**changes)
        builder.commit(trees(builder, parts))

    return change


def _inner(**changes):
    def change(builder):
        entries = [part[0] for part in _two(builder)]
        leaves = [pages.encode_page(builder.nonce(), 0, [entry]) for entry in entries]
        inner = [pages.inner_entry(leaf) for leaf in leaves]
        inner[0] = inner[0]._replace(**changes)
        top = pages.encode_page(builder.nonce(), 1, inner)
        for page in leaves + [top]:
            builder.put("pages", page)
        builder.commit([pages.root_of(0, top)])

    return change


def _pages_out_of_order(builder):
    entries = sorted(
        (
            part[0]
            for part in [
                records(builder, [0, 10], 1),
                records(builder, [1, 20], 1),
                records(builder, [2, 30], 1),
            ]
        ),
        key=pages.leaf_key,
    )
    leaves = [
        pages.encode_page(builder.nonce(), 0, [entries[0], entries[2]]),
        pages.encode_page(builder.nonce(), 0, [entries[1]]),
    ]
    top = pages.encode_page(builder.nonce(), 1, [pages.inner_entry(leaf) for leaf in leaves])
    for page in leaves + [top]:
        builder.put("pages", page)
    builder.commit([pages.root_of(0, top)])


def _ledger_as_track(builder):
    root = builder.tree(0, [pages.ledger_entry("key", 1, 1)])
    builder.commit([root])


def _segment_in_ledger(builder):
    roots = trees(builder, _two(builder))
    builder.commit(roots, roots[0])


def _wrong_dimension(builder):
    parts = _two(builder)
    data = write_matrix(builder.nonce(), [0, 10], 2, "f32", [4], bytes(32))
    parts[0][2] = builder.segment(data, 1)
    builder.commit(trees(builder, parts))


def _wrong_column_type(builder):
    data = write_scalar(builder.nonce(), [0, 10], [(3, "timestamp", [1, 2], 0, False)])
    builder.commit([builder.tree(0, [builder.segment(data, 1)])])


def _column_of_a_blob(builder):
    data = write_scalar(builder.nonce(), [0, 10], [(1, "int", [1, 2], 0, False)])
    builder.commit([builder.tree(0, [builder.segment(data, 1)])])


def _text_not_utf8(builder):
    parts = _two(builder)
    parts[0][1] = builder.segment(write_blob(builder.nonce(), [0, 10], 1, [b"\xff", b"a"]), 1)
    builder.commit(trees(builder, parts))


def _commit(**changes):
    return lambda builder: builder.commit([], **changes)


def _other_ancestor(builder):
    for _ in range(4):
        builder.commit([])
    chain = builder.versions[-1][1]["ancestors"]
    strange = address.address_of(b"strange")
    builder.commit([], ancestors=[[4, builder.versions[-1][0]], [chain[0][0], strange]] + chain[1:])


def _id_again(builder):
    fields = space_builder.FIELDS
    builder.commit([], schema={"fields": fields[:3], "next": 5})
    builder.commit([])


def _tombstones(field, *parts, **entry):
    """Adds tombstones: each part is anchors, and whether what they delete stands in the tracks."""

    def change(builder):
        builder.commit(trees(builder, _two(builder)))
        made = [tombstones(builder, anchors, 2, standing) for anchors, standing in parts]
        delete(builder, {field: [one._replace(**entry) for one in made]})

    return change


def _tombstones_with_columns(builder):
    builder.commit(trees(builder, _two(builder)))
    delete(builder, {0: [records(builder, [0, 10], 2)[0]]})


WRONG_STATS = {3: [1, 20, 20, None], 4: [2, b"bat", b"bat", [b"bat"]]}
BROKEN = [
    (_primary_twice, "S6.3"),
    (_layer_of_no_record, "S6.3"),
    (_blob_of_no_record, "S6.3"),
    (_track_without_records, "S6.3"),
    (_same_seq, "S6.4"),
    (_replaced(([], [0, 1]), ([1], [0, 1])), "S6.11"),
    (_replaced(([], [0, 1]), ([1], [0]), ([], [0])), "S6.11"),
    (_same_vector_and_seq, "S6.4"),
    (_id_of_a_merged_branch_again, "S5.2"),
    (_mixed_statistics, "S6.5"),
    (_seq_above, "S6.6"),
    (_root_sum, "S6.6"),
    (_root_height, "S6.6"),
    (_pages_out_of_order, "S6.1"),
    (_entry(last=20, step=20), "S6.6"),
    (_entry(footer=100), "S6.6"),
    (_entry(size=9999), "S6.6"),
    (_entry(step=0), "S6.6"),
    (_entry(stats=WRONG_STATS), "S6.5"),
    (_entry(stats={}), "S6.5"),
    (_entry(records=0), "S6.3"),
    (_inner(rows=3), "S6.6"),
    (_inner(seq=0), "S6.6"),
    (_inner(last=11), "S6.6"),
    (_inner(bytes=1), "S6.6"),
    (_inner(segments=2), "S6.6"),
    (_inner(size=77), "S6.6"),
    (_inner(stats={}), "S6.5"),
    (_inner(stats=WRONG_STATS), "S6.5"),
    (_ledger_as_track, "S6.7"),
    (_segment_in_ledger, "S6.7"),
    (_wrong_dimension, "S7.8"),
    (_wrong_column_type, "S7.8"),
    (_column_of_a_blob, "S7.8"),
    (_text_not_utf8, "S7.7"),
    (_tombstones(0, ([0, 10], True), ([10, 20], True)), "S6.9"),
    (_tombstones(3, ([0, 10], True), ([5, 10], True)), "S6.9"),
    (_tombstones(0, ([0, 1], True)), "S6.9"),
    (_tombstones(0, ([0, 1], False)), "S6.9"),
    (_tombstones(0, ([0], True), seq=9), "S6.6"),
    (_tombstones(0, ([0], True), size=9999), "S6.6"),
    (_tombstones_with_columns, "S7.8"),
    (_commit(time_ns=0), "S5.1"),
    (_commit(generation=5), "S5.5"),
    (_commit(timeline=address.address_of(b"no genesis")), "9.2"),
    (_other_ancestor, "S5.4"),
    (_id_again, "S5.2"),
    (_commit(schema={"fields": [space_builder.FIELDS[0] | {"type": "blob"}], "next": 5}), "S5.2"),
    (_commit(schema={"fields": space_builder.FIELDS[:1], "next": 4}), "S5.2"),
]


@pytest.mark.parametrize("change, invariant", BROKEN)
def test_broken_versions_are_refused(tmp_path, change, invariant):
    assert _broken(tmp_path, change).invariant == invariant
