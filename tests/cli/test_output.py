"""What the program prints and how it stops: help, manual, completion, pipes, signals, memory."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import PROGRAM, dreamdb

COMMANDS = ["create", "schema", "add-field", "ingest", "append", "count", "ls", "show", "stream", "take", "search", "reindex",
            "values", "export", "snapshot", "branch", "delete-ref", "log", "diff", "merge", "gc", "sessions", "stat", "meta", "doctor", "completion", "man"]


def test_version():
    assert re.fullmatch(r"dreamdb \d+\.\d+\.\d+\n", dreamdb("--version").out)


def test_help_lists_every_command():
    text = dreamdb("--help").out
    for command in COMMANDS:
        assert re.search(rf"^ +{command}\b", text, re.M), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command):
    text = dreamdb(command, "--help").out
    assert "Examples:" in text and f"Usage: dreamdb {command}" in text and f"dreamdb {command}" in text.split("Examples:")[1]
    assert max(map(len, text.splitlines())) <= 120


def test_manual_has_every_command_option_and_exit_code():
    page = dreamdb("man").out
    for command in COMMANDS:
        assert re.search(rf"^\.SS {command}", page.replace("\\-", "-"), re.M), command
    for code in [0, 1, *range(2, 13), 130, 141]:
        assert f".B {code}\n" in page
    assert "\\-\\-idempotency\\-key" in page
    if shutil.which("groff"):
        run = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=True)
        assert run.stderr == ""


def complete(line, cwd):
    script = f"""
{dreamdb("completion", "bash").out}
dreamdb() {{ "{PROGRAM}" "$@"; }}
COMP_LINE={json.dumps(line)} COMP_POINT={len(line)}
_dreamdb 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=cwd, check=True)
    return run.stdout.split()


def test_completion(pets, tmp_path):
    dreamdb("snapshot", pets, "v1")
    assert complete("dreamdb co", tmp_path) == ["count", "compact", "completion"]
    assert complete("dreamdb count --wh", tmp_path) == ["--where"]
    assert complete("dreamdb ingest x --on-conflict re", tmp_path) == ["refuse", "replace"]
    assert complete("dreamdb reindex x e --algorithm dreamdb.ivf-i", tmp_path) == ["dreamdb.ivf-ip"]
    assert complete("dreamdb search x e --expl", tmp_path) == ["--explain"]
    assert "pets" in complete("dreamdb count pe", tmp_path)
    assert complete("dreamdb count ./pets@ma", tmp_path) == ["main", "v1"] or \
        complete("dreamdb count ./pets@ma", tmp_path) == ["main", "main@v1"]


def big(tmp_path, rows=20_000):
    np.save(tmp_path / "e.npy", np.random.default_rng(3).standard_normal((rows, 64)).astype(np.float32))
    dreamdb("ingest", tmp_path / "big", "--create", "--field", "e:embedding:64", "--npy", f"e={tmp_path / 'e.npy'}")
    return tmp_path / "big"


def test_a_closed_pipe_is_no_error(tmp_path):
    store = big(tmp_path)
    run = subprocess.run(["bash", "-c", f"'{PROGRAM}' stream '{store}' | head -1; echo ${{PIPESTATUS[0]}}"],
                         capture_output=True, text=True, check=True)
    first, status = run.stdout.splitlines()
    assert json.loads(first)["_anchor"] > 0 and status == "141" and run.stderr == ""


def test_nothing_is_drawn_into_pipes(tmp_path):
    np.save(tmp_path / "n.npy", np.arange(1000))
    run = dreamdb("ingest", tmp_path / "a", "--create", "--field", "n:int", "--npy", f"n={tmp_path / 'n.npy'}")
    assert run.err == "" and "\x1b" not in run.out
    assert dreamdb("ingest", tmp_path / "a", "--npy", f"n={tmp_path / 'n.npy'}", "--quiet").out == ""


def read_terminal(master):
    """All that was written to the other end, which is closed; one read gives a part of it."""
    drawn = b""
    while True:
        try:
            drawn += os.read(master, 1 << 16)
        except OSError:  # EIO: the end
            os.close(master)
            return drawn.decode()


def test_progress_on_a_terminal(tmp_path):
    import pty
    master, slave = pty.openpty()
    np.save(tmp_path / "n.npy", np.arange(100_000))
    run = subprocess.run([PROGRAM, "ingest", tmp_path / "a", "--create", "--field", "n:int", "--npy", f"n={tmp_path / 'n.npy'}"],
                         stderr=slave, stdout=subprocess.PIPE, check=True)
    os.close(slave)
    drawn = read_terminal(master)
    assert "rows/s" in drawn and drawn.endswith("\r\x1b[K") and b"100,000 new records" in run.stdout


def test_interrupt_keeps_what_was_committed(tmp_path):
    process = subprocess.Popen([PROGRAM, "ingest", tmp_path / "a", "--create", "--field", "n:int", "-",
                                "--commit-rows", "10", "--batch-rows", "10"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"".join(b'{"n": %d}\n' % i for i in range(25)))
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done = subprocess.run([PROGRAM, "count", tmp_path / "a"], capture_output=True, text=True, check=False)
        if done.stdout == "20\n":
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and b"first 20 rows" in err and b"--skip 20" in err, err
    assert dreamdb("count", tmp_path / "a").out == "20\n"


def peak_kib(*words):
    """Peak resident memory of one run."""
    probe = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True); "
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    run = subprocess.run([sys.executable, "-c", probe, PROGRAM, *map(str, words)], capture_output=True, text=True, check=True)
    return int(run.stdout)


def test_memory_is_flat(tmp_path):
    peaks = {}
    for megabytes in (150, 450):
        rows = megabytes * 1024 * 1024 // (512 * 4)
        column = np.lib.format.open_memmap(tmp_path / "e.npy", mode="w+", dtype=np.float32, shape=(rows, 512))
        for first in range(0, rows, 16384):  # cheap values that still differ
            part = column[first:first + 16384]
            part[:] = np.arange(first, first + len(part), dtype=np.float32)[:, None] + np.arange(512, dtype=np.float32)
        del column
        store = tmp_path / f"store-{megabytes}"
        peaks["ingest", megabytes] = peak_kib("ingest", store, "--create", "--field", "e:embedding:512", "--npy", f"e={tmp_path / 'e.npy'}")
        peaks["export", megabytes] = peak_kib("export", store, tmp_path / f"dump-{megabytes}")
        shutil.rmtree(tmp_path / f"dump-{megabytes}")
        shutil.rmtree(store)
    for verb in ("ingest", "export"):
        assert peaks[verb, 450] < 400 * 1024, peaks
        assert peaks[verb, 450] - peaks[verb, 150] < 64 * 1024, peaks
