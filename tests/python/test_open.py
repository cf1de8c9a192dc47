"""Creating, opening, closing, naming."""

import os
import pickle

import pytest
from conftest import full_schema

import dreamdb
from dreamdb import Dataset, Schema


def small():
    return Schema().add_scalar_int("x")


def test_create_and_open_by_backend_and_by_locator(url):
    first = Dataset.create("main", small(), backend=url)
    first.append_many([{"x": 1}])
    assert first.ref_name() == "main" and first.locator == f"{url}@main"
    assert len(Dataset.open("main", backend=url)) == 1
    assert len(Dataset.open("main", small(), url)) == 1
    assert len(Dataset.open(url)) == 1
    assert len(Dataset.open(f"{url}@main")) == 1
    assert len(Dataset.open_ref("main", url)) == 1
    second = Dataset.create(f"{url}@second/try-1", small())
    assert second.ref_name() == "second/try-1"
    assert first.list_refs() == ["main", "second/try-1"]
    assert dreamdb.list_refs(url) == ["main", "second/try-1"]
    assert dreamdb.list_refs(url, prefix="sec") == ["second/try-1"]


def test_create_twice(url):
    Dataset.create("main", small(), backend=url)
    with pytest.raises(dreamdb.AlreadyExistsError, match="already exists") as caught:
        Dataset.create("main", small(), backend=url)
    assert isinstance(caught.value, RuntimeError)


def test_open_what_is_not_there(url, tmp_path):
    with pytest.raises(dreamdb.NotFoundError):
        Dataset.open("main", backend=f"file://{tmp_path}/nothing")
    Dataset.create("main", small(), backend=url)
    with pytest.raises(RuntimeError, match="not found") as caught:
        Dataset.open("nope", backend=url)
    assert isinstance(caught.value, dreamdb.NotFoundError) and "nope" in str(caught.value)
    with pytest.raises(dreamdb.NotFoundError):
        Dataset.open_ref("nope", url)
    with pytest.raises(dreamdb.NotFoundError):
        dreamdb.list_refs(f"file://{tmp_path}/nothing")


def test_wrong_schema(url):
    Dataset.create("main", small(), backend=url)
    with pytest.raises(RuntimeError, match="schema mismatch: supplied Schema disagrees"):
        Dataset.open("main", full_schema(), url)
    with pytest.raises(ValueError):
        Dataset.create("other", {"x": int}, backend=url)


@pytest.mark.parametrize(
    "name",
    ["../up", "a/../b", "", "UPPER", "a b", "a\nb", "a//b", "/a", "a/", "x" * 65, "ä", "a\0b", "."],
)
def test_bad_ref_names(url, tmp_path, name):
    with pytest.raises(dreamdb.InvalidArgumentError):
        Dataset.create(name, small(), backend=url)
    dataset = Dataset.create("main", small(), backend=url)
    with pytest.raises(dreamdb.InvalidArgumentError):
        dataset.branch(name)
    with pytest.raises(dreamdb.InvalidArgumentError):
        dataset.snapshot(name)
    assert sorted(os.listdir(tmp_path)) == ["store"]


@pytest.mark.parametrize("backend", ["ftp://x", "s3x://b", "gopher://"])
def test_unknown_backend(backend):
    with pytest.raises(ValueError, match=f"unknown backend `{backend}`"):
        Dataset.create("main", small(), backend=backend)


def test_at_sign_in_a_folder(tmp_path):
    backend = f"file://{tmp_path}/a@b"
    Dataset.create("main", small(), backend=backend).append_many([{"x": 1}])
    assert os.path.isdir(tmp_path / "a@b")
    again = Dataset.open("main", backend=backend)
    assert len(again) == 1 and len(Dataset.open(again.locator)) == 1


def test_plain_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Dataset.create("./pets", small()).append_many([{"x": 1}])
    assert len(Dataset.open(str(tmp_path / "pets"))) == 1
    assert len(Dataset.open("main", backend=str(tmp_path / "pets"))) == 1


def test_memory_with_a_name_is_shared_and_without_is_private():
    Dataset.create("main", small(), backend="memory://shared-1").append_many([{"x": 1}])
    assert len(Dataset.open("memory://shared-1")) == 1
    one = Dataset.create("main", small(), backend="memory://")
    two = Dataset.create("main", small(), backend="memory://")
    one.append_many([{"x": 1}])
    assert (len(one), len(two)) == (1, 0)
    assert len(one.branch("b")) == 1
    with pytest.raises(dreamdb.NotFoundError):
        Dataset.open("main", backend="memory://")


