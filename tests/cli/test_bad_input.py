"""Wrong input: the error names the thing and the way out, and the dataset is as it was."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from conftest import PROGRAM, dreamdb, field_options


@pytest.fixture
def tip(pets):
    """Checks at the end of the test that the ref did not move and all is readable."""
    before = dreamdb("log", pets, "-n", 1).out
    rows = dreamdb("stream", pets, "--blobs").bytes
    yield pets
    assert dreamdb("log", pets, "-n", 1).out == before
    assert dreamdb("stream", pets, "--blobs").bytes == rows


@pytest.mark.parametrize("line, parts", [
    ('{"_anchor": 5, "n": 1', ["rows.jsonl:2", "cut short"]),
    ('{"_anchor": 5, "n" 1}', ["rows.jsonl:2", "malformed"]),
    ('[1, 2]', ["rows.jsonl:2", "object"]),
    ('{"_anchor": 5, "zz": 1}', ["rows.jsonl:2", "zz", "label"]),
    ('{"_anchor": 5, "emb": [1, 2]}', ["rows.jsonl:2", "emb", "4", "2"]),
    ('{"_anchor": 5, "emb": [1, 2, 3, "NaN"]}', ["rows.jsonl:2", "emb"]),
    ('{"_anchor": 5, "emb": [1, 2, 3, 1e999]}', ["rows.jsonl:2"]),
    ('{"_anchor": 5, "emb": [1, 2, 3, 1e50]}', ["rows.jsonl:2", "`emb`, element 3: 1e+50 is a number beyond f32"]),
    ('{"_anchor": 5, "score": 1e400}', ["rows.jsonl:2", "'1e400' is a number beyond f64", "1.7976931348623157e+308"]),
    ('{"_anchor": 5, "n": 1.5}', ["rows.jsonl:2", "`n`", "1.5"]),
    ('{"_anchor": 5, "n": 9223372036854775808}', ["rows.jsonl:2", "`n`"]),
    ('{"_anchor": 5, "score": "high"}', ["rows.jsonl:2", "score"]),
    ('{"_anchor": 5, "pose": [[1, 2, 3], [4, 5]]}', ["rows.jsonl:2", "pose", "2 x 3"]),
    ('{"_anchor": 5, "pose": [[1, 2, 3], [4, 5, 70000]]}', ["rows.jsonl:2", "pose"]),
    ('{"_anchor": 5, "img": "img/none.jpg"}', ["rows.jsonl:2", "img/none.jpg", "No such file"]),
    ('{"_anchor": 5, "raw": {"base64": "%%%%"}}', ["rows.jsonl:2", "base64"]),
    ('{"_anchor": -5, "n": 1}', ["rows.jsonl:2", "_anchor"]),
    ('{"_anchor": 18446744073709551615, "n": 1}', ["rows.jsonl:2", "_anchor"]),
    ('{"n": 1}', ["rows.jsonl:2", "_anchor"]),
    ('[' * 100000, ["rows.jsonl:2", "nested"]),
    ('{"_anchor": 5, "n": 1}\0[1, 2, 3', ["rows.jsonl:2", "a NUL byte at column 23"]),
    ('{"_anchor": 5, "n": 1, "label": "a: \\"b", "n": 2}', ["rows.jsonl:2", '"n" stands twice']),
    ('{"_anchor": 5, "raw": {"base64": "", "base64": ""}}', ["rows.jsonl:2", '"base64" stands twice']),
    ('{"_anchor": 5, "label": "x"}', ["img"]),                       # a new record without required fields
    ('{"_anchor": 6000, "n": 7}', ["6000"]),                         # another value is there
    ('{"_anchor": 1000, "score": 1}', ["1000", "twice"]),            # the anchor of line 1
])
def test_json_lines(tip, source, line, parts):
    # The first line is right: it must not become visible either.
    path = source / "rows.jsonl"
    path.write_text('{"_anchor": 1000, "score": 1}\n' + line + "\n")
    code = 5 if '"n": 7' in line else 3 if "none.jpg" in line else 2
    run = dreamdb("ingest", tip, path, code=code)
    for part in [*parts, "Nothing was committed"]:
        assert part in run.err
    assert "Traceback" not in run.err and len(run.err) < 2000


def test_committed_rows_are_told_and_skip_goes_on(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"n": i}) for i in range(10)]
    path.write_text("\n".join(lines[:7] + ['{"n": "seven"}'] + lines[8:]) + "\n")
    words = ["ingest", tmp_path / "a", "--create", "--field", "n:int", path, "--commit-rows", 3, "--batch-rows", 1]
    run = dreamdb(*words, code=2)
    assert "rows.jsonl:8" in run.err and "first 6 rows" in run.err and "--skip 6" in run.err
    assert dreamdb("count", tmp_path / "a").out == "6\n"
    path.write_text("\n".join(lines) + "\n")
    dreamdb(*words, "--skip", 6)
    assert sorted(row["n"] for row in dreamdb("stream", tmp_path / "a").lines()) == list(range(10))
    dreamdb(*words, "--skip", 11, code=2)


def test_commits_below_a_batch(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"n": i}) + "\n" for i in range(10)))
    np.save(tmp_path / "n.npy", np.arange(10))
    for name, source in (("a", [path]), ("b", ["--npy", f"n={tmp_path / 'n.npy'}"])):
        words = ["ingest", tmp_path / name, "--create", "--field", "n:int", *source, "--commit-rows", 3, "--json"]
        report = dreamdb(*words).json()
        assert (report["rows"], report["commits"]) == (10, 4)


def npy_run(tip, tmp_path, field, array, code=2, cut=None, anchors=True):
    path = tmp_path / "x.npy"
    np.save(path, array)
    if cut is not None:
        data = path.read_bytes()
        path.write_bytes(data[:cut] if cut < 0 or cut > 10 else data[:cut])
    np.save(tmp_path / "anchors.npy", np.arange(len(array)) * 1000)
    return dreamdb("ingest", tip, "--npy", f"{field}={path}", "--npy", f"_anchor={tmp_path / 'anchors.npy'}", code=code)


def test_npy_files(tip, tmp_path):
    good = np.ones((20, 4), dtype=np.float32)
    run = npy_run(tip, tmp_path, "emb", good, cut=-1)
    assert "expected 320 bytes" in run.err and "found 319" in run.err
    assert "cut short" in npy_run(tip, tmp_path, "emb", good, cut=9).err
    assert "(4)" in npy_run(tip, tmp_path, "emb", np.ones((20, 5), dtype=np.float32)).err
    bad = good.copy()
    bad[13, 2] = np.nan
    run = npy_run(tip, tmp_path, "emb", bad)
    assert "row 13, element 2" in run.err and "NaN" in run.err
    assert "Fortran" in npy_run(tip, tmp_path, "emb", np.asfortranarray(good)).err
    assert "big-endian" in npy_run(tip, tmp_path, "emb", good.astype(">f4")).err
    assert "'<f8'" in npy_run(tip, tmp_path, "n", np.ones(20)).err
    assert "row 3" in npy_run(tip, tmp_path, "pose", np.full((20, 2, 3), 0, dtype=np.int64) + (np.arange(20) == 3).reshape(-1, 1, 1) * 40000).err
    assert "zz" in npy_run(tip, tmp_path, "zz", good).err
    run = dreamdb("ingest", tip, "--npy", f"emb={tmp_path / 'none.npy'}", code=3)
    assert "none.npy" in run.err


def test_npy_and_lines_must_have_the_same_rows(tip, source, tmp_path):
    np.save(tmp_path / "n.npy", np.arange(3))
    rows = tmp_path / "rows.jsonl"
    for count in (2, 4):
        rows.write_text("".join(json.dumps({"_anchor": 5 + i, "score": 1}) + "\n" for i in range(count)))
        run = dreamdb("ingest", tip, rows, "--npy", f"n={tmp_path / 'n.npy'}", code=2)
        assert "n.npy" in run.err and "3" in run.err


@pytest.mark.parametrize("locator, code", [
    ("{}/none", 3), ("{}/pets@none", 3), ("{}/pets@../x", 2), ("{}/pets@Main", 2), ("{}/pets@a//b", 2),
    ("file://relative", 2), ("{}/pets@\x1b", 2), ("s3:///x", 2), ("s3://no bucket/x", 2), ("nope://x", 2), ("", 2),
])
def test_locators(pets, locator, code):
    run = dreamdb("count", locator.format(pets.parent), code=code)
    assert "\x1b" not in run.err and run.err.startswith("dreamdb count: ")


def test_where_has_a_caret(pets):
    run = dreamdb("count", pets, "--where", "label = 'cat' and and", code=2)
    place, caret = next((a, b) for a, b in zip(run.err.splitlines(), run.err.splitlines()[1:]) if b.strip() == "^")
    assert place[caret.index("^"):].startswith("and")
    assert "zz" in dreamdb("count", pets, "--where", "zz == 1", code=2).err
    dreamdb("count", pets, "--where", "label > 5", code=2)


def test_usage_errors_are_exit_2(pets):
    for words in ([], ["nope"], ["count"], ["count", pets, "--nope"], ["search", pets, "emb", "-k", "x"],
                  ["ingest", pets, "-", "--on-conflict", "maybe"], ["completion", "fish"]):
        run = dreamdb(*words, code=2)
        assert "--help" in run.err and run.out == ""
    error = json.loads(dreamdb("count", pets.parent / "none", "--json", code=3).err)["error"]
    assert error["code"] == "NotFound" and error["exit"] == 3


def unprivileged():
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []


def open_path_for_all(path):
    """Lets an unprivileged user through to `path` (pytest's folders are 0700)."""
    for folder in [path, *path.parents]:
        if folder.owner() == pathlib.Path.home().owner() and folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(folder.stat().st_mode | 0o055)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_no_permission(tip, source, tmp_path):
    open_path_for_all(tmp_path)
    program = tmp_path / "dreamdb"
    shutil.copy(PROGRAM, program)
    program.chmod(0o755)
    closed = tmp_path / "closed"
    dreamdb("create", closed, "--field", "n:int")
    closed.chmod(0o700 if os.geteuid() == 0 else 0)
    run = subprocess.run([*unprivileged(), program, "count", closed], capture_output=True, text=True, check=False, cwd="/")
    closed.chmod(0o755)
    assert run.returncode == 9 and str(closed) in run.stderr, run.stderr
    if os.geteuid() == 0:  # readable, not writable
        run = subprocess.run([*unprivileged(), program, "append", tip, "--anchor", "1000", "--set", "score=1"],
                             capture_output=True, text=True, check=False, cwd="/")
        assert run.returncode == 9, run.stderr
        run = subprocess.run([*unprivileged(), program, "count", tip], capture_output=True, text=True, check=False, cwd="/")
        assert run.stdout == "20\n", run.stderr


def test_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        np.save(tmp_path / "small.npy", np.ones((100, 64), dtype=np.float32))
        np.save(tmp_path / "large.npy", np.random.default_rng(1).standard_normal((40_000, 64)).astype(np.float32))
        store = disk / "store"
        dreamdb("ingest", store, "--create", "--field", "e:embedding:64", "--npy", f"e={tmp_path / 'small.npy'}")
        before = dreamdb("log", store, "-n", 1).out
        run = dreamdb("ingest", store, "--npy", f"e={tmp_path / 'large.npy'}", code=10)
        assert "No space left" in run.err or "no space" in run.err.lower()
        assert "Nothing was committed" in run.err
        assert dreamdb("log", store, "-n", 1).out == before
        assert len(dreamdb("stream", store).lines()) == 100
        with open(disk / "out", "wb") as out:  # what is printed does not fit either
            with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * 4096)
            run = subprocess.run([PROGRAM, "stream", store], stdout=out, stderr=subprocess.PIPE, text=True, check=False)
        assert run.returncode == 10 and "standard output" in run.stderr, run.stderr
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def test_a_limit_of_file_sizes(tmp_path):
    np.save(tmp_path / "large.npy", np.random.default_rng(1).standard_normal((2000, 64)).astype(np.float32))
    limited = ("bash", "-c", 'ulimit -f 100; exec "$@"', "bash")
    words = ["ingest", tmp_path / "s", "--create", "--field", "e:embedding:64", "--npy", f"e={tmp_path / 'large.npy'}"]
    run = dreamdb(*words, prefix=limited, code=10)
    assert "Exhausted" in run.err and "ulimit -f" in run.err and "Nothing was committed" in run.err
    assert dreamdb("count", tmp_path / "s").out == "0\n"
    dreamdb(*words)
    run = dreamdb("export", tmp_path / "s", tmp_path / "out", prefix=limited, code=10)
    assert "Exhausted" in run.err and "e.npy" in run.err and "ulimit -f" in run.err


