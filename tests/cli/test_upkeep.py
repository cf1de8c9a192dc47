"""fingerprint, verify, repair: of whole and of damaged stores."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from conftest import PROGRAM, ROOT, dreamdb

REFERENCE = ROOT / "spec/reference"


def second_reader(store, *words):
    done = subprocess.run([sys.executable, "-m", "dreamdb_reference", store, *words], capture_output=True, text=True,
                          cwd=REFERENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(store, kind):
    return sorted(path for path in pathlib.Path(store).rglob("*") if path.is_file() and path.parent.name == kind)


def break_file(path, how):
    data = path.read_bytes()
    path.chmod(0o644)
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    else:
        at = len(data) // 3
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])


@pytest.fixture
def store(pets):
    """Two appends, an index, a snapshot of the first."""
    dreamdb("snapshot", pets, "v1")
    dreamdb("reindex", pets, "emb", "--cells", 2)
    dreamdb("append", pets, "--set", "label=bird", "--set", "emb=[0,1,0,1]", "--file", f"img={ROOT / 'README.md'}",
            "--anchor", 55_555)
    return pets


def test_fingerprints_are_of_records_and_nothing_else(store):
    found = dreamdb("fingerprint", store).out.strip()
    assert len(found) == 64
    assert second_reader(store, "--fingerprint").strip() == found
    report = dreamdb("fingerprint", store, "--json").json()
    assert report["fingerprint"] == found and report["records"] == 21 and "part" not in report
    before = dreamdb("fingerprint", f"{store}@v1").out.strip()
    assert before != found
    dreamdb("branch", f"{store}@v1", "again")
    dreamdb("merge", f"{store}@again", "main")
    assert dreamdb("fingerprint", f"{store}@again").out.strip() == found
    parts = [dreamdb("fingerprint", store, "--shard", i, "--of", 3).out.strip() for i in range(3)]
    assert dreamdb("join-fingerprints", *parts).out.strip() == found
    assert dreamdb("join-fingerprints", *parts, "--json").json() == {"fingerprint": found, "records": 21}
    dreamdb("join-fingerprints", "abc", code=2)
    dreamdb("fingerprint", store, "--shard", 3, "--of", 3, code=2)


def test_verify_of_a_whole_store(store):
    assert "all is well" in dreamdb("verify", store, "--data", "--all-refs").out
    report = dreamdb("verify", store, "--json").json()
    assert report["damages"] == [] and report["damage_count"] == 0 and report["segments_whole"] == 0
    assert dreamdb("verify", store, "--data", "--json").json()["segments_whole"] > 0
    part = dreamdb("verify", store, "--data=50%", "--json").json()
    assert 0 < part["segments_whole"] < part["segments"]
    dreamdb("verify", store, "--data=0%", code=2)
    dreamdb("verify", store, "--data=lots", code=2)
    dreamdb("verify", store, "--shard", 1, code=2)
    dreamdb("verify", f"{store}@nowhere", code=3)
    dreamdb("verify", f"{store}-nowhere", code=3)


@pytest.mark.parametrize("how", ["missing", "cut", "flipped"])
@pytest.mark.parametrize("kind", ["segments", "pages", "manifests"])
def test_verify_names_what_is_wrong(store, tmp_path, kind, how):
    told = 0
    for path in objects(store, kind):
        copy = tmp_path / f"copy-{path.name[:20]}"
        shutil.copytree(store, copy)
        break_file(copy / path.relative_to(store), how)
        run = subprocess.run([PROGRAM, "verify", str(copy), "--data", "--json"], capture_output=True,
                             text=True, check=False)
        report = json.loads(run.stdout)
        assert run.returncode == (6 if report["damages"] else 0)
        if report["damages"]:
            told += 1
            assert {damage["key"] for damage in report["damages"]} == {f"{kind}/{path.name}"}
            assert report["damages"][0]["kind"] == ("missing" if how == "missing" else "damaged")
            text = dreamdb("verify", copy, "--data", code=6)
            assert path.name in text.out and "dreamdb repair" in text.err
        shutil.rmtree(copy)
    assert told > 0


def test_repair_leaves_out_what_is_lost(store, tmp_path):
    assert dreamdb("repair", store, "--json").json()["outcome"] == "clean"
    manifest = dreamdb("log", store, "--json").lines()[0]["manifest"]
    report, names = tmp_path / "lost.jsonl", []
    for number, path in enumerate(objects(store, "segments")):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(store, copy)
        break_file(copy / path.relative_to(store), "flipped")
        before = len(objects(copy, "segments"))
        planned = dreamdb("repair", copy, "--dry-run", "--json").json()
        assert planned["outcome"] == "planned" and planned["manifest"] == manifest
        assert len(objects(copy, "segments")) == before
        done = dreamdb("repair", copy, "--report", report, "--json").json()
        assert done["outcome"] == "repaired" and done["segments_lost"] == 1
        assert {key: done[key] for key in ("records_lost", "records_kept")} == {
            key: planned[key] for key in ("records_lost", "records_kept")}
        lost = [json.loads(line) for line in report.read_text().splitlines()]
        assert all(line["key"] == f"segments/{path.name}" for line in lost)
        names += [line["field"] for line in lost]
        assert "all is well" in dreamdb("verify", copy, "--data").out
        count = int(dreamdb("count", copy).out)
        assert count == 21 - done["records_lost"]
        lines = second_reader(copy, "--json").splitlines()
        assert json.loads(lines[-1])["summary"]["rows"] == count
        assert dreamdb("log", copy, "--json").lines()[0]["operation"] == "repair"
        shutil.rmtree(copy)
    assert {"img", "emb", "label", "pose"} <= set(names)


def test_repair_is_for_branches(store):
    dreamdb("repair", f"{store}@main@v1", code=9)
    assert dreamdb("repair", f"{store}@main@v1", "--dry-run").out.endswith("nothing is lost\n")
    assert "nothing is lost" in dreamdb("repair", store, "--quick").out
