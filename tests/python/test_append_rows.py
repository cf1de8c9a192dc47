"""append_many with rows: values of each type, anchors, conflicts, idempotency, commit=False."""

import numpy as np
import pytest
from conftest import assert_same_rows, pet_rows

import dreamdb
from dreamdb import Dataset, Schema


@pytest.fixture
def ints(url):
    return Dataset.create("main", Schema().add_scalar_int("x"), backend=url)


def test_every_type_comes_back(pets):
    rows = list(pets.iter_rows())
    expected = pet_rows()
    assert_same_rows(
        rows, [{k: row[k] for k in ["_anchor", *pets.schema.names] if k in row} for row in expected]
    )
    assert pets.take([r["_anchor"] for r in expected], as_rows=True)[3]["photo"] == bytes([3]) * 300


def test_returns_the_number_of_rows(ints):
    assert ints.append_many([]) == 0
    assert ints.append_many([{"x": 1}, {"x": 2}]) == 2
    assert ints.append_many({"x": i} for i in range(3)) == 3
    assert ints.append_many(({"x": 7},)) == 1
    assert len(ints) == 6


def test_row_may_be_any_mapping(ints):
    import types

    assert ints.append_many([types.MappingProxyType({"x": 4})]) == 1
    assert ints.iter_all_batches()[0]["x"] == [4]


def test_assigned_anchors_ascend_and_never_meet(ints):
    for _ in range(3):
        ints.append_many([{"x": i} for i in range(100)])
    other = Dataset.open(ints.locator)
    other.append_many([{"x": i} for i in range(100)])
    ints.refresh()
    anchors = list(ints.list_anchors())
    assert len(anchors) == 400 == len(set(anchors)) and anchors == sorted(anchors)
    assert anchors[0] > 1_600_000_000 * 10**9
    report = ints.append([{"x": 1}, {"x": 2}])
    ((first, last),) = report.assigned
    assert last - first == 1000 and first > anchors[-1]


def test_anchors_in_any_order_up_to_the_largest(ints):
    anchors = [5, 2**63, 0, 2**64 - 2, 3, 2**63 - 1]
    ints.append_many([{"_anchor": a, "x": i} for i, a in enumerate(anchors)])
    assert list(ints.list_anchors()) == sorted(anchors)
    assert ints.take(anchors)["x"] == list(range(6))
    ints.append_many([{"_anchor": np.int64(7), "x": 1}, {"_anchor": np.uint64(8), "x": 1}])
    assert len(ints) == 8


@pytest.mark.parametrize("anchor", [-1, 2**64 - 1, 2**64, 1.0, "1", None, b"1", [1]])
def test_bad_anchors(ints, anchor):
    with pytest.raises(ValueError, match="field `_anchor`: expected u64 nanoseconds"):
        ints.append_many([{"_anchor": anchor, "x": 1}])
    assert len(ints) == 0


def test_anchors_are_all_or_nothing(ints):
    for rows in ([{"_anchor": 1, "x": 1}, {"x": 1}], [{"x": 1}, {"_anchor": 1, "x": 1}]):
        with pytest.raises(RuntimeError, match="all-or-nothing explicit anchors"):
            ints.append_many(rows)
    assert len(ints) == 0