def test_a_format_from_the_future(pets, tmp_path):
    # A manifest of version 4 under its right address. The program itself hashes the bytes, as a
    # blob's digest.
    old = dreamdb("log", pets, "-n", 1, "--json").json()["manifest"]
    manifest = (pets / "manifests" / old).read_bytes()
    assert manifest.count(b"\x61v\x01") == 1
    future = tmp_path / "future"
    future.write_bytes(manifest.replace(b"\x61v\x01", b"\x61v\x04"))
    dreamdb("create", tmp_path / "hash", "--field", "raw:blob")
    dreamdb("append", tmp_path / "hash", "--anchor", 0, "--file", f"raw={future}")
    digest = bytes.fromhex(dreamdb("show", tmp_path / "hash", 0, "--json").json()["raw"]["blake3"])
    address = b"\x1e" + digest
    name = base64.b32encode(address).decode().rstrip("=").lower()
    (pets / "manifests" / name).write_bytes(future.read_bytes())
    run = dreamdb("count", pets, "--at", name, code=11)
    assert name in run.err and "4" in run.err


def objects(store, kind):
    return sorted(path for path in (store / kind).rglob("*") if path.is_file())


def test_flipped_bytes_are_found_and_named(pets):
    found = 0
    for kind in ("manifests", "pages", "segments"):
        for path in objects(pets, kind):
            whole = path.read_bytes()
            place = len(whole) // 2
            path.chmod(0o644)
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1:])
            done = subprocess.run([PROGRAM, "stream", pets, "--blobs"], capture_output=True, text=True, check=False)
            if done.returncode:
                assert done.returncode == 6 and path.name[-20:] in done.stderr.replace("/", ""), done.stderr
                found += 1
            path.write_bytes(whole)
    assert found >= 3
    dreamdb("stream", pets, "--blobs")


