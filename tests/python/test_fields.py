"""Adding fields to a living dataset and filling them."""

import numpy as np
import pytest

import dreamdb
from dreamdb import Dataset, Schema


@pytest.fixture
def ints(url):
    dataset = Dataset.create("main", Schema().add_scalar_int("x"), backend=url)
    dataset.append_many([{"_anchor": i, "x": i} for i in range(10)])
    return dataset


def test_every_add(ints):
    for name, add in {
        "im": ints.add_image,
        "vi": ints.add_video,
        "au": ints.add_audio,
        "te": ints.add_text,
        "bl": ints.add_blob,
        "ca": ints.add_scalar_categorical,
        "bo": ints.add_scalar_bool,
        "it": ints.add_scalar_int,
        "fl": ints.add_scalar_float,
        "st": ints.add_scalar_string,
        "ti": ints.add_scalar_timestamp,
    }.items():
        assert add(name) is ints
        assert name in ints.schema and not ints.schema[name].required
    ints.add_embedding("em", 4, dtype="f16").add_array("ar", "u8", (2, 2), units="px")
    assert ints.schema["vi"].mime == "h264" and ints.schema["ar"].info == {"units": "px"}
    assert len(ints) == 10 and ints.take([3])["em"] == [None]
    assert Dataset.open(ints.locator).schema == ints.schema


def test_refusals(ints):
    with pytest.raises(dreamdb.DreamDBError, match="`x`"):
        ints.add_scalar_int("x")
    with pytest.raises(dreamdb.InvalidArgumentError):
        ints.add_scalar_int("y", required=True)  # old records lack it
    with pytest.raises(dreamdb.InvalidArgumentError):
        ints.add_array("a", "complex64", (1,))
    assert ints.schema.names == ("x",)


def test_scalar_layer(ints):
    samples = [{"_anchor": i, "y": i / 2} for i in range(5)]
    assert ints.add_scalar_layer("y", "x", "float", samples) == 5
    assert ints.take([0, 4, 5])["y"] == [0.0, 2.0, None]
    assert ints.append_scalar_layer("y", [(5, 2.5), (6, 3.0)]) == 2
    assert ints.append_scalar_layer("y", {"_anchor": [7], "y": [3.5]}) == 1
    assert ints.count("y is null") == 2
    with pytest.raises(dreamdb.ConflictError):
        ints.append_scalar_layer("y", [(5, 99.0)])
    with pytest.raises(dreamdb.InvalidArgumentError, match="not in schema"):
        ints.add_scalar_layer("z", "nope", "int", [])
    with pytest.raises(dreamdb.InvalidArgumentError, match="scalar type"):
        ints.add_scalar_layer("z", "x", "image", [])
    with pytest.raises(dreamdb.InvalidArgumentError, match="_anchor"):
        ints.append_scalar_layer("y", [{"y": 1.0}])
    with pytest.raises(dreamdb.InvalidArgumentError, match="_anchor"):
        ints.append_scalar_layer("y", {"y": [1.0]})
    with pytest.raises(dreamdb.InvalidArgumentError, match="not in schema"):
        ints.append_scalar_layer("nope", [(1, 1.0)])
    assert "z" not in ints.schema


def test_image_and_embedding_layers(ints):
    ints.add_image_layer("thumb", "x", [(i, bytes([i])) for i in range(3)], mime="png")
    ints.append_image_layer("thumb", [{"_anchor": 3, "thumb": b"3"}])
    assert (
        ints.take([2, 3, 4])["thumb"] == [b"\2", b"3", None] and ints.schema["thumb"].mime == "png"
    )
    vectors = np.eye(4, dtype=np.float32)
    ints.add_embedding_layer(
        "v",
        "x",
        4,
        "dreamdb.lsh-cosine",
        None,
        None,
        False,
        {"_anchor": np.arange(3), "v": vectors[:3]},
    )
    assert ints.append_embedding_layer("v", [(9, vectors[3])]) == 1
    (batch,) = ints.iter_vector("v", vectors[3], 1)
    assert batch["_time_anchors"] == [9] and batch["x"] == [9]


def test_a_layer_by_another_handle_is_seen_after_refresh(ints):
    other = Dataset.open(ints.locator)
    other.add_scalar_int("y").append_many([{"_anchor": 0, "y": 7}])
    with pytest.raises(dreamdb.InvalidArgumentError, match="not in schema"):
        ints.append_many([{"_anchor": 1, "y": 8}])
    ints.refresh()
    ints.append_many([{"_anchor": 1, "y": 8}])
    assert ints.take([0, 1])["y"] == [7, 8]
