"""Arrow: types from the schema, values, and no copies, by the addresses of the buffers."""

import gc

import numpy as np
import pyarrow as pa
import pytest
from conftest import pet_rows

import dreamdb
from dreamdb import Dataset, Schema


@pytest.fixture
def plain(url):
    schema = (
        Schema()
        .add_embedding("e", 16)
        .add_array("a", "f64", (2, 3))
        .add_scalar_int("i")
        .add_scalar_float("f")
        .add_scalar_timestamp("t")
    )
    dataset = Dataset.create("main", schema, backend=url)
    n = 1000
    rng = np.random.default_rng(1)
    dataset.append_many(
        {
            "_anchor": np.arange(n),
            "i": np.arange(n),
            "f": np.arange(n) / 2,
            "t": np.arange(n),
            "a": rng.standard_normal((n, 2, 3)),
            "e": rng.standard_normal((n, 16)).astype(np.float32),
        }
    )
    return dataset


def test_types_follow_the_schema_even_without_values(url):
    from conftest import full_schema

    dataset = Dataset.create("main", full_schema(), backend=url)
    dataset.append_many([{"_anchor": 1, "vec": [1, 2, 3, 4], "size": 1}])
    (batch,) = dataset.iter_arrow_batches()
    assert batch.schema.names == ["_anchor", *dataset.schema.names]
    types = {field.name: field.type for field in batch.schema}
    assert types["_anchor"] == pa.uint64() and not batch.schema.field("_anchor").nullable
    for name in ("photo", "sound", "film", "raw"):
        assert types[name] == pa.binary()
    for name in ("caption", "name", "label"):
        assert types[name] == pa.string()
    assert types["vec"] == pa.list_(pa.float32(), 4) and types["half"] == pa.list_(pa.float16(), 2)
    assert types["pose"] == pa.fixed_shape_tensor(pa.float64(), (2, 3))
    assert types["flags"] == pa.fixed_shape_tensor(pa.bool_(), (3,))
    assert types["good"] == pa.bool_() and types["size"] == types["seen"] == pa.int64()
    assert types["score"] == pa.float64()
    assert batch.column("pose").null_count == 1 and batch.column("label").null_count == 1
    batch.validate(full=True)


def test_values(pets):
    table = pa.Table.from_batches(pets.iter_arrow_batches(batch_size=4))
    table.validate(full=True)
    rows = pet_rows()
    assert table["_anchor"].to_pylist() == [row["_anchor"] for row in rows]
    for name in pets.schema.names:
        expected = [row.get(name) for row in rows]
        if name in ("pose", "flags"):
            got = [
                None if v is None else np.array(v).reshape(expected[0].shape)
                for v in table[name].combine_chunks().storage.to_pylist()
            ]
            assert all(
                (a is None and b is None) or np.array_equal(a, b) for a, b in zip(got, expected)
            ), name
        elif name in ("vec", "half"):
            assert table[name].to_pylist() == [None if v is None else v.tolist() for v in expected]
        else:
            assert table[name].to_pylist() == expected, name


def test_pyarrow_shows_the_bytes_that_numpy_shows(plain):
    """One exported batch, seen through both: the addresses are the same."""
    core = plain._core.stream(None, None, 0, 2**64 - 1, 1000, 1 << 26, False)
    batch = core.next()
    shown = batch.to_dict(True)
    arrow = pa.record_batch(batch)
    for name in ("e", "a", "i", "f", "t"):
        column = values_of(arrow.column(name))
        address = column.buffers()[1].address + column.offset * column.type.bit_width // 8
        assert address == shown[name].__array_interface__["data"][0], name
    anchors = arrow.column("_anchor")
    assert anchors.buffers()[1].address == shown["_time_anchors"].__array_interface__["data"][0]


def values_of(column):
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return column.values if isinstance(column, pa.FixedSizeListArray) else column


