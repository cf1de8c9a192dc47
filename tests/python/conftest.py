"""What the tests of the Python package share."""

import pathlib
import sys

import clusters
import numpy as np
import pytest

import dreamdb

REFERENCE = pathlib.Path(__file__).resolve().parents[2] / "spec" / "reference"
sys.path.insert(0, str(REFERENCE))


@pytest.fixture
def url(tmp_path):
    """A folder store of the test's own."""
    return f"file://{tmp_path}/store"


@pytest.fixture
def pets(url):
    """A dataset with a field of each kind and ten records at anchors 10, 20, ... 100."""
    dataset = dreamdb.Dataset.create("main", full_schema(), backend=url)
    dataset.append_many(pet_rows())
    return dataset


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Clustered vectors with an index; read only."""
    dataset = clusters.make(f"file://{tmp_path_factory.mktemp('built')}/s")
    dataset.reindex("e", cells=clusters.CELLS)
    return dataset


@pytest.fixture
def own(url):
    """The same, to be changed."""
    dataset = clusters.make(url)
    dataset.reindex("e", cells=clusters.CELLS)
    return dataset


def full_schema():
    return (
        dreamdb.Schema()
        .add_image("photo", required=False)
        .add_audio("sound", required=False)
        .add_video("film", required=False)
        .add_text("caption", required=False)
        .add_blob("raw", required=False)
        .add_embedding("vec", dim=4)
        .add_embedding("half", dim=2, dtype="f16", required=False)
        .add_array("pose", "f64", (2, 3), required=False)
        .add_array("flags", "bool", (3,), required=False)
        .add_scalar_bool("good", required=False)
        .add_scalar_int("size")
        .add_scalar_float("score", required=False)
        .add_scalar_string("name", required=False)
        .add_scalar_categorical("label", required=False)
        .add_scalar_timestamp("seen", required=False)
    )


def pet_rows():
    """Ten rows; every third lacks its optional fields."""
    rows = []
    for i in range(10):
        row = {
            "_anchor": (i + 1) * 10,
            "vec": np.array([i + 1, 1, -i, 0.5], np.float32),
            "size": i * i - 20,
        }
        if i % 3 != 2:
            row |= {
                "photo": bytes([i]) * (i * 100),
                "sound": b"RIFF" + bytes([i]),
                "film": b"",
                "caption": f"Tier {i} — 動物",
                "raw": bytes(range(256)),
                "half": np.array([i + 1, -i], np.float16),
                "pose": np.arange(6, dtype=np.float64).reshape(2, 3) * i,
                "flags": np.array([i % 2 == 0, True, False]),
                "good": i % 2 == 0,
                "score": i / 4 - 1,
                "name": f"pet-{i}\0end",
                "label": ["cat", "dog", "bird"][i % 3],
                "seen": -(10**18) + i,
            }
        rows.append(row)
    return rows


def same(a, b):
    """Equal values, bit for bit where they are arrays."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def assert_same_rows(found, expected):
    assert [row["_anchor"] for row in found] == [row["_anchor"] for row in expected]
    for one, other in zip(found, expected):
        assert one.keys() == other.keys()
        for key in one:
            assert same(one[key], other[key]), (key, one[key], other[key])
