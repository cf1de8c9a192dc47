"""Snapshots, branches, history, diff, meta, refs."""

import pytest

import dreamdb
from dreamdb import Dataset, Schema


@pytest.fixture
def ints(url):
    dataset = Dataset.create("main", Schema().add_scalar_int("x"), backend=url)
    dataset.append_many([{"_anchor": i, "x": i} for i in range(10)])
    return dataset


def test_snapshot(ints, url):
    version = ints.snapshot("v1")
    assert version == {
        "label": "main@v1",
        "manifest": ints.current_manifest(),
        "timeline": ints.timeline(),
    }
    ints.append_many([{"_anchor": 100, "x": 1}])
    for opened in (
        Dataset.open_ref("v1", url),
        Dataset.open_ref("main@v1", url),
        Dataset.open_at(version, url),
        Dataset.open("main@v1", backend=url),
        Dataset.open(f"{url}@v1"),
        Dataset.open(f"{url}@main@v1"),
    ):
        assert len(opened) == 10 and opened.ref_name() == "main@v1" and opened.is_snapshot
        with pytest.raises(dreamdb.DreamDBError):
            opened.append_many([{"_anchor": 200, "x": 1}])
    assert len(ints) == 11
    with pytest.raises(RuntimeError, match="snapshot `main@v1` already exists") as caught:
        ints.snapshot("v1")
    assert isinstance(caught.value, dreamdb.AlreadyExistsError)


def test_open_ref_finds_the_only_branch_with_that_snapshot(ints, url):
    one = ints.branch("one")
    one.append_many([{"_anchor": 50, "x": 0}])
    one.snapshot("v9")
    assert len(Dataset.open_ref("v9", url)) == 11
    ints.branch("two").snapshot("v9")
    with pytest.raises(dreamdb.InvalidArgumentError, match="ambiguous"):
        Dataset.open_ref("v9", url)


def test_open_at_keeps_to_its_manifest(ints, url):
    version = {"label": "main", "manifest": ints.current_manifest()}
    assert Dataset.open_at(version, url).ref_name() == "main"
    ints.append_many([{"_anchor": 100, "x": 1}])
    assert len(Dataset.open_at(version, url)) == 10
    assert len(Dataset.open_at({"label": "main"}, url)) == 11
    assert len(Dataset.open_at({"manifest": version["manifest"]}, url)) == 10
    assert len(Dataset.open_at({"label": "gone", "manifest": version["manifest"]}, url)) == 10
    with pytest.raises(dreamdb.NotFoundError):
        Dataset.open_at({"label": "gone"}, url)
    with pytest.raises(dreamdb.InvalidArgumentError):
        Dataset.open_at({}, url)


def test_branch(ints, url):
    other = ints.branch("exp/run-1")
    assert isinstance(other, Dataset) and other.ref_name() == "exp/run-1" and len(other) == 10
    other.append_many([{"_anchor": 100, "x": 1}])
    ints.append_many([{"_anchor": 200, "x": 2}, {"_anchor": 201, "x": 2}])
    assert (len(Dataset.open("main", backend=url)), len(Dataset.open_ref("exp/run-1", url))) == (
        12,
        11,
    )
    with pytest.raises(dreamdb.AlreadyExistsError):
        ints.branch("exp/run-1")
    report = ints.diff(other)
    assert (report["commits_left"], report["commits_right"]) == (1, 1)
    assert (report["records_left"], report["records_right"]) == (12, 11)
    assert (report["records_only_left"], report["records_only_right"]) == (2, 1)
    assert report["common_ancestor"] and report["fields"]["x"]["change"] == "same"
    assert ints.diff("exp/run-1") == report == ints.diff(f"{url}@exp/run-1")
    same = ints.diff(ints)
    assert same["records_only_left"] == same["records_only_right"] == 0


def test_history(ints):
    ints.set_meta("k", "v")
    ints.add_scalar_float("y")
    history = ints.history()
    assert [v["operation"] for v in history] == ["add_field", "set_meta", "append", "create"]
    newest = history[0]
    assert newest["manifest"] == ints.current_manifest() and newest["parents_count"] == 1
    assert newest["records"] == 10 and newest["tracks_count"] >= 1 and newest["writer"]
    assert newest["ts_ns"] >= history[1]["ts_ns"] and history[-1]["parents_count"] == 0
    assert ints.history(max_depth=2) == history[:2] and ints.history(0) == []
    assert list(ints.iter_history()) == history
    assert ints.version_at(0)["manifest"] == history[-1]["manifest"]
    assert ints.version_at(2)["manifest"] == history[1]["manifest"]
    with pytest.raises(dreamdb.DreamDBError):
        ints.version_at(99)