def test_close_and_context_manager(url):
    with Dataset.create("main", small(), backend=url) as dataset:
        dataset.append_many([{"x": 1}])
        stream = dataset.iter_stream()
    with pytest.raises(dreamdb.InvalidArgumentError, match="closed"):
        len(dataset)
    assert repr(dataset) == "<Dataset (closed)>"
    dataset.close()
    assert [batch["x"] for batch in stream] == [[1]]


def test_repr_and_identity(pets, url):
    assert f"{url}@main" in repr(pets) and "10 records" in repr(pets)
    assert len(pets.current_manifest()) == 53 and len(pets.timeline()) == 53
    assert not pets.is_snapshot and pets.generation >= 1


def test_pinned_and_refresh(url):
    writer = Dataset.create("main", small(), backend=url)
    reader = Dataset.open("main", backend=url)
    assert not reader.refresh()
    writer.append_many([{"x": 1}])
    assert len(reader) == 0
    assert reader.refresh() and len(reader) == 1


def test_open_by_manifest_and_time(url):
    dataset = Dataset.create("main", small(), backend=url)
    dataset.append_many([{"_anchor": 1, "x": 1}])
    manifest, when = dataset.current_manifest(), dataset.history(1)[0]["ts_ns"]
    dataset.append_many([{"_anchor": 2, "x": 2}])
    old = Dataset.open_by_manifest(manifest, url)
    assert len(old) == 1 and old.ref_name() == f"@{manifest}"
    assert len(Dataset.open("main", backend=url, manifest=manifest)) == 1
    assert len(Dataset.open("main", backend=url, time_ns=when)) == 1
    with pytest.raises(dreamdb.DreamDBError):
        old.append_many([{"_anchor": 3, "x": 3}])
    with pytest.raises(ValueError):
        Dataset.open_by_manifest("nonsense", url)
    with pytest.raises(dreamdb.NotFoundError):
        Dataset.open_by_manifest(
            manifest[:9] + ("a" if manifest[9] != "a" else "b") + manifest[10:], url
        )


def test_pickle(url):
    dataset = Dataset.create("main", small(), backend=url)
    dataset.append_many([{"_anchor": 1, "x": 1}])
    data = pickle.dumps(dataset)
    again = pickle.loads(data)
    assert again.current_manifest() == dataset.current_manifest() and again.ref_name() == "main"
    again.append_many([{"_anchor": 2, "x": 2}])
    pinned = pickle.loads(data)  # main has moved on
    assert len(pinned) == 1 and pinned.ref_name().startswith("@")
    assert len(pickle.loads(pickle.dumps(pinned))) == 1
    again.append_many([{"_anchor": 3, "x": 3}], commit=False)
    with pytest.raises(dreamdb.InvalidArgumentError, match="commit"):
        pickle.dumps(again)


def test_empty_dataset(url):
    dataset = Dataset.create("main", full_schema(), backend=url)
    assert len(dataset) == 0 and dataset.count() == 0 and bool(dataset) is True
    assert list(dataset.iter_stream()) == [] and dataset.iter_all_batches() == []
    assert dataset.iter_scalar() == [] and list(dataset.list_anchors()) == []
    assert dataset.iter_vector("vec", [1, 0, 0, 0], 5) == []
    assert dataset.distinct_values("label") == [] and dataset.query_scalar("size", "==", 1) == []
    assert dataset.take([]) == {name: [] for name in dataset.schema.names} | {"_time_anchors": []}
    assert list(dataset.iter_rows()) == [] and dataset.take([], as_rows=True) == []


def test_empty_schema(url):
    dataset = Dataset.create("main", Schema(), backend=url)
    assert dataset.append_many([]) == 0
    dataset.add_scalar_int("x")
    dataset.append_many([{"x": 1}])
    assert len(dataset) == 1


def test_no_permission(tmp_path):
    if os.geteuid() == 0:
        # Root may do everything; a folder where a file stands is refused to root too.
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(dreamdb.DreamDBError):
            Dataset.create("main", small(), backend=f"file://{tmp_path}/file/store")
        return
    os.chmod(tmp_path, 0o500)
    with pytest.raises(dreamdb.DeniedError):
        Dataset.create("main", small(), backend=f"file://{tmp_path}/store")