def test_slices_of_one_block_share_its_memory(plain):
    batches = list(plain.iter_arrow_batches(batch_size=100))
    assert len(batches) == 10
    for name, width in (("e", 64), ("a", 48), ("i", 8), ("f", 8), ("t", 8)):
        starts = []
        for batch in batches:
            column = values_of(batch.column(name))
            starts.append(column.buffers()[1].address + column.offset * column.type.bit_width // 8)
        steps = np.diff(starts)
        # Ten batches of one block lie one behind the other: nothing was copied.
        assert (steps == 100 * width).all(), (name, steps)


def test_arrays_outlive_the_dataset(plain):
    batch = next(plain.iter_arrow_batches(batch_size=500, fields=["e"]))
    column = batch.column("e")
    expected = plain.take(range(500), ["e"], as_numpy=True)["e"].copy()
    plain.close()
    del batch
    gc.collect()
    assert np.array_equal(column.values.to_numpy().reshape(500, 16), expected)


def test_stream_object(plain):
    stream = plain.arrow_stream(fields=["i"], where="i >= 990")
    assert pa.table(stream)["i"].to_pylist() == list(range(990, 1000))
    assert pa.RecordBatchReader.from_stream(stream).read_all().num_rows == 10  # again
    assert pa.schema(stream).names == ["_anchor", "i"]
    assert sum(batch.num_rows for batch in stream) == 10
    assert pa.table(plain).num_rows == 1000
    with stream.reader() as reader:
        assert reader.read_next_batch().num_rows == 10
    capsule = stream.__arrow_c_stream__()  # never read
    del capsule
    gc.collect()


def test_chosen_fields_windows_and_shuffle(plain):
    batches = list(plain.iter_arrow_batches(64, ["f", "i"], start_ns=10, end_ns=200))
    assert batches[0].schema.names == ["_anchor", "f", "i"]
    assert [b.num_rows for b in batches] == [64, 64, 62]
    one = [b["i"].to_pylist() for b in plain.iter_arrow_batches(100, ["i"], shuffle_seed=3)]
    two = [b["i"].to_pylist() for b in plain.iter_arrow_batches(100, ["i"], shuffle_seed=3)]
    other = [b["i"].to_pylist() for b in plain.iter_arrow_batches(100, ["i"], shuffle_seed=4)]
    assert (
        one == two != other
        and [sorted(b) for b in one]
        == [list(range(k, k + 100)) for k in range(0, 1000, 100)]
        != one
    )
    with pytest.raises(dreamdb.InvalidArgumentError, match="zz"):
        plain.arrow_stream(fields=["zz"])


def test_scalar_arrays_and_empty_ones(url):
    dataset = Dataset.create(
        "main",
        Schema().add_array("z", "i32", ()).add_array("w", "u8", (0,)).add_array("h", "bf16", (2,)),
        backend=url,
    )
    dataset.append_many([{"_anchor": 1, "z": 5, "w": [], "h": np.array([1, 2], np.uint16)}])
    (batch,) = dataset.iter_arrow_batches()
    batch.validate(full=True)
    assert batch.column("z").storage.to_pylist() == [[5]]
    assert batch.column("w").storage.to_pylist() == [[]]
    assert batch.column("h").storage.to_pylist() == [[1, 2]]


def test_empty_dataset(url):
    dataset = Dataset.create("main", Schema().add_embedding("e", 3), backend=url)
    assert list(dataset.iter_arrow_batches()) == []
    table = pa.table(dataset)
    assert table.num_rows == 0 and table.schema.names == ["_anchor", "e"]


def test_errors_keep_their_class(plain, tmp_path):
    for path in (tmp_path / "store" / "segments").rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.chmod(0o644)
            path.write_bytes(data)
    with pytest.raises(dreamdb.CorruptionError):
        list(Dataset.open(plain.locator).iter_arrow_batches())


def test_without_pyarrow(plain, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(dreamdb.UnsupportedError, match="pip install pyarrow"):
        list(plain.iter_arrow_batches())
