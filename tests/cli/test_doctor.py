"""`dreamdb doctor` on folders and in memory."""

import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PROGRAM, dreamdb


def test_a_folder_is_safe_and_left_as_it_was(pets):
    before = sorted(str(path) for path in pets.rglob("*"))
    run = dreamdb("doctor", pets)
    assert "SAFE for many writers at once" in run.out and "syncs" in run.out
    assert len(run.out.splitlines()) <= 25 and max(map(len, run.out.splitlines())) <= 100
    assert sorted(str(path) for path in pets.rglob("*")) == before
    body = dreamdb("doctor", "--json", f"file://{pets}").json()
    assert body["safe"] is True and body["small_put"]["p50_ms"] > 0
    assert {one["check"] for one in body["findings"]} >= {"room", "read", "write", "links", "syncs", "race"}


def test_memory_is_safe():
    assert dreamdb("doctor", "--json", "memory://x").json()["safe"] is True


def test_what_is_not_there_cannot_be_told(tmp_path):
    run = dreamdb("doctor", tmp_path / "none", code=2)
    assert "no such folder" in " ".join(run.out.split())
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert "it is a file" in dreamdb("doctor", tmp_path / "file", code=2).err
    assert "unknown scheme" in dreamdb("doctor", "gopher://x", code=2).err


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="needs setpriv as root")
def test_a_folder_that_only_reads(pets):
    os.chmod(pets, 0o755)
    parents = [parent for parent in pets.parents if parent.stat().st_uid == os.geteuid() and str(parent) != "/"]
    for parent in parents[:3]:
        os.chmod(parent, 0o755)
    prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    if not prefix:
        os.chmod(pets, 0o555)
    body = dreamdb("doctor", "--json", pets, code=2, prefix=prefix).json()
    health = {one["check"]: one["health"] for one in body["findings"]}
    assert body["safe"] is None and health["read"] == "good" and health["write"] == "note"


def test_ctrl_c_leaves_nothing(tmp_path):
    for delay in (0.02, 0.1, 0.3):
        running = subprocess.Popen([PROGRAM, "doctor", str(tmp_path)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        time.sleep(delay)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        assert running.returncode in (0, 130, -signal.SIGINT)
        assert list(tmp_path.iterdir()) == []


def test_what_it_asked_of_a_folder_is_its_cost(pets):
    run = dreamdb("doctor", "--no-load", "--cost", "--json", pets)
    cost = json.loads(run.err.splitlines()[0])["cost"]
    # Rounds of 16 writers, each round with and without a version before.
    assert cost["swaps"] > 0 and cost["swaps"] % 32 == 0 and cost["loads"] == cost["swaps"] // 32
    assert dreamdb("doctor", "--cost", pets).err.startswith("cost: ")