def test_missing_objects_are_named(pets):
    found = 0
    for path in [path for kind in ("manifests", "pages", "segments") for path in objects(pets, kind)]:
        aside = path.with_name(path.name + ".aside")
        path.rename(aside)
        done = subprocess.run([PROGRAM, "stream", pets, "--blobs"], capture_output=True, text=True, check=False)
        if done.returncode:
            assert done.returncode in (3, 6) and path.name[-20:] in done.stderr.replace("/", ""), done.stderr
            found += 1
        aside.rename(path)
    assert found >= 3


def test_no_number_wraps_around(pets):
    for words in (["append", pets, "--anchor", "-5", "--set", "label=x"], ["show", pets, "-5"], ["stream", pets, "--start", "-1"],
                  ["stream", pets, "-n", "-1"], ["search", pets, "emb", "--like", "-1"], ["search", pets, "emb", "--like", "0", "-k", "-1"],
                  ["ingest", pets, "-", "--skip", "-1"], ["ingest", pets, "-", "--batch-rows", "-1"], ["ingest", pets, "-", "--batch-rows", "0"]):
        dreamdb(*words, code=2)


def test_an_empty_filter_is_not_no_filter(pets):
    dreamdb("count", pets, "--where", "", code=2)


def test_closed_standard_output_is_noticed(pets):
    run = subprocess.run(["bash", "-c", f"'{PROGRAM}' count '{pets}' >&-"], capture_output=True, text=True, check=False)
    assert run.returncode != 0 and "standard output" in run.stderr
    assert dreamdb("count", pets).out == "20\n"


