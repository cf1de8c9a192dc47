"""What is no argument of a call: the error names the argument, what it takes and what was given."""

import numpy as np
import pytest

import dreamdb
from dreamdb import Dataset, InvalidArgumentError, Schema, col, list_refs

WRONG_INT = ["1", 1.5, True, None, [1], b"1"]
WRONG_TEXT = [1, 1.5, True, b"main", ["main"]]


def refused(name, value, call):
    """`call` is refused by an error of ours with the argument's name and the value's type."""
    with pytest.raises(InvalidArgumentError) as caught:
        call()
    text = str(caught.value)
    assert name in text and type(value).__name__ in text, text
    assert "incompatible function arguments" not in text


@pytest.mark.parametrize("value", WRONG_INT)
def test_ints(pets, url, value):
    schema = Schema().add_scalar_int("x")
    calls = {
        "batch_size": lambda v: pets.iter_stream(v),
        "start_ns": lambda v: pets.iter_time_range(v, 10),
        "memory_bytes": lambda v: pets.iter_stream(memory_bytes=v),
        "top_k": lambda v: pets.iter_vector("vec", [1, 2, 3, 4], v),
        "max_depth": lambda v: pets.history(v),
        "depth": lambda v: pets.version_at(v),
        "commit_rows": lambda v: pets.writer(commit_rows=v),
        "commit_bytes": lambda v: pets.writer(commit_bytes=v),
        "buffer_bytes": lambda v: pets.writer(buffer_bytes=v),
        "origin_ns": lambda v: Dataset.create("other", schema, url, origin_ns=v),
        "cache_bytes": lambda v: Dataset.open("main", backend=url, cache_bytes=v),
        "an index of anchors": lambda v: pets.list_anchors()[v],
        "field `e`: a size": lambda v: Schema().add_embedding("e", v),
    }
    for name, call in calls.items():
        if value is None and name == "start_ns":
            continue  # the beginning
        refused(name, value, lambda: call(value))
    if value is not None:
        refused("end_ns", value, lambda: pets.iter_time_range(0, value))
        refused("nprobe", value, lambda: pets.iter_vector("vec", [1, 2, 3, 4], 1, nprobe=value))
        refused("time_ns", value, lambda: Dataset.open("main", backend=url, time_ns=value))


@pytest.mark.parametrize("value", WRONG_TEXT)
def test_texts(pets, url, value):
    schema = Schema().add_scalar_int("x")
    calls = {
        "name": lambda v: Dataset.open(v, backend=url),
        "backend": lambda v: Dataset.create("other", schema, v),
        "label": lambda v: pets.snapshot(v),
        "new_name": lambda v: pets.branch(v),
        "key": lambda v: pets.set_meta(v, "x"),
        "value": lambda v: pets.set_meta("x", v),
        "text": lambda v: pets.set_description(v),
        "revision": lambda v: pets.set_application("x", v),
        "prefix": lambda v: pets.list_refs(v),
        "other": lambda v: pets.diff(v),
        "field": lambda v: pets.distinct_values(v),
        "manifest": lambda v: Dataset.open("main", backend=url, manifest=v),
        "manifest_hash": lambda v: Dataset.open_by_manifest(v, url),
        "on_conflict": lambda v: pets.append_many([], on_conflict=v),
        "idempotency_key": lambda v: pets.append_many([], idempotency_key=v),
        "the name of a field": lambda v: col(v),
        "pattern": lambda v: col("name").like(v),
        "mime": lambda v: Schema().add_image("i", v),
        "algorithm": lambda v: Schema().add_embedding("e", 4, v),
        "units": lambda v: Schema().add_array("a", "f4", (1,), units=v),
    }
    for name, call in calls.items():
        refused(name, value, lambda: call(value))
    refused("name", value, lambda: pets.delete_ref(value))
    refused("name", value, lambda: Schema().add_text(value))
    refused("backend", value, lambda: list_refs(value))


