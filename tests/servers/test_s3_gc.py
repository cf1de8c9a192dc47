"""A collection of a bucket: what is young there is left alone, and all is counted."""

import json
import os
import subprocess

import dreamdb


def gc(url, *words):
    done = subprocess.run([os.environ["DREAMDB"], "gc", url, "--json", *words], capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_collection_beside_a_writer(url):
    dataset = dreamdb.Dataset.create("main", dreamdb.Schema().add_scalar_int("n"), backend=url)
    for i in range(20):
        dataset.append_many([{"_anchor": i, "n": i}])
    lost = dataset.branch("lost")
    lost.append_many([{"_anchor": 100, "n": 100}])
    dataset.delete_ref("lost")
    plan = gc(url, "--keep-last", "2", "--dry-run")
    done = gc(url, "--keep-last", "2")
    for report in (plan, done):
        for what in ("objects", "bytes"):
            assert report["listed"][what] == sum(
                report[part][what] for part in ("live", "condemned", "protected", "unknown"))
        assert report["condemned"]["objects"] == 0, "all of it is younger than an hour"
        assert report["protected"]["objects"] == 1, "the version that was on the branch"
        assert report["versions"] == 21
    assert done["listed"]["objects"] == plan["listed"]["objects"] + 1, "its own session"
    assert dreamdb.list_sessions(url) == [], "which is gone by now"
    parts = [gc(url, "--dry-run", "--shard", str(i), "--of", "3") for i in range(3)]
    assert sum(part["listed"]["objects"] for part in parts) == plan["listed"]["objects"]
    dataset.append_many([{"_anchor": 200, "n": 200}])  # its swap meets the raised epoch
    assert dataset.count() == 21
