"""Random histories against a plain dictionary, and the second reader over what they wrote."""

import math
import random
import struct

import numpy as np
import pytest
from conftest import same

import dreamdb
import dreamdb_reference
from dreamdb import Dataset, Schema

FIELDS = {
    "im": lambda r: r.randbytes(r.choice([0, 1, 50, 5000])),
    "text": lambda r: "".join(
        chr(r.choice([65, 223, 0x52D5, 0x1F600])) for _ in range(r.randrange(20))
    ),
    "e": lambda r: np.array([r.uniform(-9, 9) for _ in range(5)], np.float32),
    "h": lambda r: np.array([r.uniform(1, 9) for _ in range(3)], np.float16),
    "a": lambda r: np.array([[r.randrange(-9, 9)] * 2], np.int16),
    "flag": lambda r: np.array([r.random() < 0.5] * 3),
    "b": lambda r: r.random() < 0.5,
    "i": lambda r: r.choice([0, 1, -1, 2**63 - 1, -(2**63), r.randrange(-99, 99)]),
    "f": lambda r: r.choice([0.0, -0.0, math.inf, -math.inf, 1e-310, r.uniform(-1, 1)]),
    "s": lambda r: r.choice(["", "\0", "ä", "x" * r.randrange(40)]),
    "c": lambda r: r.choice(["cat", "dog", "", "z" * 20]),
    "t": lambda r: r.randrange(-(10**18), 10**18),
}


def schema_of():
    return (
        Schema()
        .add_image("im", required=False)
        .add_text("text", required=False)
        .add_embedding("e", 5, required=False)
        .add_embedding("h", 3, required=False, dtype="f16")
        .add_array("a", "i16", (1, 2), required=False)
        .add_array("flag", "bool", (3,), required=False)
        .add_scalar_bool("b", required=False)
        .add_scalar_int("i", required=False)
        .add_scalar_float("f", required=False)
        .add_scalar_string("s", required=False)
        .add_scalar_categorical("c", required=False)
        .add_scalar_timestamp("t", required=False)
    )


def random_rows(r, count, anchors):
    rows = []
    for anchor in r.sample(anchors, count):
        names = [name for name in FIELDS if r.random() < 0.6]
        rows.append({"_anchor": anchor} | {name: FIELDS[name](r) for name in names})
    return rows


def conflicts(model, rows):
    return any(
        row["_anchor"] in model
        and name in model[row["_anchor"]]
        and not same(np.asarray(model[row["_anchor"]][name]), np.asarray(value))
        for row in rows
        for name, value in row.items()
        if name != "_anchor"
    )


def apply(model, rows, on_conflict):
    for row in rows:
        record = model.setdefault(row["_anchor"], {})
        for name, value in row.items():
            if name != "_anchor" and (on_conflict == "replace" or name not in record):
                record[name] = value


def as_columns(rows):
    return {name: [row.get(name) for row in rows] for name in ["_anchor", *FIELDS]}


def expected_rows(model):
    return [
        {"_anchor": anchor}
        | {name: model[anchor][name] for name in FIELDS if name in model[anchor]}
        for anchor in sorted(model)
    ]


def check(dataset, model):
    found = list(dataset.iter_rows(batch_size=17))
    expected = expected_rows(model)
    assert [row["_anchor"] for row in found] == [row["_anchor"] for row in expected]
    for one, other in zip(found, expected):
        assert list(one) == list(other), one["_anchor"]
        for name in one:
            assert same(one[name], other[name]) and repr(one[name]) == repr(other[name]), name
    assert len(dataset) == len(model)
    for name in ("i", "c", "b"):
        counts = {}
        for record in model.values():
            if name in record:
                counts[record[name]] = counts.get(record[name], 0) + 1
        assert dict(dataset.distinct_values(name)) == counts


