"""append_many with columns: NumPy arrays and lists, without copying and without harm."""

import gc
import sys

import numpy as np
import pytest
from conftest import assert_same_rows, pet_rows

import dreamdb
from dreamdb import Dataset, Schema


@pytest.fixture
def plain(url):
    schema = (
        Schema()
        .add_embedding("e", 3)
        .add_scalar_int("i")
        .add_scalar_float("f", required=False)
        .add_scalar_bool("b", required=False)
        .add_scalar_string("s", required=False)
        .add_image("im", required=False)
        .add_scalar_timestamp("t", required=False)
        .add_array("a", "i32", (2,), required=False)
    )
    return Dataset.create("main", schema, backend=url)


def columns(n, **more):
    rng = np.random.default_rng(n)
    return {
        "_anchor": np.arange(1, n + 1, dtype=np.uint64),
        "e": rng.standard_normal((n, 3)).astype(np.float32),
        "i": rng.integers(-(2**62), 2**62, n),
    } | more


def test_columns_and_rows_give_the_same(pets, tmp_path):
    rows = pet_rows()
    other = Dataset.create("main", pets.schema, backend=f"file://{tmp_path}/other")
    other.append_many(
        {name: [row.get(name) for row in rows] for name in ["_anchor", *pets.schema.names]}
    )
    assert_same_rows(list(other.iter_rows()), list(pets.iter_rows()))


def test_arrays_of_each_kind(plain):
    n = 1000
    given = columns(
        n,
        f=np.linspace(-1, 1, n),
        b=np.arange(n) % 3 == 0,
        s=np.array([f"s{i}" for i in range(n)]),
        im=[bytes([i % 256]) for i in range(n)],
        t=np.arange(n),
        a=np.arange(2 * n, dtype=np.int32).reshape(n, 2),
    )
    assert plain.append_many(given) == n
    got = plain.take(given["_anchor"], as_numpy=True)
    for name in ("e", "i", "f", "b", "t", "a"):
        assert got[name].dtype == given[name].dtype and np.array_equal(got[name], given[name]), name
    assert got["s"] == list(given["s"]) and got["im"] == given["im"]
    assert got["_time_anchors"].tolist() == given["_anchor"].tolist()


def test_without_anchors(plain):
    given = columns(100)
    del given["_anchor"]
    plain.append_many(given)
    assert len(plain) == 100
    assert np.array_equal(plain.take(plain.list_anchors(), as_numpy=True)["i"], given["i"])


def test_conversions(plain):
    n = 4
    plain.append_many(
        {
            "_anchor": [1, 2, 3, 4],
            "e": np.asfortranarray(np.ones((n, 3)) * 2),  # f64, another order
            "i": np.arange(n, dtype=np.int8),
            "f": np.arange(n, dtype=">f4"),
            "b": [True, None, False, None],
            "s": np.array(["a", "b", "c", "d"], object),
            "t": np.array(
                ["1970-01-01T00:00:00.000000001", "NaT", "1969-12-31T23:59:59", "2000-01-01"],
                "datetime64[ns]",
            ),
            "a": np.arange(8, dtype=np.int64).reshape(n, 2),
        }
    )
    got = plain.take([1, 2, 3, 4])
    assert (
        got["e"] == [[2.0] * 3] * 4
        and got["i"] == [0, 1, 2, 3]
        and got["f"] == [0.0, 1.0, 2.0, 3.0]
    )
    assert got["b"] == [True, None, False, None] and got["s"] == ["a", "b", "c", "d"]
    assert got["t"] == [1, None, -(10**9), 946684800 * 10**9]
    assert got["a"][3].tolist() == [6, 7] and got["a"][3].dtype == np.int32


def test_masked_arrays_and_datetimes_without_nat(plain):
    plain.append_many(
        columns(
            3,
            f=np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False]),
            t=np.array([1, 2, 3], "datetime64[s]"),
        )
    )
    got = plain.take([1, 2, 3])
    assert got["f"] == [1.0, None, 3.0] and got["t"] == [10**9, 2 * 10**9, 3 * 10**9]