def test_a_payload_has_a_limit(pets):
    run = dreamdb("append", pets, "--anchor", 0, "--file", "raw=/dev/zero", code=10)
    assert "/dev/zero" in run.err and "1 GiB" in run.err


def test_small_slips_of_the_hand(tip):
    assert "meta LOCATOR set KEY VALUE" in dreamdb("meta", tip, "set", "license", code=2).err
    assert "no meta key `nope`" in dreamdb("meta", tip, "remove", "nope", code=3).err
    assert "there is no command `bogus`" in dreamdb("bogus", code=2).err
    for option in ("--batch-rows", "--commit-rows", "--commit-bytes"):
        assert "expected a number above 0, found 0" in dreamdb("ingest", tip, "-", option, "0", code=2).err
    assert "at least one byte, found 0.5" in dreamdb("ingest", tip, "-", "--commit-bytes", "0.5", code=2).err
    assert "64 MX" in dreamdb("ingest", tip, "-", "--commit-bytes", "64 MX", code=2).err
    assert "18446744073709551616" in dreamdb("append", tip, "--anchor", "18446744073709551616", code=2).err


def test_a_key_of_other_rows_is_refused(tmp_path):
    target, rows = tmp_path / "keyed", tmp_path / "rows.jsonl"
    dreamdb("create", target, "--field", "n:int")
    rows.write_text("".join(f'{{"_anchor": {i}, "n": {i}}}\n' for i in range(100)), encoding="utf-8")
    dreamdb("ingest", target, rows, "--idempotency-key", "k")
    again = dreamdb("ingest", target, rows, "--idempotency-key", "k")
    assert "applied already" in again.out
    with rows.open("a", encoding="utf-8") as file:
        file.write('{"_anchor": 100, "n": 100}\n')
    assert "`k` was applied to 100 rows, and 101 come" in \
        dreamdb("ingest", target, rows, "--idempotency-key", "k", code=5).err
    assert dreamdb("count", target).out.strip() == "100"