def test_others(pets, url):
    refused("schema", 3, lambda: Dataset.create("x", 3, url))
    refused("schema", 3, lambda: Dataset.open("main", 3, url))
    refused("version", "v1", lambda: Dataset.open_at("v1", url))
    refused("cache_dir", 3, lambda: Dataset.open("main", backend=url, cache_dir=3))
    refused("fields", 3, lambda: pets.iter_stream(fields=3))
    refused("fields", 3, lambda: pets.take([10], fields=["vec", 3]))
    refused("_anchor", 3, lambda: pets.take(3))
    refused("_anchor", "10", lambda: pets.take("10"))
    refused("where", 3, lambda: pets.count(3))
    refused("where", {}, lambda: pets.count({"size": 1}))
    refused("where_eq", [], lambda: pets.count(where_eq=[("size", 1)]))
    refused("required", "no", lambda: Schema().add_text("t", "no"))
    refused("shape", "3", lambda: Schema().add_array("a", "f4", "3"))
    refused("shape", None, lambda: Schema().add_array("a", "f4", None))
    refused("dtype", 3, lambda: Schema().add_array("a", 3, (1,)))


def test_a_bool_is_no_anchor(pets):
    row = {"vec": [1, 2, 3, 4], "size": 1}
    for value in (True, False):
        with pytest.raises(TypeError, match="`_anchor`.*not bool"):
            pets.append_many([{"_anchor": value, **row}])
        with pytest.raises(TypeError, match="`_anchor`.*not bool"):
            pets.append_many({"_anchor": [value], "vec": [[1, 2, 3, 4]], "size": [1]})
        with pytest.raises(TypeError, match="`_anchor`"):
            pets.take([value])
    with pytest.raises(TypeError, match="`_anchor`"):
        pets.append_many({"_anchor": np.array([True]), "vec": np.ones((1, 4)), "size": [1]})
    assert len(pets) == 10


def test_limits_that_are_none(pets):
    for name in ("commit_rows", "commit_bytes"):
        for value in (0, -1):
            with pytest.raises(InvalidArgumentError, match=f"{name} must be at least 1, not {value}"):
                pets.writer(**{name: value})
    with pytest.raises(InvalidArgumentError, match="batch_size must be at most"):
        pets.iter_stream(2**64)
    with pytest.raises(InvalidArgumentError, match="surrogate"):
        pets.set_meta("k", "\ud800")
    assert list(pets.iter_time_range(np.int64(10), np.uint64(21)))[0]["_time_anchors"] == [10, 20]
    with pytest.raises(InvalidArgumentError, match=r"\[20, 10\)"):
        pets.iter_time_range(20, 10)


def test_a_branch_is_not_named_as_a_snapshot(pets):
    with pytest.raises(InvalidArgumentError, match="`main@v9` is the name of a snapshot"):
        pets.branch("main@v9")
    assert pets.list_refs() == ["main"]


def test_errors_name_the_row_that_was_given(url):
    schema = Schema().add_embedding("e", dim=2).add_scalar_int("x", required=False)
    dataset = Dataset.create("main", schema, backend=url)
    good = {"e": [1, 2]}
    for bad, text in (
        ({"e": [1]}, "vector dim 1 != schema dim 2"),
        ({"e": [1, "x"]}, "`e`"),
        ({"e": [1, 2], "x": "one"}, "`x`"),
        ({"e": [1, float("nan")]}, "NaN"),
        ({"e": [0, 0]}, "norm is zero"),
        ({"x": 1}, "required field `e`"),
        ({"e": [1, 2], "zz": 1}, "`zz`"),
    ):
        with pytest.raises(InvalidArgumentError, match=r"row 2\b") as caught:
            dataset.append_many([good, good, bad, good])
        assert text in str(caught.value) and "anchor" not in str(caught.value)
    for columns in ({"e": [[1, 2], [1, 2], [1]]}, {"e": np.array([[1, 2], [1, 2], [0, 0]])},
                    {"e": [[1, 2], [1, 2], None]}):
        with pytest.raises(InvalidArgumentError, match=r"row 2\b"):
            dataset.append_many(columns)
    # A writer counts from its first row.
    with pytest.raises(InvalidArgumentError, match=r"row 3\b"), dataset.writer() as writer:
        writer.append([good, good])
        writer.append_columns({"e": [[3, 4]]})
        writer.append({"e": [0, 0]})
    assert len(dataset) == 0
    dreamdb.Dataset.open("main", backend=url)