@pytest.mark.parametrize("seed", range(6))
def test_random_histories(url, tmp_path, seed):
    r = random.Random(seed)
    dataset, model, pinned = Dataset.create("main", schema_of(), backend=url), {}, []
    anchors = [*range(0, 900, 3), 2**63 - 1, 2**63, 2**64 - 2]
    for step in range(15):
        rows = random_rows(r, r.choice([1, 5, 60]), anchors)
        on_conflict = r.choice(["refuse", "skip", "replace"])
        samples = as_columns(rows) if r.random() < 0.4 else rows
        if on_conflict == "refuse" and conflicts(model, rows):
            with pytest.raises(dreamdb.ConflictError):
                dataset.append_many(samples)
        else:
            dataset.append_many(samples, on_conflict=on_conflict)
            apply(model, rows, on_conflict)
        if r.random() < 0.2:
            label = f"s{step}"
            dataset.snapshot(label)
            pinned.append((label, {a: dict(record) for a, record in model.items()}))
        if r.random() < 0.3:
            dataset = Dataset.open(dataset.locator)
    check(dataset, model)
    check(Dataset.open(dataset.locator), model)
    for label, then in pinned:
        check(Dataset.open_ref(label, url), then)
    second_reader_agrees(dataset, tmp_path / "store")


def second_reader_agrees(dataset, folder):
    """spec/reference reads the same values from the same bytes."""
    other = dreamdb_reference.read_space(folder, dataset.ref_name())
    assert other.anchors == list(dataset.list_anchors())
    types = {field.name: field for field in dataset.schema}
    for row, mine in zip(other.rows(), dataset.iter_rows(), strict=True):
        assert row["anchor"] == mine["_anchor"]
        for name, value in row["values"].items():
            assert (value is None) == (name not in mine), (row["anchor"], name)
            if value is None:
                continue
            if isinstance(value, dreamdb_reference.Array):
                assert value.dtype == types[name].dtype and tuple(value.shape) == types[name].shape
                assert bytes(value.data) == mine[name].tobytes(), name
            elif isinstance(value, float):
                assert struct.pack("<d", value) == struct.pack("<d", mine[name]), name
            else:
                assert type(value) is type(mine[name]) and value == mine[name], name


def test_second_reader_over_every_kind(pets, tmp_path):
    pets.add_scalar_layer("rank", "size", "int", [(a, a) for a in (10, 30)])
    pets.append_many([{"_anchor": 30, "size": 7}], on_conflict="replace")
    second_reader_agrees(pets, tmp_path / "store")
    pets.branch("other").append_many([{"_anchor": 5, "vec": [1, 2, 3, 4], "size": 0}])
    second_reader_agrees(
        Dataset.open("other", backend=pets.locator.rpartition("@")[0]), tmp_path / "store"
    )


def test_second_reader_over_many_rows(url, tmp_path):
    dataset = Dataset.create(
        "main",
        Schema().add_embedding("e", 4).add_scalar_int("i").add_scalar_categorical("c"),
        backend=url,
    )
    for start in range(0, 6000, 2000):
        n = np.arange(start, start + 2000)
        dataset.append_many(
            {
                "_anchor": n * 7,
                "i": n // 10,
                "c": [f"c{k % 50}" for k in n],
                "e": np.repeat(n[:, None] + 1, 4, 1).astype(np.float32),
            }
        )
    second_reader_agrees(dataset, tmp_path / "store")


def test_a_flipped_byte_anywhere_is_found(url, tmp_path):
    """Each byte of each object of a small dataset: an error of ours or the right answer, nothing
    else."""
    dataset = Dataset.create("main", Schema().add_image("im").add_scalar_int("i"), backend=url)
    rows = [{"_anchor": k, "im": bytes([k] * 9), "i": k} for k in range(3)]
    dataset.append_many(rows)
    locator = dataset.locator
    dataset.close()
    found = 0
    for path in sorted((tmp_path / "store").rglob("*")):
        if not path.is_file() or path.relative_to(tmp_path / "store").parts[0] not in (
            "segments",
            "pages",
            "manifests",
            "genesis",
        ):
            continue
        path.chmod(0o644)
        whole = path.read_bytes()
        for at in range(0, len(whole), 7):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
            try:
                assert list(Dataset.open(locator).iter_rows()) == rows
            except dreamdb.DreamDBError as error:
                found += 1
                assert isinstance(error, (dreamdb.CorruptionError, dreamdb.UnsupportedError)), error
        path.write_bytes(whole)
    assert found > 100
    assert list(Dataset.open(locator).iter_rows()) == rows
