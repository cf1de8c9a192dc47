"""The installed package: names, types, import time, the alias, plain methods."""

import ast
import inspect
import pathlib
import subprocess
import sys

import pytest

import dreamdb
import dreamdb_dataset
from dreamdb import _core


def test_importing_loads_little_and_no_numpy():
    code = (
        "import sys; before = len(sys.modules); import dreamdb; "
        "print(len(sys.modules) - before, 'numpy' in sys.modules, 'pyarrow' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, numpy, pyarrow = out.stdout.split()
    assert (numpy, pyarrow) == ("False", "False")
    assert int(modules) < 100, "how long that takes is told by the benchmark `python-import`"


def test_alias_has_the_same_classes():
    assert dreamdb_dataset.Dataset is dreamdb.Dataset and dreamdb_dataset.Schema is dreamdb.Schema
    assert dreamdb_dataset.__all__ == dreamdb.__all__
    assert dreamdb_dataset.__version__ == dreamdb.__version__


def test_all_names_are_there():
    for name in dreamdb.__all__:
        assert hasattr(dreamdb, name)


CALLS = {
    "Schema": "add_image add_video add_audio add_embedding add_scalar_categorical add_scalar_bool "
    "add_scalar_int add_scalar_float add_scalar_string add_scalar_timestamp add_array",
    "Dataset": "create open open_ref open_at open_by_manifest "
    "append_many commit add_image add_video "
    "add_array add_scalar_categorical add_scalar_bool add_scalar_int add_scalar_float "
    "add_scalar_string add_scalar_timestamp add_scalar_layer add_image_layer "
    "append_image_layer add_embedding_layer append_embedding_layer iter_stream "
    "iter_all_batches iter_arrow_batches iter_scalar iter_vector search query_scalar "
    "reindex take_index drop_index indexes delete tombstone_set restore "
    "distinct_values list_anchors distinct_anchors count snapshot branch history "
    "current_manifest ref_name timeline list_refs delete_ref meta set_meta "
    "set_description description set_application",
}


@pytest.mark.parametrize("owner", CALLS)
def test_calls_are_plain_attributes(owner):
    for name in CALLS[owner].split():
        assert callable(inspect.getattr_static(getattr(dreamdb, owner), name).__get__(None, object))
        assert inspect.getdoc(getattr(getattr(dreamdb, owner), name)), name


@pytest.mark.parametrize(
    "call, names",
    [
        (dreamdb.Dataset.create, "name schema backend"),
        (dreamdb.Dataset.open, "name schema backend"),
        (dreamdb.Dataset.open_ref, "ref_name backend"),
        (dreamdb.Dataset.open_at, "version backend"),
        (dreamdb.Dataset.open_by_manifest, "manifest_hash backend"),
        (dreamdb.Dataset.append_many, "self samples commit hot embedding_specs"),
        (dreamdb.Dataset.iter_stream, "self batch_size fields channel_buffer start_ns end_ns"),
        (dreamdb.Dataset.iter_all_batches, "self batch_size fields start_ns end_ns"),
        (dreamdb.Dataset.iter_arrow_batches, "self batch_size fields shuffle_seed window_batches"),
        (dreamdb.Dataset.iter_scalar, "self where_eq where batch_size"),
        (
            dreamdb.Dataset.iter_vector,
            "self field query top_k batch_size where_eq where as_numpy nprobe "
            "fields spec_id rerank_pool_size rerank_mode",
        ),
        (dreamdb.Dataset.distinct_anchors, "self start_ns end_ns fields"),
        (
            dreamdb.Schema.add_embedding,
            "self name dim algorithm required lsh_bits compressor "
            "spatial_index rerank bucket_max_bytes embed_spec",
        ),
        (
            dreamdb.Dataset.add_embedding_layer,
            "self name parent_field dim algorithm spatial_index "
            "compressor rerank samples version bucket_max_bytes embed_spec",
        ),
    ],
)
def test_positional_arguments(call, names):
    found = [
        p.name
        for p in inspect.signature(call).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    assert found == names.split()


def test_typed():
    folder = pathlib.Path(_core.__file__).parent
    assert (folder / "py.typed").is_file()
    stub = ast.parse((folder / "_core.pyi").read_text())
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    for name, value in vars(_core).items():
        if isinstance(value, type):
            members = {
                node.name for node in classes[name].body if isinstance(node, ast.FunctionDef)
            }
            public = {m for m in vars(value) if not m.startswith("_")}
            assert public <= members, (name, public - members)


def test_every_public_call_says_what_it_does():
    for owner in (
        dreamdb.Dataset,
        dreamdb.Schema,
        dreamdb.Writer,
        dreamdb.AnchorList,
        dreamdb.Column,
        dreamdb.ArrowStream,
        dreamdb.Conflicts,
        dreamdb.StreamBatchIter,
    ):
        for name, member in inspect.getmembers(owner):
            if not name.startswith("_"):
                assert inspect.getdoc(member), f"{owner.__name__}.{name}"


def test_error_classes():
    errors = [e for e in vars(dreamdb).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(errors) == 15 and all(issubclass(e, RuntimeError) for e in errors)
    assert issubclass(dreamdb.InvalidArgumentError, ValueError)
    assert issubclass(dreamdb.WrongTypeError, TypeError) and issubclass(
        dreamdb.WrongTypeError, ValueError
    )
    assert issubclass(dreamdb.OutOfRangeError, OverflowError)
    assert (
        dreamdb.ConflictError.code == "Conflict"
        and dreamdb.WrongTypeError.code == "InvalidArgument"
    )
