"""Schema: adding, reading back, and what is refused."""

import pickle

import numpy as np
import pytest
from conftest import full_schema

import dreamdb


def test_reads_back():
    schema = full_schema()
    assert len(schema) == 15
    assert schema.names[0] == "photo" and schema["photo"].mime == "jpeg"
    assert schema["vec"].dim == 4 and schema["vec"].dtype == "f32" and schema["vec"].shape == (4,)
    assert schema["pose"].shape == (2, 3) and schema["pose"].dtype == "f64"
    assert schema["size"].dtype is None and schema["size"].dim is None
    assert schema["size"].required and not schema["score"].required
    assert "vec" in schema and "nope" not in schema
    assert [field.name for field in schema] == list(schema.names)
    with pytest.raises(KeyError):
        schema["nope"]


def test_every_add_returns_the_schema():
    schema = dreamdb.Schema()
    assert schema.add_image("a") is schema
    assert schema.add_scalar_int("b") is schema
    assert schema.add_array("c", "f32", ()) is schema


def test_equality_json_and_pickle():
    schema = full_schema().add_array("units", np.float32, [3], units="m", frame="world")
    assert schema["units"].info == {"units": "m", "frame": "world"}
    again = dreamdb.Schema.from_json(schema.to_json())
    assert again == schema
    assert pickle.loads(pickle.dumps(schema)) == schema
    assert again.add_scalar_int("more") != schema
    assert schema != 3


def test_repr_names_each_field():
    text = repr(full_schema())
    assert "vec: embedding[4] f32" in text and "score: float, optional" in text
    assert repr(dreamdb.Schema()) == "<Schema of 0 fields>"


def test_arguments_of_the_older_layout_are_taken():
    schema = (
        dreamdb.Schema()
        .add_image("a", "png", True, 4096, 16)
        .add_video("b", chunk_size=1)
        .add_audio("c", pack_items=2)
        .add_embedding("d", 8, "dreamdb.lsh-cosine", True, 12, None, None, True, 1 << 20, None)
        .add_array(
            "e",
            "i32",
            [2],
            codec="raw",
            track_kind="event",
            object_kind="unbucketed",
            family="dense-array",
        )
    )
    assert len(schema) == 5 and schema["a"].mime == "png"


@pytest.mark.parametrize("dtype", ["f32", "float32", np.float32, np.dtype("<f4"), "<float32"])
def test_dtype_names(dtype):
    assert dreamdb.Schema().add_array("a", dtype, (1,))["a"].dtype == "f32"


@pytest.mark.parametrize(
    "add",
    [
        lambda s: s.add_image("taken"),
        lambda s: s.add_scalar_int(""),
        lambda s: s.add_scalar_int("x" * 10_000),
        lambda s: s.add_scalar_int("_anchor"),
        lambda s: s.add_scalar_int("new\nline"),
        lambda s: s.add_embedding("e", 0),
        lambda s: s.add_embedding("e", -1),
        lambda s: s.add_embedding("e", 4, dtype="i32"),
        lambda s: s.add_array("a", "complex64", (1,)),
        lambda s: s.add_array("a", "f32", (2**62, 2**62)),
        lambda s: s.add_array("a", "f32", (-1,)),
        lambda s: s.add_array("a", "f32", (1,), endianness="big"),
        lambda s: s.add_array("a", "f32", (1,), layout="fortran"),
        lambda s: s.add_array("a", "f32", (1,), codec="zstd"),
        lambda s: s.add_image("i", mime="Image/JPEG"),
    ],
)
def test_refusals(add):
    schema = dreamdb.Schema().add_image("taken")
    with pytest.raises(dreamdb.InvalidArgumentError):
        add(schema)
    assert schema.names == ("taken",)


def test_wrong_types():
    with pytest.raises(TypeError):
        dreamdb.Schema().add_embedding("e", "four")
    with pytest.raises(TypeError):
        dreamdb.Schema().add_array("e", "f32", (1.5,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"fields": 3}',
        "{" * 10_000,
        '{"fields": [{"name": "x", "type": "nope"}]}',
    ],
)
def test_bad_json(text):
    with pytest.raises(dreamdb.InvalidArgumentError):
        dreamdb.Schema.from_json(text)


def test_living_schema(pets):
    schema = pets.schema
    assert schema == full_schema()
    schema.add_scalar_int("mine")  # a copy
    assert "mine" not in pets.schema
