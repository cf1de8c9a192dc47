"""Conflicts of merges: the report of a refusal, how many are told, and as Arrow."""

import gc
import json
import pickle

import numpy as np
import pyarrow as pa
import pytest

import dreamdb
from dreamdb import Conflicts, Dataset, Schema

TYPES = pa.schema(
    [
        pa.field("anchor", pa.uint64(), nullable=False),
        pa.field("field", pa.string()),
        pa.field("target", pa.string()),
        pa.field("source", pa.string()),
        pa.field("source_manifest", pa.string()),
    ]
)
ROWS = 1200


@pytest.fixture
def sides(url):
    """Two branches that have different numbers and names at the same anchors."""
    schema = Schema().add_scalar_int("n").add_scalar_string("name", required=False)
    target = Dataset.create("main", schema, backend=url)
    source = target.branch("b")
    anchors = np.arange(2**63, 2**63 + ROWS, dtype=np.uint64)
    target.append_many({"_anchor": anchors, "n": np.zeros(ROWS, int), "name": [""] * ROWS})
    source.append_many({"_anchor": anchors, "n": np.ones(ROWS, int), "name": ["Zoë"] * ROWS})
    return target, source


def refusal(target, source, **options):
    with pytest.raises(dreamdb.ConflictError) as refused:
        target.merge(source, **options)
    return refused.value


def test_the_error_has_the_report(sides):
    target, source = sides
    before = target.current_manifest()
    error = refusal(target, source)
    assert error.report == target.merge(source, dry_run=True)
    assert error.report["outcome"] == "refused" and target.current_manifest() == before
    assert json.loads(json.dumps(error.report)) == error.report
    assert pickle.loads(pickle.dumps(error)).report == error.report
    with pytest.raises(dreamdb.ConflictError) as other:
        target.merge(source, "fast-forward")
    assert other.value.report is None and dreamdb.ConflictError("x").report is None


def test_as_many_are_told_as_asked_for(sides):
    target, source = sides
    assert len(refusal(target, source).report["conflicts"]) == 1000
    for conflicts_max in (1, 2 * ROWS - 1, 2 * ROWS, 10**12):
        for report in (
            refusal(target, source, conflicts_max=conflicts_max).report,
            target.merge(source, dry_run=True, conflicts_max=conflicts_max),
        ):
            assert len(report["conflicts"]) == min(conflicts_max, 2 * ROWS)
            assert report["more_conflicts"] is (conflicts_max < 2 * ROWS)
    plan = target.merge_many([source], dry_run=True, conflicts_max=7)
    assert len(plan["conflicts"]) == 7
    for wrong in (0, -1, 2**64):
        with pytest.raises(dreamdb.OutOfRangeError, match="conflicts_max"):
            target.merge(source, conflicts_max=wrong)
    with pytest.raises(dreamdb.WrongTypeError, match="conflicts_max"):
        target.merge_many([source], conflicts_max="all")


def test_as_arrow(sides):
    target, source = sides
    conflicts = refusal(target, source, conflicts_max=10**6).report["conflicts"]
    one = {"anchor": 2**63, "field": "name", "target": "", "source": r"Zo\xc3\xab"}
    assert {**one, "source_manifest": source.current_manifest()} in conflicts
    batch = Conflicts(conflicts).batch()
    batch.validate(full=True)
    assert batch.schema.equals(TYPES) and pa.schema(Conflicts([])).equals(TYPES)
    assert batch.to_pylist() == conflicts
    assert all(column.null_count == 0 for column in batch.columns)
    table = pa.table(Conflicts(conflicts))
    del conflicts, batch
    gc.collect()
    assert table["anchor"].to_numpy()[-1] == 2**63 + ROWS - 1
    assert set(table["target"].to_pylist()) == {"0", ""}


def test_some_of_them_as_arrow(sides):
    target, source = sides
    report = target.merge(source, dry_run=True, conflicts_max=10**6)
    names = Conflicts(one for one in report["conflicts"] if one["field"] == "name")
    assert len(names) == ROWS == names.batch().num_rows == names.batch().num_rows
    nothing = Conflicts([]).batch()
    assert nothing.num_rows == 0 and nothing.schema.equals(TYPES)
    nothing.validate(full=True)


def test_what_is_none_is_null():
    one = {"field": "x", "source": "", "source_manifest": None}
    some = [{**one, "anchor": i, "target": None if i % 3 else "1"} for i in range(20)]
    batch = Conflicts(some).batch()
    batch.validate(full=True)
    assert batch.to_pylist() == some
    assert [column.null_count for column in batch.columns] == [0, 0, 13, 0, 20]


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"anchor": -1}, dreamdb.OutOfRangeError, "`anchor`"),
        ({"anchor": "1"}, dreamdb.WrongTypeError, "`anchor`"),
        ({"anchor": None}, dreamdb.WrongTypeError, "`anchor`"),
        ({"target": 5}, dreamdb.WrongTypeError, "`target`"),
        ({"source": "\ud800"}, dreamdb.InvalidArgumentError, "`source`"),
    ],
)
def test_what_is_no_conflict_is_refused(change, error, message):
    good = {"anchor": 1, "field": "x", "target": "1", "source": "2", "source_manifest": "m"}
    with pytest.raises(error, match=message):
        Conflicts([good, {**good, **change}]).batch()
    for name in good:
        with pytest.raises(dreamdb.InvalidArgumentError, match=f"no `{name}`"):
            Conflicts([{key: good[key] for key in good if key != name}]).batch()
    with pytest.raises(dreamdb.WrongTypeError, match="a dict, not tuple"):
        Conflicts([tuple(good.values())]).batch()
