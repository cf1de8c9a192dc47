"""`delete`, `tombstones` and `restore`: what goes is gone from every command, and comes back by `restore` alone."""

import pytest
from conftest import dreamdb


@pytest.fixture
def ints(tmp_path):
    store = tmp_path / "ints"
    dreamdb("create", store, "--field", "n:int?", "--field", "name:string")
    rows = "".join(f'{{"_anchor": {i}, "n": {i % 4}, "name": "r{i}"}}\n' for i in range(20))
    dreamdb("ingest", store, "-", stdin=rows.encode())
    return store


def anchors(store, *args) -> list:
    return [line["_anchor"] for line in dreamdb("stream", store, "--json", *args).lines()]


def test_deleted_records_are_gone_from_every_command(ints):
    dreamdb("snapshot", ints, "before")
    report = dreamdb("delete", ints, 3, 19, "--reason", "a test", "--json").json()
    assert list(report) == ["deleted", "unchanged", "missing", "manifest"]
    assert (report["deleted"], report["unchanged"], report["missing"]) == (2, 0, 0)
    log = dreamdb("log", ints, "--json").lines()[0]
    assert (log["manifest"], log["operation"], log["records"]) == (report["manifest"], "delete", 18)
    assert log["writer"].endswith(";reason=a test")
    assert dreamdb("count", ints).out == "18\n"
    assert 3 not in anchors(ints) and len(anchors(ints)) == 18
    assert dreamdb("count", ints, "--where", "n = 3").out == "3\n"
    assert {"value": 3, "count": 3} in dreamdb("values", ints, "n", "--json").lines()
    assert dreamdb("take", ints, 3, code=3).err
    stat = dreamdb("stat", ints, "--json").json()
    assert (stat["records"], stat["deleted"], stat["last_anchor"]) == (18, 2, 18)
    assert "deleted" in dreamdb("stat", ints).out
    assert dreamdb("tombstones", ints).out.split() == ["3", "19"]
    assert dreamdb("tombstones", ints, "--json").lines() == [{"anchor": 3}, {"anchor": 19}]
    assert dreamdb("count", f"{ints}@before").out == "20\n"
    diff = dreamdb("diff", f"{ints}@before", f"{ints}@main", "--json").json()
    assert (diff["records_only_left"], diff["records_only_right"]) == (2, 0)
    # Twice is once, and nothing brings them back.
    again = dreamdb("delete", ints, 3)
    assert again.out.startswith("0 records deleted from file://") and "1 was not there" in again.out
    refused = dreamdb("append", ints, "--anchor", 3, "--set", "name=r3", code=5)
    assert "deleted records: 3;" in refused.err


def test_what_is_deleted_is_said_by_anchors_or_a_filter(ints):
    assert dreamdb("delete", ints, "--where", "n = 0", "--json").json()["deleted"] == 5
    assert dreamdb("delete", ints, "-", stdin=b"1\n2\n\n").out.startswith("2 records deleted from ")
    assert dreamdb("count", ints).out == "13\n"
    assert "99" in dreamdb("delete", ints, 5, 99, code=3).err
    assert dreamdb("count", ints).out == "13\n"
    some = dreamdb("delete", ints, 5, 99, "--skip-missing", "--json").json()
    assert (some["deleted"], some["missing"]) == (1, 1)
    for wrong in ([], [5, "--where", "n = 1"], ["x"], ["--where", "zz = 1"], [6, "--fields", "zz"]):
        dreamdb("delete", ints, *wrong, code=2)


def test_values_of_fields_go_alone(ints):
    assert dreamdb("delete", ints, 6, 7, "--fields", "n").out.startswith("2 values deleted from ")
    assert dreamdb("take", ints, 6, "--json").lines()[0].get("n") is None
    assert dreamdb("count", ints, "--where", "n is null").out == "2\n"
    assert dreamdb("tombstones", ints, "--field", "n").out.split() == ["6", "7"]
    assert dreamdb("tombstones", ints).out == ""
    assert "required" in dreamdb("delete", ints, 6, "--fields", "name", code=2).err


def test_restore(ints):
    dreamdb("snapshot", ints, "good")
    dreamdb("delete", ints, "--where", "n < 3")
    dreamdb("append", ints, "--anchor", 100, "--set", "name=late")
    deleted = dreamdb("stat", ints, "--json").json()["manifest"]
    restored = dreamdb("restore", ints, "good", "--json").json()
    assert anchors(ints) == list(range(20))
    assert dreamdb("stat", ints, "--json").json()["manifest"] == restored["manifest"]
    assert dreamdb("restore", ints, "--at", deleted).out.startswith(f"restored {deleted} to file://")
    assert len(anchors(ints)) == 6
    dreamdb("branch", ints, "side")
    dreamdb("append", f"{ints}@side", "--anchor", 200, "--set", "name=side")
    dreamdb("restore", ints, "side", code=2)
    dreamdb("restore", ints, "nobody", code=3)
    dreamdb("restore", ints, code=2)