def test_a_snapshot_of_main_is_found_by_its_label(pets):
    dreamdb("snapshot", pets, "v1")
    assert dreamdb("count", f"{pets}@v1").out == dreamdb("count", f"{pets}@main@v1").out
    assert "snapshot" in dreamdb("meta", f"{pets}@v1", "set", "a", "b", code=9).err
    assert "`v2` not found" in dreamdb("count", f"{pets}@v2", code=3).err


def test_a_day_is_a_timestamp(tmp_path):
    dreamdb("create", tmp_path / "days", "--field", "t:timestamp", "--field", "b:bool?")
    dreamdb("append", tmp_path / "days", "--set", "t=2026-01-02")
    assert json.loads(dreamdb("stream", tmp_path / "days").out)["t"] == 1767312000 * 10**9
    assert "`b`" in dreamdb("append", tmp_path / "days", "--set", "t=0", "--set", "b=maybe", code=2).err


def test_errors_of_rows_name_their_line(tmp_path):
    store = tmp_path / "s"
    dreamdb("create", store, "--field", "e:embedding:2", "--field", "x:int?")
    (tmp_path / "a.jsonl").write_text('{"e": [1, 2]}\n\n{"e": [3, 4]}\n')
    (tmp_path / "b.jsonl").write_text('{"e": [5, 6]}\n{"e": [0, 0]}\n')
    run = dreamdb("ingest", store, tmp_path / "a.jsonl", tmp_path / "b.jsonl", code=2)
    assert "b.jsonl:2" in run.err and "norm is zero" in run.err and "row 3" not in run.err
    (tmp_path / "b.jsonl").write_text('{"e": [5, 6]}\n{"x": 1}\n')
    run = dreamdb("ingest", store, tmp_path / "a.jsonl", tmp_path / "b.jsonl", code=2)
    assert "b.jsonl:2" in run.err and "`e`" in run.err
    # Columns of .npy beside lines, and alone; the second batch of the input.
    values = np.ones((5, 2), np.float32)
    values[4] = 0
    np.save(tmp_path / "e.npy", values)
    (tmp_path / "c.jsonl").write_text('{"x": 1}\n' * 5)
    run = dreamdb("ingest", store, tmp_path / "c.jsonl", "--npy", f"e={tmp_path / 'e.npy'}", "--batch-rows", 2, code=2)
    assert "c.jsonl:5" in run.err and "anchor" not in run.err
    run = dreamdb("ingest", store, "--npy", f"e={tmp_path / 'e.npy'}", "--batch-rows", 2, code=2)
    assert "row 4" in run.err and "e.npy" in run.err
    # A required field that a row says nothing of: found when the rows are joined, named by its line.
    (tmp_path / "d.jsonl").write_text('{"x": 1}\n{"x": 2}\n{"x": 3, "e": null}\n')
    np.save(tmp_path / "e.npy", np.ones((3, 2), np.float32))
    run = dreamdb("ingest", store, tmp_path / "d.jsonl", "--npy", f"e={tmp_path / 'e.npy'}", "--batch-rows", 1, code=2)
    assert "d.jsonl:3" in run.err and "required field `e`" in run.err
    assert dreamdb("count", store).out.strip() == "0"