@pytest.mark.parametrize(
    "field, value, kind",
    [
        ("photo", "text", ValueError),
        ("photo", [1, 2], ValueError),
        ("photo", None, TypeError),
        ("photo", np.zeros(3, np.uint8), ValueError),
        ("raw", 3, TypeError),
        ("caption", b"x", TypeError),
        ("caption", "\ud800", ValueError),
        ("vec", [1.0, 2.0], ValueError),
        ("vec", [[1.0, 2.0, 3.0, 4.0]], TypeError),
        ("vec", np.zeros((1, 4), np.float32), TypeError),
        ("vec", "abcd", TypeError),
        ("vec", ["a", "b", "c", "d"], TypeError),
        ("vec", None, TypeError),
        ("vec", 3.0, TypeError),
        ("vec", [1.0, float("nan"), 0.0, 0.0], RuntimeError),
        ("vec", np.array([np.inf, 0, 0, 0], np.float32), RuntimeError),
        ("vec", [1e300, 0.0, 0.0, 0.0], RuntimeError),
        ("vec", np.array([1 + 1j] * 4), TypeError),
        ("half", [1.0, float("nan")], RuntimeError),
        ("half", [1e10, 1.0], RuntimeError),
        ("pose", np.zeros((3, 2)), ValueError),
        ("pose", [[1, 2, 3], [4, 5]], ValueError),
        ("pose", b"short", ValueError),
        ("pose", "text", TypeError),
        ("flags", np.array([0, 1, 2]), TypeError),
        ("flags", [0.5, 1, 0], TypeError),
        ("good", 1, TypeError),
        ("good", "yes", TypeError),
        ("size", 1.5, TypeError),
        ("size", "1", TypeError),
        ("size", 2**63, OverflowError),
        ("size", -(2**63) - 1, OverflowError),
        ("score", "1.0", TypeError),
        ("score", None, TypeError),
        ("score", 10**400, OverflowError),
        ("name", 3, TypeError),
        ("label", b"cat", TypeError),
        ("seen", 1.0, TypeError),
        ("seen", 2**63, OverflowError),
    ],
)
def test_values_that_do_not_fit(pets, field, value, kind):
    before = pets.current_manifest()
    row = {"_anchor": 1000, "vec": [1, 2, 3, 4], "size": 1, field: value}
    with pytest.raises(kind, match=f"`{field}`") as caught:
        pets.append_many([{"_anchor": 999, "vec": [1, 2, 3, 4], "size": 1}, row])
    assert isinstance(caught.value, dreamdb.InvalidArgumentError)
    assert pets.current_manifest() == before and len(Dataset.open(pets.locator)) == 10


def test_messages_that_scripts_match(pets):
    cases = [
        ({"vec": [1, 2], "size": 1}, "field `vec`: vector dim 2 != schema dim 4"),
        ({"vec": [1, 2, 3, 4]}, "issing required field `size`"),
        ({"vec": [1, 2, 3, 4], "size": 1, "zz": 1}, "field `zz` not in schema"),
        ({"vec": [1, 2, 3, 4], "size": 1, "photo": "x"}, "field `photo`: Image expects bytes"),
        (
            {"vec": [1, 2, 3, 4], "size": 1, "flags": np.zeros(2, bool)},
            r"typed array shape \(2,\) != declared shape \(3,\)",
        ),
        ({"vec": [1, 2, 3, float("nan")], "size": 1}, "NaN or infinity"),
        ({"vec": [1.0, 2.0, 3.0, 1e50], "size": 1}, r"`vec`: 1e\+50 at \[3\] is a number beyond f32"),
        ({"vec": [1, 2, 3, -1e50], "size": 1}, r"`vec`: -1e\+50 at \[3\] is a number beyond f32"),
    ]
    for row, text in cases:
        with pytest.raises(dreamdb.InvalidArgumentError, match=text):
            pets.append_many([row])


@pytest.mark.parametrize("samples", [3, None, "text", b"bytes", [1], ["row"], [None], [[("x", 1)]]])
def test_what_is_no_rows(ints, samples):
    with pytest.raises(TypeError):
        ints.append_many(samples)
    assert len(ints) == 0


def test_a_row_source_that_fails_leaves_nothing(ints):
    def rows():
        for i in range(100_000):
            yield {"_anchor": i, "x": i}
        raise KeyError("source")

    with pytest.raises(KeyError, match="source"):
        ints.append_many(rows())
    assert len(ints) == 0 and len(Dataset.open(ints.locator)) == 0
    ints.append_many([{"_anchor": 1, "x": 1}])
    assert len(ints) == 1


