"""Filters as text, built in Python, and as the older lists; against plain Python."""

import datetime
import pickle

import numpy as np
import pytest

import dreamdb
from dreamdb import Dataset, Schema, Where, col

ROWS = [
    {
        "i": i % 17 - 8,
        "f": (i % 11) / 2 if i % 4 else None,
        "s": f"k{i % 13}%_\\",
        "c": ["cat", "dog", "Bird", ""][i % 4],
        "b": i % 3 == 0 if i % 5 else None,
        "t": i * 86_400 * 10**9,
    }
    for i in range(500)
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    schema = (
        Schema()
        .add_scalar_int("i")
        .add_scalar_float("f", required=False)
        .add_scalar_string("s")
        .add_scalar_categorical("c")
        .add_scalar_bool("b", required=False)
        .add_scalar_timestamp("t")
        .add_image("im", required=False)
    )
    dataset = Dataset.create("main", schema, backend=f"file://{tmp_path_factory.mktemp('where')}/s")
    rows = [
        {"_anchor": n} | {k: v for k, v in row.items() if v is not None}
        for n, row in enumerate(ROWS)
    ]
    for start in range(0, 500, 170):
        dataset.append_many(rows[start : start + 170])
    return dataset


CASES = [
    ("i > 3", col("i") > 3, [("i", ">", 3)], lambda r: r["i"] > 3),
    ("i == -8", col("i") == -8, [("i", "==", -8)], lambda r: r["i"] == -8),
    ("i != 0", col("i") != 0, [("i", "!=", 0)], lambda r: r["i"] != 0),
    ("i <= 2.5", col("i") <= 2.5, [("i", "<=", 2.5)], lambda r: r["i"] <= 2.5),
    ("f >= 2", col("f") >= 2, [("f", ">=", 2)], lambda r: r["f"] is not None and r["f"] >= 2),
    (
        "f < 0.5",
        col("f") < np.float32(0.5),
        [("f", "<", np.float64(0.5))],
        lambda r: r["f"] is not None and r["f"] < 0.5,
    ),
    ("c == 'cat'", col("c") == "cat", [("c", "==", "cat")], lambda r: r["c"] == "cat"),
    ("c < 'cat'", col("c") < "cat", [("c", "<", "cat")], lambda r: r["c"] < "cat"),
    (
        "c in ('cat', '')",
        col("c").is_in(["cat", ""]),
        [("c", "in", ["cat", ""])],
        lambda r: r["c"] in ("cat", ""),
    ),
    (
        "i in (1, 2, 99)",
        col("i").is_in(np.array([1, 2, 99])),
        [("i", "in", (1, 2, 99))],
        lambda r: r["i"] in (1, 2, 99),
    ),
    ("b == true", col("b") == True, [("b", "==", True)], lambda r: r["b"] is True),  # noqa: E712
    (
        "i > 0 and c == 'dog'",
        (col("i") > 0) & (col("c") == "dog"),
        [("i", ">", 0), ("c", "==", "dog")],
        lambda r: r["i"] > 0 and r["c"] == "dog",
    ),
    ("i == 99999999999", col("i") == 99999999999, [("i", "==", 99999999999)], lambda r: False),
    ("i < 1e30", col("i") < 10**30, [("i", "<", 10**30)], lambda r: True),
]


@pytest.mark.parametrize("text, built, old, truth", CASES, ids=[c[0] for c in CASES])
def test_three_forms_agree_with_python(data, text, built, old, truth):
    expected = [n for n, row in enumerate(ROWS) if truth(row)]
    for where in (text, built, old, Where.parse(text), Where.parse(str(built))):
        assert list(data.list_anchors(where)) == expected
        assert data.count(where) == len(expected)
    assert [a for b in data.iter_scalar(where=old) for a in b["_time_anchors"]] == expected
    assert [
        a for b in data.iter_stream(7, ["i"], where=built) for a in b["_time_anchors"]
    ] == expected


@pytest.mark.parametrize(
    "where, truth",
    [
        (col("f").is_null(), lambda r: r["f"] is None),
        (~col("f").is_null(), lambda r: r["f"] is not None),
        (col("f").is_not_null() & ~(col("f") > 1), lambda r: r["f"] is not None and not r["f"] > 1),
        (~(col("f") > 1), lambda r: r["f"] is not None and not r["f"] > 1),  # null stays null
        (
            (col("f") > 1) | (col("b") == True),  # noqa: E712
            lambda r: (r["f"] is not None and r["f"] > 1) or r["b"] is True,
        ),
        (col("i").between(-2, 2), lambda r: -2 <= r["i"] <= 2),
        (~col("i").between(-2, 2), lambda r: not -2 <= r["i"] <= 2),
        (col("s").like("k1_%"), lambda r: r["s"].startswith("k1") and len(r["s"]) >= 3),
        (col("s").starts_with("k1%_\\"), lambda r: r["s"].startswith("k1%_\\")),
        (col("s").starts_with("k1%_x"), lambda r: False),
        (col("b"), lambda r: r["b"] is True),
        ("not b", lambda r: r["b"] is False),
        (col("t") >= datetime.datetime(1970, 2, 1), lambda r: r["t"] >= 31 * 86400 * 10**9),
        (col("t") < "1970-02-01", lambda r: r["t"] < 31 * 86400 * 10**9),
        (col("im").is_null(), lambda r: True),
        (
            "c = 'cat' or (i between 1 and 3 and not f is null)",
            lambda r: r["c"] == "cat" or (1 <= r["i"] <= 3 and r["f"] is not None),
        ),
    ],
)
def test_the_rest_of_the_language(data, where, truth):
    assert list(data.list_anchors(where)) == [n for n, row in enumerate(ROWS) if truth(row)]


def test_where_eq_and_query_scalar(data):
    expected = [n for n, row in enumerate(ROWS) if row["c"] == "dog" and row["i"] == 1]
    batches = data.iter_scalar({"c": "dog", "i": 1})
    assert [a for b in batches for a in b["_time_anchors"]] == expected
    assert list(batches[0]) == ["i", "f", "s", "c", "b", "t", "im", "_time_anchors"]
    assert data.query_scalar("c", "==", "dog") == [n for n, r in enumerate(ROWS) if r["c"] == "dog"]
    assert data.iter_scalar({"c": "fish"}) == []
    assert sum(len(b["i"]) for b in data.iter_scalar(batch_size=100)) == 500
    assert data.iter_scalar({"c": "dog"}, where=[("i", ">", 100)]) == []


def test_distinct_values_against_python(data):
    for name in ("i", "f", "s", "c", "b", "t"):
        counts = {}
        for row in ROWS:
            if row[name] is not None:
                counts[row[name]] = counts.get(row[name], 0) + 1
        found = data.distinct_values(name)
        assert dict(found) == counts
        assert [c for _, c in found] == sorted(counts.values(), reverse=True)


@pytest.mark.parametrize(
    "where, kind, text",
    [
        ([("i", "~", 3)], ValueError, r"unknown where op `~` \(use ==, !=, <, <=, >, >=, in\)"),
        ([("zz", "==", 3)], ValueError, "field `zz` is not declared in the Schema"),
        ("zz == 3", ValueError, "`zz`"),
        (col("zz") > 3, ValueError, "`zz`"),
        ([("i", "==", "x")], TypeError, "`i`"),
        ([("c", "==", 1)], TypeError, "`c`"),
        ([("b", "==", 1)], TypeError, "`b`"),
        ([("i", "==", True)], TypeError, "`i`"),
        ([("i", "==", None)], TypeError, "`i`"),
        ([("i", "in", 3)], ValueError, "list"),
        ([("i", "in", "abc")], ValueError, "list"),
        ([("i", "in", ["a"])], TypeError, "`i`"),
        ([("im", "==", "x")], TypeError, "`im`"),
        ([("i", 3)], ValueError, "clause"),
        ([5], ValueError, "clause"),
        ("i == 'x'", ValueError, "i"),
        ("i >", ValueError, "column 4"),
        ("", ValueError, "."),
        ("(" * 100_000, ValueError, "."),
        ("i == 1 and " * 20_000 + "i == 1", ValueError, "."),
    ],
)
def test_refusals(data, where, kind, text):
    for call in (
        lambda: data.count(where),
        lambda: list(data.iter_stream(where=where)),
        lambda: data.iter_scalar(where=where),
    ):
        with pytest.raises(kind, match=text) as caught:
            call()
        assert isinstance(caught.value, dreamdb.InvalidArgumentError)


def test_expressions_are_values():
    where = (col("a") > 1) & ~(col("b") == "x")
    assert pickle.loads(pickle.dumps(where)) == where
    assert where == Where.parse(str(where)) and where != col("a") and where.fields() == ["a", "b"]
    assert "a > 1" in repr(where)
    with pytest.raises(TypeError, match="&"):
        (col("a") > 1) and (col("b") > 1)
    with pytest.raises(TypeError):
        bool(1 < col("a") < 3)
    with pytest.raises(dreamdb.InvalidArgumentError):
        col("a") > float("nan")
    with pytest.raises(dreamdb.InvalidArgumentError):
        col("a").is_in([])
    with pytest.raises(TypeError):
        col("a") > None