def test_an_export_that_is_not_whole(pets, tmp_path):
    dump, copy = tmp_path / "dump", tmp_path / "copy"
    dreamdb("export", pets, dump)
    records = dump / "records.jsonl"
    lines = records.read_text(encoding="utf-8").splitlines(keepends=True)
    for kept in (lines[:-1], lines[:3] + lines[4:], [], [*lines, lines[0]]):
        records.write_text("".join(kept), encoding="utf-8")
        run = dreamdb("ingest", copy, "--create", dump, code=2)
        assert "says 20 rows" in run.err and f"has {len(kept)}:" in run.err and "copy it again" in run.err
        assert not copy.exists()
    records.write_text("\n".join(lines), encoding="utf-8")  # blank lines are no records
    dreamdb("ingest", copy, "--create", dump)
    assert dreamdb("count", copy).out == "20\n"
    about = json.loads((dump / "export.json").read_text(encoding="utf-8"))
    del about["rows"]
    (dump / "export.json").write_text(json.dumps(about), encoding="utf-8")
    assert 'expected "rows"' in dreamdb("ingest", copy, dump, code=2).err


@pytest.mark.parametrize("command", ["stream", "export", "ls"])
def test_a_range_that_ends_before_it_begins(pets, tmp_path, command):
    more = {"export": [tmp_path / "out"], "ls": ["--anchors"]}.get(command, [])
    for start, end in ((20, 10), (10, 10)):
        run = dreamdb(command, pets, *more, "--start", start, "--end", end, code=2)
        assert f"--start {start} --end {end}" in run.err and "exclusive" in run.err


def test_a_branch_is_not_named_as_a_snapshot(pets):
    run = dreamdb("branch", pets, "main@v9", code=2)
    assert "`main@v9` is the name of a snapshot" in run.err and "main-v9" in run.err
    assert "has no @" in dreamdb("create", f"{pets}@main@v9", "--field", "n:int", code=2).err
    assert "main@v9" not in dreamdb("ls", pets).out


def test_floats_without_a_number_in_json(tmp_path):
    store = tmp_path / "s"
    dreamdb("create", store, "--field", "f:float?", "--field", "n:int?")
    for anchor, text in enumerate(["nan", "inf", "-inf", "NaN", "-Infinity", "0.5"]):
        dreamdb("append", store, "--anchor", anchor, "--set", f"f={text}")
    rows = dreamdb("stream", store).bytes
    assert [row["f"] for row in dreamdb("stream", store).lines()] == [
        "NaN", "Infinity", "-Infinity", "NaN", "-Infinity", 0.5]
    # What stream writes, ingest reads.
    copy = tmp_path / "copy"
    dreamdb("ingest", copy, "-", "--create", "--field", "f:float?", "--field", "n:int?", stdin=rows)
    assert dreamdb("stream", copy).bytes == rows
    assert "expected a number" in dreamdb("append", store, "--set", "f=many", code=2).err
    assert "`f`: '1e400' is a number beyond f64" in dreamdb("append", store, "--set", "f=1e400", code=2).err
    assert "64 bits" in dreamdb("append", store, "--set", "n=nan", code=2).err