def test_values_that_are_converted(url):
    schema = (
        Schema()
        .add_scalar_int("i")
        .add_scalar_float("f")
        .add_scalar_bool("b")
        .add_embedding("e", 2)
        .add_array("a", "f32", (2,))
        .add_array("n", "u8", (2,))
        .add_array("z", "i64", ())
        .add_array("w", "f32", (0,))
        .add_image("im")
    )
    dataset = Dataset.create("main", schema, backend=url)
    dataset.append_many(
        [
            {
                "_anchor": 1,
                "i": np.int64(-3),
                "f": 2,
                "b": np.bool_(True),
                "e": [1, 2],
                "n": [1, 255],
                "a": np.array([1.5, 2.5], ">f8"),
                "z": 7,
                "w": [],
                "im": bytearray(b"ab"),
            },
            {
                "_anchor": 2,
                "i": True,
                "f": np.float32(0.5),
                "b": False,
                "e": np.array([1, 2], np.float64),
                "n": np.array([3, 4], np.int64),
                "a": b"\0\0\x80\x3f\0\0\0\x40",
                "z": np.int64(8),
                "w": b"",
                "im": memoryview(b"abcdef")[::2],
            },
            {
                "_anchor": 3,
                "i": 2**63 - 1,
                "f": float("nan"),
                "b": True,
                "e": (1.0, -0.0),
                "n": (5, 6),
                "a": np.arange(4, dtype=np.float32)[::2],
                "z": 9,
                "w": np.zeros(0),
                "im": b"",
            },
        ]
    )
    got = dataset.take([1, 2, 3])
    assert got["i"] == [-3, 1, 2**63 - 1] and got["b"] == [True, False, True]
    assert got["f"][:2] == [2.0, 0.5] and np.isnan(got["f"][2])
    assert got["e"][:2] == [[1.0, 2.0], [1.0, 2.0]] and str(got["e"][2]) == "[1.0, -0.0]"
    assert [a.tolist() for a in got["a"]] == [[1.5, 2.5], [1.0, 2.0], [0.0, 2.0]]
    assert [n.tolist() for n in got["n"]] == [[1, 255], [3, 4], [5, 6]]
    assert [z.tolist() for z in got["z"]] == [7, 8, 9] and got["z"][0].shape == ()
    assert [w.shape for w in got["w"]] == [(0,)] * 3
    assert got["im"] == [b"ab", b"ace", b""]
    with pytest.raises(OverflowError):
        dataset.append_many(
            [
                {
                    "_anchor": 4,
                    "i": 1,
                    "f": 1,
                    "b": True,
                    "e": [1, 2],
                    "n": [1, 256],
                    "a": [1, 2],
                    "z": 1,
                    "w": [],
                    "im": b"",
                }
            ]
        )


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
    ],
)
def test_every_dtype_of_numpy(url, dtype):
    dataset = Dataset.create("main", Schema().add_array("a", dtype, (2, 2)), backend=url)
    values = np.frombuffer(
        np.random.default_rng(3).bytes(2 * 4 * 8), dtype if dtype != "bool" else "u1"
    )
    values = (values[:8] % 2 == 0) if dtype == "bool" else values[:8].astype(dtype)
    values = values.reshape(2, 2, 2)
    dataset.append_many([{"_anchor": 1, "a": values[0]}])
    dataset.append_many({"_anchor": [2], "a": values[1:]})
    got = dataset.take([1, 2], as_numpy=True)["a"]
    assert got.dtype == np.dtype(dtype) and got.tobytes() == values.tobytes()


def test_bf16_is_bits(url):
    dataset = Dataset.create("main", Schema().add_array("a", "bf16", (2,)), backend=url)
    dataset.append_many([{"_anchor": 1, "a": np.array([0x3F80, 0x4000], np.uint16)}])
    assert dataset.take([1])["a"][0].tolist() == [0x3F80, 0x4000]
    with pytest.raises(TypeError, match="bf16"):
        dataset.append_many([{"_anchor": 2, "a": [1.0, 2.0]}])


# ---- the same anchor again


def test_refuse_skip_replace(ints):
    ints.append_many([{"_anchor": a, "x": a} for a in (1, 2, 3)])
    before = ints.current_manifest()
    with pytest.raises(dreamdb.ConflictError, match="2"):
        ints.append_many([{"_anchor": 9, "x": 9}, {"_anchor": 2, "x": -2}])
    assert ints.current_manifest() == before and len(ints) == 3
    assert ints.append_many([{"_anchor": 2, "x": 2}]) == 1  # equal: nothing to do
    assert len(ints) == 3
    report = ints.append([{"_anchor": 2, "x": -2}, {"_anchor": 4, "x": 4}], on_conflict="skip")
    assert (report.rows, report.records, report.skipped) == (2, 1, 1)
    assert ints.take([2, 4])["x"] == [2, 4]
    report = ints.append([{"_anchor": 2, "x": -2}, {"_anchor": 5, "x": 5}], on_conflict="replace")
    assert (report.records, report.replaced) == (1, 1)
    assert ints.take([2, 5])["x"] == [-2, 5] and len(ints) == 5
    # None in a column is no value: it says nothing of the one that stands there.
    report = ints.append({"_anchor": [2, 5], "x": [None, 6]}, on_conflict="replace")
    assert (report.rows, report.replaced, report.unchanged) == (2, 1, 1)
    assert ints.take([2, 5])["x"] == [-2, 6]
    assert ints.query_scalar("x", "==", 2) == [] and ints.query_scalar("x", "==", -2) == [2]
    assert (2, 1) not in ints.distinct_values("x")
    with pytest.raises(ValueError, match="on_conflict"):
        ints.append_many([{"x": 1}], on_conflict="maybe")