def test_meta(ints, url):
    assert ints.meta() == {} and ints.description() is None
    ints.set_meta("owner", "Ada")
    ints.set_description("pets — 動物")
    again = Dataset.open("main", backend=url)
    assert again.meta() == {"owner": "Ada", "description": "pets — 動物"}
    assert again.description() == "pets — 動物"
    again.remove_meta("owner")
    assert again.meta() == {"description": "pets — 動物"} and len(again) == 10
    branch = ints.branch("b")
    branch.set_meta("x", "1")
    assert branch.diff(ints)["meta_changed"] == ["x"]
    with pytest.raises(TypeError):
        ints.set_meta("a", 3)
    with pytest.raises(dreamdb.DreamDBError):
        ints.set_meta("big", "x" * 10_000_000)


def test_refs(ints, url):
    ints.branch("b")
    ints.snapshot("s")
    assert ints.list_refs() == ["b", "main", "main@s"] and ints.list_refs("main") == [
        "main",
        "main@s",
    ]
    refs = {ref["name"]: ref for ref in ints.iter_refs()}
    assert refs["main@s"]["snapshot"] and not refs["main"]["snapshot"]
    assert refs["main"]["manifest"] == ints.current_manifest()
    ints.delete_ref("b")
    assert dreamdb.list_refs(url) == ["main", "main@s"]
    with pytest.raises(dreamdb.NotFoundError):
        ints.delete_ref("b")
    with pytest.raises(dreamdb.NotFoundError):
        Dataset.open("b", backend=url)


def test_two_writers_of_a_ref_both_win(ints):
    other = Dataset.open(ints.locator)
    ints.append_many([{"_anchor": 100, "x": 1}])
    other.append_many([{"_anchor": 200, "x": 2}])
    ints.append_many([{"_anchor": 300, "x": 3}])
    assert list(ints.list_anchors(start_ns=50)) == [100, 200, 300]
    with pytest.raises(dreamdb.ConflictError):
        other.append_many([{"_anchor": 300, "x": 99}])
    other.refresh()
    assert other.take([300])["x"] == [3]


def test_set_application(ints):
    ints.set_application("labeller", "r12")
    ints.append_many([{"_anchor": 50, "x": 1}])
    assert "application=labeller;application-revision=r12" in ints.history()[0]["writer"]
    with pytest.raises(dreamdb.InvalidArgumentError):
        ints.set_application("a\nb", "")


def test_merge(ints):
    branch = ints.branch("b")
    branch.append_many([{"_anchor": 20, "x": 20}])
    plan = ints.merge("b", dry_run=True)
    assert (plan["outcome"], plan["records"]) == ("fast-forward", 1)
    assert len(ints) == 10
    assert ints.merge("b", "fast-forward") == branch.current_manifest() == ints.current_manifest()
    ints.append_many([{"_anchor": 30, "x": 30}])
    branch.append_many([{"_anchor": 40, "x": 40}, {"_anchor": 30, "x": 30}])
    with pytest.raises(dreamdb.ConflictError, match="cannot simply move on"):
        ints.merge(branch, "fast-forward")
    with pytest.raises(dreamdb.InvalidArgumentError, match="strategy"):
        ints.merge(branch, "octopus")
    assert ints.merge(branch, dry_run=True)["rows"] == {"x": 1}
    merged = ints.merge(branch)
    assert merged == ints.current_manifest()
    newest = ints.history(1)[0]
    assert (newest["parents_count"], newest["operation"]) == (2, "merge")
    assert newest["parents"][1] == branch.current_manifest()
    assert len(ints) == 13
    assert ints.merge(branch) == merged


def test_a_merge_of_different_values_is_refused(ints):
    branch = ints.branch("b")
    ints.append_many([{"_anchor": 20, "x": 1}])
    branch.append_many([{"_anchor": 20, "x": 2}])
    before = ints.current_manifest()
    with pytest.raises(dreamdb.ConflictError, match="anchor 20, field `x`: target 1, source 2"):
        ints.merge(branch)
    plan = ints.merge(branch, dry_run=True)
    assert plan["outcome"] == "refused"
    assert plan["conflicts"] == [
        {
            "anchor": 20,
            "field": "x",
            "target": "1",
            "source": "2",
            "source_manifest": branch.current_manifest(),
        }
    ]
    assert ints.current_manifest() == before


def test_merge_many(ints):
    workers = [ints.branch(f"w{i}") for i in range(4)]
    for i, worker in enumerate(workers):
        worker.append_many([{"_anchor": 100 + i, "x": i}])
    ints.merge_many([*workers[:3], "w3"])
    assert len(ints) == 14
    assert ints.history(1)[0]["parents_count"] == 5
