"""Streams, take, counts, anchors and what columns look like."""

import numpy as np
import pytest
from conftest import assert_same_rows, pet_rows, same

import dreamdb
from dreamdb import Dataset, Schema


@pytest.fixture
def many(url):
    """10,000 records at 0, 3, 6, ...: an int, a float (absent in every 5th), a vector."""
    dataset = Dataset.create(
        "main",
        Schema().add_scalar_int("i").add_scalar_float("f", required=False).add_embedding("e", 8),
        backend=url,
    )
    n = 10_000
    for part in np.array_split(np.arange(n), 7):
        dataset.append_many(
            {
                "_anchor": part * 3,
                "i": part,
                "f": [None if i % 5 == 4 else i / 8 for i in part.tolist()],
                "e": vectors(part),
            }
        )
    return dataset


def vectors(part):
    return (part[:, None] + np.arange(1, 9)).astype(np.float32)


def test_batches_have_the_contract_form(pets):
    batches = list(pets.iter_stream(batch_size=4))
    assert [len(b["_time_anchors"]) for b in batches] == [4, 4, 2]
    for batch in batches:
        assert list(batch) == [*pets.schema.names, "_time_anchors"]
    rows = pet_rows()
    for name in pets.schema.names:
        column = [value for batch in batches for value in batch[name]]
        for value, row in zip(column, rows):
            expected = row.get(name)
            if name in ("vec", "half") and expected is not None:
                expected = expected.tolist()
            assert same(value, expected), name
    assert [b["_time_anchors"] for b in pets.iter_all_batches(4)] == [
        b["_time_anchors"] for b in batches
    ]


def test_as_numpy(pets):
    (batch,) = pets.iter_all_batches(as_numpy=True)
    assert batch["vec"].dtype == np.float32 and batch["vec"].shape == (10, 4)
    assert not batch["vec"].flags.writeable
    assert batch["size"].dtype == np.int64 and batch["_time_anchors"].dtype == np.uint64
    masked = batch["score"]
    assert isinstance(masked, np.ma.MaskedArray)
    assert masked.mask.tolist() == [i % 3 == 2 for i in range(10)]
    assert batch["pose"].shape == (10, 2, 3) and batch["pose"].mask[2].all()
    assert batch["good"].dtype == bool and batch["flags"].shape == (10, 3)
    assert isinstance(batch["label"], list) and isinstance(batch["photo"], list)


def test_views_outlive_everything(many):
    stream = many.iter_stream(batch_size=5000, as_numpy=True)
    first = next(stream)["e"]
    del stream
    many.close()
    import gc

    gc.collect()
    assert np.array_equal(first, vectors(np.arange(5000)))


@pytest.mark.parametrize("batch_size", [1, 7, 256, 10_000, 20_000])
def test_stream_in_order_whatever_the_batch(many, batch_size):
    if batch_size == 1:
        assert [b["i"][0] for b in many.iter_stream(1, ["i"], start_ns=300, end_ns=600)] == list(
            range(100, 200)
        )
        return
    batches = list(many.iter_stream(batch_size, as_numpy=True))
    assert all(len(b["i"]) == batch_size for b in batches[:-1])
    assert np.array_equal(np.concatenate([b["i"] for b in batches]), np.arange(10_000))
    assert np.array_equal(np.concatenate([b["e"] for b in batches]), vectors(np.arange(10_000)))


def test_iterator_protocol(many):
    stream = many.iter_stream(100)
    assert iter(stream) is stream
    next(stream)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)
    with many.iter_stream(100) as stream:
        next(stream)
    assert list(stream) == []


def test_fields_and_their_order(many):
    batch = next(many.iter_stream(3, ["f", "i"]))
    assert list(batch) == ["f", "i", "_time_anchors"]
    with pytest.raises(ValueError, match="`zz` not in schema"):
        many.iter_stream(fields=["i", "zz"])
    with pytest.raises(TypeError):
        many.iter_stream(fields="i")
    assert many.iter_all_batches(fields=[]) == []
    with pytest.raises(ValueError):
        many.iter_stream(batch_size=0)


def test_records_without_the_chosen_fields_are_left_out(many):
    batches = many.iter_all_batches(10_000, ["f"])
    assert sum(len(b["f"]) for b in batches) == 8000 and None not in batches[0]["f"]
    assert many.iter_all_batches(20_000)[0]["f"].count(None) == 2000


@pytest.mark.parametrize(
    "start, end, expected",
    [
        (0, None, range(10_000)),
        (1, None, range(1, 10_000)),
        (3, 4, [1]),
        (4, 6, []),
        (29_997, None, [9999]),
        (29_998, None, []),
        (2**63, 2**64 - 1, []),
        (30, 61, range(10, 21)),
    ],
)
def test_windows(many, start, end, expected):
    found = [i for b in many.iter_time_range(start, end, fields=["i"]) for i in b["i"]]
    assert found == list(expected)
    assert list(many.list_anchors(start_ns=start, end_ns=end)) == [3 * i for i in expected]