def test_the_same_anchor_twice_in_one_call(ints):
    with pytest.raises(dreamdb.DreamDBError):
        ints.append_many([{"_anchor": 1, "x": 1}, {"_anchor": 1, "x": 2}])
    assert len(ints) == 0


def test_the_same_anchor_twice_far_apart_in_one_call(url):
    """Also when the first one has become a segment long ago: nothing is committed."""
    dataset = Dataset.create("main", Schema().add_embedding("e", 4096), backend=url)
    vector = np.ones(4096, np.float32)
    anchors = [*range(5000), 3]  # 80 MB
    with pytest.raises(dreamdb.InvalidArgumentError, match="twice"):
        dataset.append_many({"_anchor": a, "e": vector * (k + 1)} for k, a in enumerate(anchors))
    with pytest.raises(dreamdb.InvalidArgumentError, match="twice"):
        dataset.append_many({"_anchor": anchors, "e": np.ones((5001, 4096), np.float32)})
    assert len(Dataset.open(dataset.locator)) == 0


def test_filling_a_field_of_old_records(pets):
    pets.append_many([{"_anchor": 30, "label": "fish"}])  # lacked it; required fields stay away
    assert pets.take([30])["label"] == ["fish"] and pets.take([30])["size"] == [2 * 2 - 20]
    with pytest.raises(dreamdb.ConflictError):
        pets.append_many([{"_anchor": 30, "label": "cat"}])
    with pytest.raises(dreamdb.InvalidArgumentError, match="required"):
        pets.append_many([{"_anchor": 31, "label": "cat"}])


def test_idempotency_key(ints):
    assert ints.append_many([{"x": 1}], idempotency_key="job/1") == 1
    assert ints.append_many([{"x": 1}], idempotency_key="job/1") == 1
    assert len(ints) == 1
    other = Dataset.open(ints.locator)
    report = other.append([{"x": 1}], idempotency_key="job/1")
    assert report.already_applied and len(other) == 1
    other.append_many([{"x": 1}], idempotency_key="job/2")
    assert len(other) == 2


# ---- commit=False


def test_rows_wait_for_commit(ints):
    ints.append_many([{"_anchor": 1, "x": 1}], commit=False)
    columns = {"_anchor": np.array([2]), "x": np.array([2])}
    ints.append_many(columns, commit=False)
    columns["x"][0] = 99  # copied already
    assert len(ints) == 0 and len(Dataset.open(ints.locator)) == 0
    with pytest.raises(dreamdb.InvalidArgumentError, match="commit"):
        ints.append_many([{"x": 1}], on_conflict="skip")
    for call in (
        lambda: ints.add_scalar_int("y"),
        lambda: ints.snapshot("s"),
        lambda: ints.set_meta("a", "b"),
    ):
        with pytest.raises(dreamdb.InvalidArgumentError, match="waiting"):
            call()
    ints.commit()
    assert ints.take([1, 2])["x"] == [1, 2]
    generation = ints.generation
    ints.commit()
    assert ints.generation == generation
    ints.append_many([{"_anchor": 3, "x": 3}], commit=False)
    ints.append_many([{"_anchor": 4, "x": 4}])
    assert len(ints) == 4 and ints.generation == generation + 1


def test_rows_that_wait_are_dropped_by_an_error_and_by_close(ints):
    locator = ints.locator
    ints.append_many([{"_anchor": 1, "x": 1}], commit=False)
    with pytest.raises(TypeError):
        ints.append_many([{"_anchor": 2, "x": "no"}], commit=False)
    ints.commit()
    assert len(ints) == 0
    ints.append_many([{"_anchor": 1, "x": 1}], commit=False)
    ints.close()
    assert len(Dataset.open(locator)) == 0