def test_many_pieces(plain):
    """More than one piece of 16 MiB, anchors descending, some values absent at odd places."""
    n = 300_000
    given = columns(
        n,
        f=[None if i % 7 == 3 else i / 2 for i in range(n)],
        s=[None if i % 5 == 0 else f"text {i}" for i in range(n)],
    )
    given["_anchor"] = given["_anchor"][::-1]
    given["a"] = np.stack([np.arange(n), -np.arange(n)], 1).astype(np.int32)
    plain.append_many(given)
    assert len(plain) == n
    at = [1, 2, 3, n // 2, n - 1, n]
    got = plain.take(at)
    for k, anchor in enumerate(at):
        i = n - anchor
        assert got["i"][k] == given["i"][i] and got["f"][k] == given["f"][i]
        assert got["s"][k] == given["s"][i] and got["a"][k].tolist() == [i, -i]
    assert plain.count("f is null") == sum(v is None for v in given["f"])


def test_arrays_are_let_go(plain):
    given = columns(1000)
    counts = {name: sys.getrefcount(array) for name, array in given.items()}
    plain.append_many(given)
    gc.collect()
    assert {name: sys.getrefcount(array) for name, array in given.items()} == counts
    data = bytes(range(256)) * 10
    before = sys.getrefcount(data)
    plain.append_many([{"_anchor": 5000, "e": [1, 2, 3], "i": 1, "im": data}])
    gc.collect()
    assert sys.getrefcount(data) == before
    view = np.zeros((2, 3), np.float32) + 1
    plain.append_many({"_anchor": [9001, 9002], "e": view, "i": [1, 2]})
    view.resize((4, 3), refcheck=False)  # would raise while a buffer is exported
    assert view.shape == (4, 3)


@pytest.mark.parametrize(
    "change, kind",
    [
        ({"zz": [1, 2]}, ValueError),
        ({"i": [1]}, ValueError),
        ({"i": np.zeros((2, 1), np.int64)}, ValueError),
        ({"i": np.array([1.0, 2.0])}, TypeError),
        ({"i": np.array([1, 2**63], np.uint64)}, OverflowError),
        ({"i": ["1", "2"]}, TypeError),
        ({"i": np.array(["1", "2"])}, TypeError),
        ({"i": 5}, TypeError),
        ({"s": "ab"}, TypeError),
        ({"s": np.array([1, 2])}, TypeError),
        ({"b": np.array([0, 1])}, TypeError),
        ({"f": np.array(["a", "b"])}, TypeError),
        ({"f": np.array([1j, 2])}, TypeError),
        ({"im": np.array([b"a", b"b"], object), "i": [1, None, 3]}, ValueError),
        ({"e": np.ones((2, 4), np.float32)}, ValueError),
        ({"e": np.ones(2, np.float32)}, TypeError),
        ({"e": np.array([[1, 2, np.nan], [1, 2, 3]], np.float32)}, RuntimeError),
        ({"e": np.array([[1, 2, 3], [1, np.inf, 3]])}, RuntimeError),
        ({"a": np.ones((2, 3), np.int32)}, ValueError),
        ({"a": np.ones((2, 2))}, TypeError),
        ({"a": np.full((2, 2), 2**31)}, OverflowError),
        ({"_anchor": [1, -1]}, OverflowError),
        ({"_anchor": np.array([1, -1])}, OverflowError),
        ({"_anchor": np.array([1.0, 2.0])}, TypeError),
        ({"_anchor": np.array([1, 2**64 - 1], np.uint64)}, OverflowError),
        ({"_anchor": np.array([[1], [2]])}, ValueError),
        ({"_anchor": [1, "2"]}, TypeError),
        ({"_anchor": [7, 7]}, dreamdb.DreamDBError),
    ],
)
def test_refusals(plain, change, kind):
    given = {"_anchor": [1, 2], "e": np.ones((2, 3), np.float32), "i": np.array([1, 2])} | change
    before = plain.current_manifest()
    with pytest.raises(kind) as caught:
        plain.append_many(given)
    assert isinstance(caught.value, dreamdb.DreamDBError)
    assert plain.current_manifest() == before and len(Dataset.open(plain.locator)) == 0


def test_missing_required_column(plain):
    with pytest.raises(dreamdb.InvalidArgumentError, match="required field `i`"):
        plain.append_many({"e": np.ones((2, 3), np.float32)})
    with pytest.raises(dreamdb.InvalidArgumentError, match="required field `i`"):
        plain.append_many({"e": np.ones((2, 3), np.float32), "i": [1, None]})


def test_nothing(plain):
    before = plain.generation
    assert plain.append_many({}) == 0
    assert plain.append_many({"e": np.ones((0, 3), np.float32), "i": []}) == 0
    assert plain.append_many(iter(())) == 0
    assert len(plain) == 0 and plain.generation == before


def test_conflicts_by_column(plain):
    plain.append_many(columns(100))
    assert plain.append_many(columns(100)) == 100 and len(plain) == 100
    changed = columns(100)
    changed["i"] = changed["i"] + (changed["_anchor"] == 50)
    with pytest.raises(dreamdb.ConflictError, match="50"):
        plain.append_many(changed)
    plain.append_many(changed, on_conflict="replace")
    assert plain.take([50])["i"] == [changed["i"][49]] and len(plain) == 100


def test_writer(plain):
    with plain.writer(commit_rows=100) as writer:
        for i in range(250):
            assert writer.append({"_anchor": i, "e": [1, 2, i], "i": i}) == 1
        writer.append_columns({"_anchor": [1000], "e": np.ones((1, 3), np.float32), "i": [1]})
        writer.append([{"_anchor": 1001, "e": [1, 2, 3], "i": 5}])
        report = writer.commit()
        assert report.rows == 252 == report.records
    assert len(plain) == 252
    with pytest.raises(dreamdb.InvalidArgumentError, match="closed"):
        writer.append({"i": 1})
    with pytest.raises(KeyError):
        with plain.writer() as writer:
            writer.append({"_anchor": 5000, "e": [1, 2, 3], "i": 1})
            raise KeyError
    assert len(plain) == 252
    with pytest.raises(dreamdb.InvalidArgumentError):
        with plain.writer() as writer:
            writer.append({"_anchor": 5001, "e": [1, 2], "i": 1})


def test_writer_commits_by_rows(plain):
    before = plain.generation
    with plain.writer(commit_rows=1000) as writer:
        for start in range(0, 10_000, 500):
            given = columns(500)
            given["_anchor"] += start
            writer.append_columns(given)
    assert len(plain) == 10_000
    assert 5 <= plain.generation - before <= 11


def test_what_a_writer_has_taken_is_committed_by_its_limits(plain):
    rows = [{"_anchor": i, "e": [1, 2, i], "i": i} for i in range(35)]
    before = plain.generation
    writer = plain.writer(commit_rows=10)
    for row in rows:
        writer.append(row)
    plain.refresh()
    assert len(plain) == 30 and plain.generation - before == 3
    writer.commit()
    writer = plain.writer(commit_bytes=1000)
    writer.append_rows({"_anchor": 100 + i, "e": [1, 2, i], "i": i} for i in range(1000))
    plain.refresh()
    assert 900 < len(plain) < 1035
    writer.close()
    plain.refresh()
    before, rows_before = plain.generation, len(plain)
    given = columns(100)
    given["_anchor"] += 10_000
    writer = plain.writer(commit_rows=30)
    writer.append_columns(given)
    plain.refresh()
    assert len(plain) - rows_before == 96 and plain.generation - before == 3


def test_times_that_nanoseconds_do_not_hold(plain):
    for unit in ("D", "s", "us"):
        for far in ("3000-01-01", "1500-01-01", "2262-04-12", "1677-09-20"):
            times = np.array(["2000-01-01", "NaT", far], f"datetime64[{unit}]")
            with pytest.raises(dreamdb.OutOfRangeError, match=f"{far}.* in row 2 .*1677"):
                plain.append_many({"_anchor": [1, 2, 3], "e": np.ones((3, 3), "f4"), "i": [1, 2, 3], "t": times})
    assert len(plain) == 0
    edge = np.array(["1677-09-22", "2262-04-11"], "datetime64[D]")
    plain.append_many({"_anchor": [1, 2], "e": np.ones((2, 3), "f4"), "i": [1, 2], "t": edge})
    assert plain.take([1, 2], ["t"])["t"] == edge.astype("datetime64[ns]").astype(int).tolist()


def test_a_value_masked_in_part_is_refused(plain):
    vectors = np.ma.array(np.ones((2, 3), "f4"), mask=[[0, 0, 0], [1, 0, 0]])
    with pytest.raises(dreamdb.InvalidArgumentError, match="`e`: row 1 is masked in part"):
        plain.append_many({"_anchor": [1, 2], "e": vectors, "i": [1, 2]})


def test_numpys_names_of_dtypes(url):
    schema = Schema()
    for i, (name, wanted) in enumerate([("<i8", "i64"), ("=u8", "u64"), ("|u1", "u8"), ("i8", "i8"), ("f4", "f32"),
                                        ("<f4", "f32"), ("float64", "f64"), (np.dtype("<i8").str, "i64"),
                                        (np.float16, "f16"), (float, "f64"), ("?", "bool"), ("bf16", "bf16")]):
        schema.add_array(f"a{i}", name, (2,))
        assert schema[f"a{i}"].dtype == wanted, name
    for wrong in ("nope", ">i8", "U5"):
        with pytest.raises(dreamdb.InvalidArgumentError, match="dtype"):
            schema.add_array("b", wrong, (2,))