@pytest.mark.parametrize("start, end", [(5, 5), (6, 5), (-1, 5), (0, 2**64 + 1), (0, -1)])
def test_bad_windows(many, start, end):
    with pytest.raises(ValueError):
        many.iter_all_batches(start_ns=start, end_ns=end)


def test_take(many):
    anchors = [27, 0, 29_997, 27, 300]
    batch = many.take(anchors)
    assert batch["i"] == [9, 0, 9999, 9, 100] and batch["_time_anchors"] == anchors
    assert batch["f"] == [None, 0.0, None, None, 100 / 8]
    assert list(many.take(np.array(anchors), ["i"])) == ["i", "_time_anchors"]
    assert many.take(range(0, 9, 3), ["i"], as_numpy=True)["i"].tolist() == [0, 1, 2]
    rows = many.take([27, 3], as_rows=True)
    assert rows[0].keys() == {"_anchor", "i", "e"} and rows[1]["f"] == 1 / 8
    assert rows[0]["e"].tolist() == vectors(np.array([9]))[0].tolist()
    with pytest.raises(dreamdb.NotFoundError, match="28"):
        many.take([27, 28])
    assert many.take([27, 28, 30], ["i"], skip_missing=True)["i"] == [9, 10]
    with pytest.raises(ValueError, match="_anchor"):
        many.take([-1])
    with pytest.raises(ValueError):
        many.take([1], ["zz"])


def test_iter_rows_can_be_appended_again(pets, tmp_path):
    other = Dataset.create("main", pets.schema, backend=f"file://{tmp_path}/copy")
    other.append_many(pets.iter_rows())
    assert_same_rows(list(other.iter_rows()), list(pets.iter_rows()))
    assert [r["_anchor"] for r in pets.iter_rows(["score"])] == [
        a for i, a in enumerate(range(10, 101, 10)) if i % 3 != 2
    ]


def test_list_anchors_is_like_a_list(many):
    anchors = many.list_anchors()
    everything = list(range(0, 30_000, 3))
    assert len(anchors) == 10_000 and list(anchors) == everything and list(anchors) == everything
    assert anchors == everything and anchors != everything[:-1] and anchors != "x"
    assert anchors[0] == 0 and anchors[5] == 15 and anchors[-1] == 29_997
    assert (
        anchors[2:5] == [6, 9, 12]
        and anchors[-2:] == [29_994, 29_997]
        and anchors[::5000] == [0, 15_000]
    )
    for bad in (10_000, -10_001):
        with pytest.raises(IndexError):
            anchors[bad]
    assert 300 in anchors and 301 not in anchors and -3 not in anchors and "x" not in anchors
    assert anchors.to_numpy().tolist() == everything and anchors.to_numpy().dtype == np.uint64
    assert bool(anchors) and not many.list_anchors("i < 0")
    assert sorted(anchors, reverse=True)[0] == 29_997
    assert repr(anchors) == "<AnchorList [0, 3, 6, ...]>"
    few = many.list_anchors("i < 3")
    assert len(few) == 3 and repr(few) == "<AnchorList [0, 3, 6]>" and 3 in few and 9 not in few


def test_distinct_anchors(many):
    assert list(many.distinct_anchors()) == list(many.list_anchors())
    assert len(many.distinct_anchors(fields=["f"])) == 8000
    assert len(many.distinct_anchors(fields=["f", "i"])) == 10_000
    assert list(many.distinct_anchors(start_ns=3, end_ns=10)) == [3, 6, 9]
    assert list(many.distinct_anchors(fields=[])) == []
    with pytest.raises(ValueError):
        many.distinct_anchors(fields=["zz"])


def test_distinct_anchors_of_payloads(pets):
    assert list(pets.distinct_anchors(fields=["photo", "pose"])) == [10, 20, 40, 50, 70, 80, 100]


def test_counts(many):
    assert many.count() == len(many) == 10_000
    assert many.count("i >= 9000") == 1000 == many.count(where_eq=None, where=[("i", ">=", 9000)])
    assert many.count(where_eq={"i": 5}) == 1 and many.count("f is null") == 2000


def test_distinct_values(pets):
    assert pets.distinct_values("label") == [("cat", 4), ("dog", 3)]
    assert pets.distinct_values("good") == [(False, 4), (True, 3)]
    assert sum(count for _, count in pets.distinct_values("size")) == 10
    for bad in ("photo", "vec", "zz"):
        with pytest.raises(ValueError):
            pets.distinct_values(bad)


def test_stat_and_store_stats(many):
    stat = many.stat()
    assert stat["records"] == 10_000 and (stat["first_anchor"], stat["last_anchor"]) == (0, 29_997)
    assert stat["manifest_bytes"] < 4096 and stat["bytes"] > 10_000 * 32
    assert {track["name"] for track in stat["tracks"]} >= {"e"}
    before = many.store_stats()
    many.take([0, 3])
    after = many.store_stats()
    assert after.keys() == before.keys() and after["puts"] == before["puts"]
    assert Dataset.open(many.locator).store_stats()["waves"] >= 1
