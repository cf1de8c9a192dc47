"""The program under test (DREAMDB, else build/dreamdb) and small datasets to try it on."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("DREAMDB", str(ROOT / "build/dreamdb"))

FIELDS = ["img:image:jpeg", "caption:text?", "emb:embedding:4", "label:categorical", "score:float?",
          "n:int?", "name:string?", "ok:bool?", "seen:timestamp?", "pose:array:i16:2x3?", "raw:blob?"]


class Run:
    """One finished run: exit code, text of both outputs."""

    def __init__(self, done):
        self.code = done.returncode
        self.bytes = done.stdout
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def dreamdb(*words, stdin=None, code=0, cwd=None, prefix=(), **environment):
    """Runs the program and checks its exit code."""
    done = subprocess.run([*prefix, PROGRAM, *map(str, words)], input=stdin, cwd=cwd, timeout=120, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})
    run = Run(done)
    assert run.code == code, f"{words}: exit {run.code}, expected {code}\n{run.out}\n{run.err}"
    return run


def field_options(fields):
    return [word for field in fields for word in ("--field", field)]


def rows_of_pets(count):
    labels = ["cat", "dog", "fish"]
    for i in range(count):
        row = {"_anchor": 1000 * i, "img": f"img/{i}.jpg", "label": labels[i % 3], "n": i}
        if i % 2 == 0:
            row["caption"] = f"Picture {i}: äöü \"quoted\"\n次の行"
            row["score"] = i / 8
        if i % 3 == 0:
            row |= {"name": f"name {i}", "ok": i % 2 == 0, "seen": "2026-01-02T03:04:05.5Z",
                    "pose": [[i, -i, 0], [1, 2, 3]], "raw": {"base64": "AP8="}}
        yield row


@pytest.fixture
def source(tmp_path):
    """A folder with rows.jsonl, blobs and emb.npy of 20 records."""
    folder = tmp_path / "source"
    (folder / "img").mkdir(parents=True)
    generator = np.random.default_rng(7)
    rows = list(rows_of_pets(20))
    for i in range(20):
        (folder / "img" / f"{i}.jpg").write_bytes(generator.bytes(100 * i))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    np.save(folder / "emb.npy", generator.standard_normal((20, 4)).astype(np.float32))
    return folder


@pytest.fixture
def pets(tmp_path, source):
    """The locator of a dataset with those 20 records."""
    store = tmp_path / "pets"
    dreamdb("ingest", store, "--create", *field_options(FIELDS), source / "rows.jsonl",
            "--npy", f"emb={source / 'emb.npy'}")
    return store
