"""Every command does what it says, and its --json has stable keys."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from conftest import FIELDS, dreamdb, field_options


def test_create_shows_what_it_made(tmp_path):
    made = dreamdb("create", tmp_path / "a", *field_options(FIELDS), "--json").json()
    assert list(made) == ["locator", "manifest", "timeline", "fields"]
    assert made["locator"] == f"file://{tmp_path}/a@main" and made["fields"] == len(FIELDS)
    assert len(made["manifest"]) == 53
    assert dreamdb("count", tmp_path / "a").out == "0\n"
    dreamdb("create", tmp_path / "a", *field_options(FIELDS), code=4)


def test_schema_is_read_back(tmp_path):
    dreamdb("create", tmp_path / "a", *field_options(FIELDS))
    schema = dreamdb("schema", tmp_path / "a", "--json")
    (tmp_path / "schema.json").write_text(schema.out)
    dreamdb("create", tmp_path / "b", "--schema", tmp_path / "schema.json")
    assert dreamdb("schema", tmp_path / "b", "--json").json() == schema.json()
    table = dreamdb("schema", tmp_path / "a").out
    for field in FIELDS:
        assert field in table
    dreamdb("create", tmp_path / "c", code=2)
    dreamdb("create", tmp_path / "c", "--schema", tmp_path / "none.json", code=3)


def test_the_default_algorithm_is_the_same_on_the_command_line_and_in_python(tmp_path):
    package = pytest.importorskip("dreamdb")

    def algorithms(locator):
        fields = dreamdb("schema", locator, "--json").json()["fields"]
        return {field["algorithm"] for field in fields if field["type"] == "embedding"}

    dreamdb("create", tmp_path / "a", "--field", "e:embedding:2")
    dreamdb("ingest", tmp_path / "b", "-", "--create", "--field", "e:embedding:2:f16", stdin=b'{"e": [1, 2]}')
    dreamdb("add-field", tmp_path / "a", "later:embedding:3?")
    made = package.Dataset.create("main", package.Schema().add_embedding("e", 2), f"{tmp_path}/c")
    made.add_embedding("later", 3)
    made.append_many([{"_anchor": 1, "e": [1, 2]}])
    made.add_embedding_layer("layer", "e", 2, samples=[(1, [3, 4])])
    found = [algorithms(tmp_path / name) for name in "abc"]
    assert found == [{"dreamdb.lsh-cosine"}] * 3
    # Left out where a field is shown as it is given.
    assert "dreamdb.lsh-cosine" not in dreamdb("schema", tmp_path / "c").out


def test_ingest_reports(tmp_path, source):
    words = ["ingest", tmp_path / "a", "--create", *field_options(FIELDS), source / "rows.jsonl",
             "--npy", f"emb={source / 'emb.npy'}"]
    report = dreamdb(*words, "--json").json()
    assert report["rows"] == report["records"] == 20 and report["commits"] == 1
    assert list(report) == ["locator", "rows", "records", "filled", "unchanged", "skipped", "replaced",
                            "already_applied", "manifest", "assigned", "commits", "bytes", "seconds"]
    again = dreamdb(*words, "--json").json()  # the same rows again change nothing
    assert (again["records"], again["unchanged"], again["commits"]) == (0, 20, 0)
    assert again["manifest"] == report["manifest"]
    for more in ([], ["--commit-rows", 7]):
        assert "nothing to commit" in dreamdb(*words, *more).out
    assert "nothing to commit" in dreamdb("ingest", tmp_path / "a", "/dev/null").out
    # A key is noted with rows that change nothing: that is a commit, once.
    keyed = [*words, "--idempotency-key", "k", "--commit-rows", 10]
    assert ", 2 commits, " in dreamdb(*keyed).out
    assert "nothing to commit" in dreamdb(*keyed).out
    assert dreamdb("count", tmp_path / "a").out == "20\n"
    # A size in units; a limit is looked at between batches.
    parts = ["ingest", tmp_path / "b", *words[2:], "--batch-rows", 5, "--commit-bytes", "0.1kB", "--json"]
    assert dreamdb(*parts).json()["commits"] == 4


def test_ingest_from_standard_input_and_npy_alone(tmp_path):
    dreamdb("create", tmp_path / "a", "--field", "x:float", "--field", "e:embedding:2?")
    report = dreamdb("ingest", tmp_path / "a", "-", "--json", stdin=b'{"x": 1}\n\n{"x": 2.5}').json()
    assert report["records"] == 2
    first, last = report["assigned"][0]
    assert last - first == 1000
    np.save(tmp_path / "x.npy", np.arange(3, dtype=np.int16))
    np.save(tmp_path / "anchors.npy", np.array([7, 5, 6]))
    dreamdb("ingest", tmp_path / "a", "--npy", f"x={tmp_path / 'x.npy'}", "--npy", f"_anchor={tmp_path / 'anchors.npy'}")
    assert [row["x"] for row in dreamdb("take", tmp_path / "a", 5, 6, 7).lines()] == [1, 2, 0]
    dreamdb("ingest", tmp_path / "a", code=2)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_npy_floats_become_the_field(tmp_path, dtype):
    values = np.array([[0.1, 2], [3, -4]], dtype=dtype)
    np.save(tmp_path / "e.npy", values)
    for field, back in [("e:embedding:2", np.float32), ("e:embedding:2:f16", np.float16)]:
        store = tmp_path / field.replace(":", "-")
        dreamdb("ingest", store, "--create", "--field", field, "--npy", f"e={tmp_path / 'e.npy'}")
        rows = [row["e"] for row in dreamdb("stream", store).lines()]
        assert np.array_equal(np.array(rows, dtype=back), values.astype(back))


def test_on_conflict(pets, tmp_path):
    row = tmp_path / "row.jsonl"
    row.write_text('{"_anchor": 1000, "n": 99}\n')
    refused = dreamdb("ingest", pets, row, code=5)
    assert "1000" in refused.err and "Nothing was committed" in refused.err
    assert dreamdb("ingest", pets, row, "--on-conflict", "skip", "--json").json()["skipped"] == 1
    assert dreamdb("take", pets, 1000, "-f", "n").lines()[0]["n"] == 1
    assert dreamdb("ingest", pets, row, "--on-conflict", "replace", "--json").json()["replaced"] == 1
    assert dreamdb("take", pets, 1000, "-f", "n").lines()[0]["n"] == 99


def test_idempotency_key(tmp_path):
    words = ["ingest", tmp_path / "a", "--create", "--field", "n:int", "-", "--idempotency-key", "job-1", "--json"]
    dreamdb(*words, stdin=b'{"n": 1}\n{"n": 2}\n')
    assert dreamdb(*words, stdin=b'{"n": 1}\n{"n": 2}\n').json()["already_applied"] is True
    # Nothing is said of rows that nobody looked at, not even where they stand.
    told = dreamdb(*words[:-1], stdin=b'{"n": 8}\n{"n": 9}\n').out
    assert "2 rows: applied already under this idempotency key" in told and "equal" not in told
    told = dreamdb("append", tmp_path / "a", "--set", "n=1", "--idempotency-key", "one", "--anchor", 1).out
    assert ", anchor 1, version" in told
    told = dreamdb("append", tmp_path / "a", "--set", "n=7", "--idempotency-key", "one", "--anchor", 2).out
    assert "1 row: applied already" in told and "equal" not in told and "anchor" not in told
    assert dreamdb("count", tmp_path / "a").out == "3\n"
    # A part of the commits: the second one is new.
    some = [*words[:5], "-", "--idempotency-key", "parts", "--commit-rows", 2]
    dreamdb(*some, stdin=b'{"n": 1}\n{"n": 2}\n')
    told = dreamdb(*some, stdin=b'{"n": 1}\n{"n": 2}\n{"n": 3}\n').out
    assert "3 rows: 1 new record, 2 applied already under this idempotency key" in told


def test_ls_tells_its_cost(pets):
    cost = dreamdb("ls", pets, "--cost").err
    assert "lists 1" in cost and "loads 1" in cost, cost


def test_append(pets, source, tmp_path):
    np.save(tmp_path / "e.npy", np.arange(4, dtype=np.float64))
    report = dreamdb("append", pets, "--file", f"img={source / 'img/3.jpg'}", "--file", f"emb={tmp_path / 'e.npy'}",
                     "--set", "label=bird", "--set", "pose=[1,2,3,4,5,6]", "--set", "seen=2026-01-02T03:04:05Z",
                     "--set", "caption=a=b", "--anchor", 77, "--json").json()
    assert report["records"] == 1
    row = dreamdb("take", pets, 77).lines()[0]
    assert (row["label"], row["caption"], row["emb"]) == ("bird", "a=b", [0, 1, 2, 3])
    assert row["pose"] == [[1, 2, 3], [4, 5, 6]] and row["seen"] == 1767323045000000000
    assert dreamdb("append", pets, "--anchor", 77, "--set", "score=0.5", "--json").json()["filled"] == 1
    dreamdb("append", pets, "--anchor", 77, "--set", "score=0.75", code=5)
    dreamdb("append", pets, "--anchor", 77, "--set", "score=0.75", "--on-conflict", "replace")
    for words in (["--set", "img=x"], ["--set", "zz=1"], ["--set", "nonsense"], ["--set", "n=1.5"],
                  ["--file", "label=x"], ["--set", "score=NaN"]):
        dreamdb("append", pets, "--anchor", 78, *words, code=2)
    dreamdb("append", pets, "--set", "label=cat", code=2)  # required fields are missing
    assert dreamdb("count", pets).out == "21\n"


def test_count_ls_and_refs(pets):
    assert dreamdb("count", pets, "--json").json() == {"count": 20}
    assert dreamdb("count", pets, "--where", "label == 'cat' and score is not null").out == "4\n"
    assert dreamdb("ls", "--anchors", pets).out.split() == [str(1000 * i) for i in range(20)]
    assert dreamdb("ls", "--anchors", pets, "--where", "n in (3, 4)", "--json").lines() == [{"_anchor": 3000}, {"_anchor": 4000}]
    assert dreamdb("ls", "--anchors", pets, "--start", 2000, "--end", 4000).out.split() == ["2000", "3000"]
    dreamdb("snapshot", pets, "v1")
    dreamdb("branch", pets, "a/b")
    refs = dreamdb("ls", pets, "--json").lines()
    assert [(ref["ref"], ref["kind"]) for ref in refs] == [("a/b", "branch"), ("main", "branch"), ("main@v1", "snapshot")]
    assert list(refs[0]) == ["ref", "kind", "manifest", "time_ns", "time"]
    assert dreamdb("refs", pets, "--names", "--prefix", "main").out == "main\nmain@v1\n"
    dreamdb("ls", pets, "--where", "n == 1", code=2)


def test_show(pets, source, tmp_path):
    text = dreamdb("show", pets, 6000).out
    assert "600 bytes" in text and "2026-01-02T03:04:05.5Z" in text and "\\n次の行" in text
    row = dreamdb("show", pets, 6000, "--json").json()
    assert row["img"]["size"] == 600 and len(row["img"]["blake3"]) == 64
    image = (source / "img/6.jpg").read_bytes()
    assert dreamdb("show", pets, 6000, "--field", "img", "--out", "-").bytes == image
    dreamdb("show", pets, 6000, "--field", "img", "-o", tmp_path / "six.jpg")
    assert (tmp_path / "six.jpg").read_bytes() == image
    dreamdb("show", pets, 6001, code=3)
    dreamdb("show", pets, 1000, "--field", "caption", "--out", "-", code=3)
    dreamdb("show", pets, 6000, "--field", "zz", code=2)


def test_stream_and_take(pets, source):
    rows = dreamdb("stream", pets).lines()
    assert [row["_anchor"] for row in rows] == [1000 * i for i in range(20)]
    assert "img" not in rows[0] and rows[1]["caption"] is None
    emb = np.load(source / "emb.npy")
    assert np.array_equal(np.array([row["emb"] for row in rows], dtype=np.float32), emb)
    assert len(dreamdb("stream", pets, "-n", 3, "--where", "label == 'dog'").lines()) == 3
    assert list(dreamdb("stream", pets, "-f", "n,label", "-n", 1).lines()[0]) == ["_anchor", "n", "label"]
    taken = dreamdb("take", pets, 5000, 2000, "-f", "img").lines()
    assert [row["_anchor"] for row in taken] == [5000, 2000]
    assert taken[0]["img"]["size"] == 500
    anchors = "\n".join(str(1000 * i) for i in reversed(range(20))).encode()
    assert len(dreamdb("take", pets, "-", stdin=anchors).lines()) == 20
    assert "999" in dreamdb("take", pets, 1000, 999, code=3).err
    assert len(dreamdb("take", pets, 1000, 999, "--skip-missing").lines()) == 1
    dreamdb("take", pets, "abc", code=2)


def test_search(pets, source, tmp_path):
    emb = np.load(source / "emb.npy").astype(np.float64)
    unit = emb / np.linalg.norm(emb, axis=1, keepdims=True)
    hits = dreamdb("search", pets, "emb", "--like", 3000, "-k", 5, "--json").lines()
    order = np.argsort(-(unit @ unit[3]))[:5]
    assert [hit["_anchor"] for hit in hits] == [1000 * i for i in order]
    assert np.allclose([hit["_score"] for hit in hits], (unit @ unit[3])[order], atol=1e-5)
    query = json.dumps(emb[3].tolist())
    filtered = dreamdb("search", pets, "emb", "--query", query, "--where", "label == 'dog'", "-k", 50,
                       "--distance", "l2", "--json").lines()
    assert {hit["label"] for hit in filtered} == {"dog"} and len(filtered) == 7
    np.save(tmp_path / "q.npy", emb[:2])
    several = dreamdb("search", pets, "emb", "--query", tmp_path / "q.npy", "-k", 1, "--distance", "ip", "--json").lines()
    assert [hit["_query"] for hit in several] == [0, 1]
    assert "rank" in dreamdb("search", pets, "emb", "--like", 3000).out
    for words in ([], ["--like", 3000, "--query", "[1]"], ["--query", "[1,2]"], ["--query", "[1,2,3,\"x\"]"]):
        dreamdb("search", pets, "emb", *words, code=2)
    dreamdb("search", pets, "label", "--like", 3000, code=2)
    dreamdb("search", pets, "emb", "--like", 3001, code=3)


def test_values_stat_meta(pets):
    assert dreamdb("values", pets, "label", "--json").lines() == [
        {"value": "cat", "count": 7}, {"value": "dog", "count": 7}, {"value": "fish", "count": 6}]
    stat = dreamdb("stat", pets, "--json").json()
    assert stat["records"] == 20 and stat["last_anchor"] == 19000
    assert list(stat["tracks"][0]) == ["name", "type", "rows", "segments", "bytes", "height"]
    assert "records" in dreamdb("stat", pets).out
    dreamdb("meta", pets, "set", "license", "CC0")
    dreamdb("meta", pets, "set", "by", "me")
    dreamdb("meta", pets, "remove", "by")
    assert dreamdb("meta", pets, "--json").json() == {"license": "CC0"}
    dreamdb("meta", pets, "set", code=2)


def test_merge(tmp_path):
    ints = tmp_path / "ints"
    dreamdb("create", ints, "--field", "n:int?")
    dreamdb("append", ints, "--anchor", 1, "--set", "n=1")
    for branch in ("one", "two", "three"):
        dreamdb("branch", ints, branch)
    dreamdb("append", f"{ints}@one", "--anchor", 2, "--set", "n=2")
    plan = dreamdb("merge", ints, "one", "--dry-run", "--json").json()
    assert list(plan) == ["outcome", "target", "sources", "common_ancestor", "manifest", "records", "deleted", "deleted_values", "rows",
                          "segments", "keys", "fields_added", "meta_changed", "conflicts", "more_conflicts", "meta_conflicts"]
    assert (plan["outcome"], plan["records"], plan["manifest"]) == ("fast-forward", 1, plan["sources"][0])
    assert dreamdb("count", ints).out == "1\n"
    assert dreamdb("merge", ints, "one").out.startswith("fast-forward into file://")
    assert "has all of it" in dreamdb("merge", ints, f"{ints}@one").out
    dreamdb("append", f"{ints}@two", "--anchor", 3, "--set", "n=3")
    dreamdb("append", f"{ints}@three", "--anchor", 3, "--set", "n=3")
    dreamdb("merge", ints, "two", "--fast-forward", code=5)
    assert dreamdb("merge", ints, "two", "three", "--dry-run").out.splitlines() == [
        f"would be a union into file://{ints}@main: 1 new record", "  n: 1 row"]
    merged = dreamdb("merge", ints, "two", "three", "--json").json()
    assert (merged["outcome"], merged["records"], len(merged["sources"])) == ("union", 1, 2)
    log = dreamdb("log", ints, "--json").lines()[0]
    assert (log["manifest"], log["operation"], log["records"], len(log["parents"])) == (merged["manifest"], "merge", 3, 3)

    dreamdb("append", ints, "--anchor", 4, "--set", "n=4")
    dreamdb("append", f"{ints}@two", "--anchor", 4, "--set", "n=5")
    assert dreamdb("merge", ints, "two", "--dry-run", "--json", code=5).json()["outcome"] == "refused"
    refused = dreamdb("merge", ints, "two", "--json", code=5)
    conflict = {"anchor": 4, "field": "n", "target": "4", "source": "5"}
    assert refused.json()["outcome"] == "refused"
    assert [{key: one[key] for key in conflict} for one in refused.json()["conflicts"]] == [conflict]
    assert dreamdb("merge", ints, "two", code=5).out.splitlines()[-1].split() == ["4", "n", "4", "5"]
    assert dreamdb("count", ints).out == "4\n"

    dreamdb("append", ints, "--anchor", 5, "--set", "n=5")
    dreamdb("append", f"{ints}@two", "--anchor", 5, "--set", "n=6")
    for max_, told in ((1, 1), (2, 2), (3, 2)):
        refused = dreamdb("merge", ints, "two", "--conflicts-max", max_, "--json", code=5).json()
        assert [one["anchor"] for one in refused["conflicts"]] == [4, 5][:told]
        assert refused["more_conflicts"] == (max_ < 2)
    assert "--conflicts-max" in dreamdb("merge", ints, "two", "--conflicts-max", 1, code=5).out.splitlines()[-1]
    dreamdb("merge", ints, "two", "--conflicts-max", 0, code=2)
    dreamdb("merge", ints, "nobody", code=3)
    dreamdb("merge", ints, code=2)


def test_versions(pets, source):
    snapshot = dreamdb("snapshot", pets, "v1", "--json").json()
    assert snapshot["ref"] == "main@v1"
    dreamdb("snapshot", pets, "v1", code=4)
    dreamdb("branch", pets, "try")
    dreamdb("branch", pets, "try", code=4)
    dreamdb("append", f"{pets}@try", "--file", f"img={source / 'img/3.jpg'}", "--set", "emb=[1,2,3,4]", "--set", "label=new")
    assert dreamdb("count", f"{pets}@try").out == "21\n"
    assert dreamdb("count", pets).out == dreamdb("count", f"{pets}@main@v1").out == "20\n"
    log = dreamdb("log", f"{pets}@try", "--json").lines()
    assert [commit["records"] for commit in log] == [21, 20, 0]
    assert list(log[0]) == ["manifest", "generation", "time_ns", "time", "records", "operation", "writer", "parents", "tracks"]
    assert log[0]["parents"] == [log[1]["manifest"]]
    assert len(dreamdb("log", pets, "-n", 1).out.splitlines()) == 1
    diff = dreamdb("diff", pets, f"{pets}@try", "--json").json()
    assert (diff["records_only_left"], diff["records_only_right"], diff["commits_right"]) == (0, 1, 1)
    assert diff["common_ancestor"] == snapshot["manifest"]
    assert "records only here" in dreamdb("diff", pets, f"{pets}@try").out
    # Any version, by address or time, from any ref.
    assert dreamdb("count", pets, "--at", log[0]["manifest"]).out == "21\n"
    assert dreamdb("count", f"{pets}@try", "--at", log[2]["manifest"]).out == "0\n"
    assert dreamdb("count", f"{pets}@try", "--at", log[1]["time"]).out == "20\n"
    assert dreamdb("count", f"{pets}@try", "--at", log[1]["time_ns"]).out == "20\n"
    dreamdb("count", pets, "--at", "1999-01-01", code=3)
    dreamdb("count", pets, "--at", "soon", code=2)
    dreamdb("ingest", f"{pets}@main@v1", "-", stdin=b'{"_anchor": 1000, "score": 1}', code=9)
    dreamdb("delete-ref", pets, code=2)
    dreamdb("delete-ref", f"{pets}@try")
    dreamdb("count", f"{pets}@try", code=3)
    # A snapshot of main by its label alone, as `count` finds it.
    assert dreamdb("count", f"{pets}@v1").out == "20\n"
    assert "deleted ref main@v1;" in dreamdb("delete-ref", f"{pets}@v1").out
    dreamdb("count", f"{pets}@v1", code=3)
    dreamdb("delete-ref", f"{pets}@v1", code=3)


def test_add_field_and_fill(pets):
    dreamdb("add-field", pets, "weight:float?", "--info", "unit=kg")
    assert "unit=kg" in dreamdb("schema", pets).out
    rows = "".join(json.dumps({"_anchor": 1000 * i, "weight": i}) + "\n" for i in range(20))
    assert dreamdb("ingest", pets, "-", "--json", stdin=rows.encode()).json()["filled"] == 20
    assert dreamdb("count", pets, "--where", "weight > 9").out == "10\n"
    dreamdb("add-field", pets, "weight:int?", code=4)


def test_cost_is_told(pets):
    run = dreamdb("count", pets, "--cost", "--json")
    cost = json.loads(run.err)["cost"]
    assert cost["waves"] == 2 and cost["requests"] == 2 and cost["loads"] == 1
    assert "waves" in dreamdb("stream", pets, "--cost").err


def test_export_round_trip(pets, source, tmp_path):
    dreamdb("meta", pets, "set", "license", "CC0")
    counts = dreamdb("export", pets, tmp_path / "dump", "--json").json()
    assert (counts["rows"], counts["blobs"]) == (20, 27)
    assert np.array_equal(np.load(tmp_path / "dump/emb.npy"), np.load(source / "emb.npy"))
    dreamdb("ingest", tmp_path / "copy", "--create", tmp_path / "dump")
    for command in (["stream", "--blobs"], ["schema", "--json"], ["meta", "--json"]):
        assert dreamdb(command[0], tmp_path / "copy", *command[1:]).out == dreamdb(command[0], pets, *command[1:]).out
    dreamdb("export", tmp_path / "copy", tmp_path / "again")
    dump, again = tmp_path / "dump", tmp_path / "again"
    files = sorted(path.relative_to(dump) for path in dump.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for file in files:
        if file.name != "export.json":
            assert hashlib.sha256((dump / file).read_bytes()).digest() == hashlib.sha256((again / file).read_bytes()).digest()
    dreamdb("export", pets, dump, code=4)  # not empty
    dreamdb("export", pets, tmp_path / "cats", "--where", "label == 'cat'", "-f", "label,emb")
    assert len(np.load(tmp_path / "cats/emb.npy")) == 7
    dreamdb("ingest", tmp_path / "cats-again", "--create", tmp_path / "cats")
    # Without --create the rows go into what is there; the same rows change nothing.
    assert dreamdb("ingest", pets, tmp_path / "dump", "--json").json()["unchanged"] == 20


def test_stream_is_read_back(pets, tmp_path):
    dreamdb("create", tmp_path / "copy", *field_options(FIELDS))
    rows = dreamdb("stream", pets, "--blobs").bytes
    dreamdb("ingest", tmp_path / "copy", "-", stdin=rows)
    assert dreamdb("stream", tmp_path / "copy", "--blobs").bytes == rows


def test_values_at_the_edges_survive(tmp_path):
    fields = ["i:int", "f:float", "s:string", "a:array:f64:2", "h:array:f16:2", "b:array:bf16:2", "u:array:u64:1", "t:text", "z:array:f32:0"]
    rows = [{"_anchor": 0, "i": -2**63, "f": 5e-324, "s": "", "a": ["NaN", "-Infinity"], "h": [65504, 6e-8], "b": [1, -2],
             "u": [2**64 - 1], "t": "", "z": []},
            {"_anchor": 2**64 - 2, "i": 2**63 - 1, "f": -0.0, "s": "\x00\x7f\u20ac", "a": [1e308, 0.1], "h": [0, -1], "b": [0.5, 3],
             "u": [0], "t": "\x00", "z": []}]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    dreamdb("ingest", tmp_path / "a", "--create", *field_options(fields), "-", stdin=text)
    back = dreamdb("stream", tmp_path / "a").lines()
    rows[0]["h"][1] = back[0]["h"][1]  # the nearest half
    assert abs(back[0]["h"][1] - 6e-8) < 1e-9 and str(back[1]["f"]) == "-0.0"
    assert back == rows
    dreamdb("export", tmp_path / "a", tmp_path / "dump")
    dreamdb("ingest", tmp_path / "b", "--create", tmp_path / "dump")
    assert dreamdb("stream", tmp_path / "b").bytes == dreamdb("stream", tmp_path / "a").bytes


def test_diff_of_a_copy_that_went_its_own_way(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    create = ["--create", "--field", "n:int"]
    dreamdb("ingest", here, *create, "-", stdin=b'{"_anchor": 1, "n": 1}\n')
    shutil.copytree(here, there)
    base = dreamdb("log", here, "--json").out.splitlines()[0]
    for where, anchor in ((here, 10), (here, 11), (there, 20)):
        dreamdb("ingest", where, "-", stdin=json.dumps({"_anchor": anchor, "n": 2}).encode())
    for left, right, only in ((here, there, (2, 1)), (there, here, (1, 2))):
        diff = dreamdb("diff", left, right, "--json").json()
        assert (diff["records_only_left"], diff["records_only_right"]) == only
        assert (diff["commits_left"], diff["commits_right"]) == only
        assert diff["common_ancestor"] == json.loads(base)["manifest"]


def test_diff_of_unrelated_datasets_goes_by_name(tmp_path):
    # Field ids collide here: `n` is the first field of one and `label` of the other.
    dreamdb("ingest", tmp_path / "a", "--create", "--field", "label:categorical", "-", stdin=b'{"label": "x"}\n{"label": "y"}\n')
    dreamdb("ingest", tmp_path / "b", "--create", *field_options(["n:int", "label:categorical"]), "-", stdin=b'{"n": 1, "label": "x"}\n')
    diff = dreamdb("diff", tmp_path / "a", tmp_path / "b", "--json").json()
    assert [tuple(field.values()) for field in diff["fields"]] == [("label", "same", 2, 1), ("n", "added", 0, 1)]
    assert diff["common_ancestor"] is None
