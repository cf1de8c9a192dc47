"""Processes that ingest, merge, delete, compact and collect on a real store, killed at any moment.

`DREAMDB_KILLS=500` is the long form (`./run prove --kills 500`)."""

import json
import os
import pathlib
import random
import subprocess
import sys
import time

import pytest

import dreamdb
from chaos_proxy import ChaosProxy
from kill_worker import DIM, ROWS, VERBS, rows_of

KILLS = int(os.environ.get("DREAMDB_KILLS", "20"))
SEED = int(os.environ.get("DREAMDB_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
LONGEST_SECONDS = 1.5  # from one kill to the next
# The collectors' clock: the hour in which nothing is deleted is half a minute, longer than any writer lives.
HURRY = 120
WORKER = pathlib.Path(__file__).resolve().parent / "kill_worker.py"


class Ledger:
    """What the workers were told, by number of the batch."""

    def __init__(self):
        self.begun, self.there, self.leaving, self.gone = set(), set(), set(), set()
        self.merged = self.compacted = self.collected = 0

    def note(self, what, number):
        if what in ("compacted", "collected"):
            setattr(self, what, getattr(self, what) + number)
        elif what == "merged":
            self.merged += 1
        else:
            {"appending": self.begun, "appended": self.there, "deleting": self.leaving,
             "deleted": self.gone}[what].add(number)

    def has_all(self):
        """Each verb but `gc`, which finds nothing old enough in a short run, was acknowledged."""
        return self.there and self.merged and self.gone and self.compacted

    def check(self, url):
        """Batches are there whole or not at all; acknowledged ones are, unless they were deleted."""
        dataset = dreamdb.Dataset.open("main", backend=url)
        main = found_in(dataset)
        assert main <= self.begun, "nobody wrote that"
        assert not main & self.gone, "deleted, and there again"
        on_their_way = set()
        for name in dataset.list_refs("way-"):
            on_their_way |= found_in(dreamdb.Dataset.open_ref(name, url))
        lost = self.there - self.leaving - main - on_their_way
        assert not lost, f"acknowledged and lost: {sorted(lost)}"
        return main


def found_in(dataset):
    """Numbers of the batches of a version, each of which must be whole and as it was written."""
    rows = {}
    for batch in dataset.iter_stream(1000, as_numpy=True):
        for row, anchor in enumerate(batch["_time_anchors"].tolist()):
            rows.setdefault(anchor // ROWS, []).append(anchor)
            assert batch["n"][row] == anchor * 7
            assert batch["emb"][row].tolist() == [1 + anchor % 1000] * DIM
            assert batch["img"][row] == b"%d" % anchor * 40
    for number, anchors in rows.items():
        assert anchors == rows_of(number)["_anchor"].tolist(), f"batch {number} is there in part"
    return set(rows)


class Worker:
    """A process at one verb, begun anew after each kill."""

    def __init__(self, verb, url, environment):
        self.verb, self.url, self.environment = verb, url, environment
        self.process = None

    def start(self, run, batches):
        self.process = subprocess.Popen(
            [sys.executable, WORKER, self.verb, self.url, str(run)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **self.environment})
        if self.verb == "delete":
            self.process.stdin.write("".join(f"{batch}\n" for batch in batches))
            self.process.stdin.flush()

    def is_at_work(self):
        return self.process is not None and self.process.returncode is None

    def kill(self, ledger):
        """Its lines go to the ledger. It must have been at work until now."""
        ended = self.process.poll()
        self.process.kill()
        out, complaints = self.process.communicate()
        assert ended is None, f"{self.verb} ended with status {ended}: {complaints}"
        for line in out.splitlines():
            ledger.note(*json.loads(line))


@pytest.fixture
def hurried(s3):
    """Variables of collectors: times in what they list run `HURRY` times as fast."""
    with ChaosProxy(int(s3.endpoint.rsplit(":", 1)[1]), hurry=HURRY) as proxy:
        yield {"AWS_ENDPOINT_URL": proxy.endpoint}


def test_what_is_acknowledged_stays_whoever_is_killed(url, hurried):
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    schema = dreamdb.Schema().add_scalar_int("n").add_embedding("emb", DIM).add_image("img")
    dreamdb.Dataset.create("main", schema, backend=url)
    ledger, left, runs, kills = Ledger(), set(), 0, 0
    workers = [Worker(verb, url, hurried if verb == "gc" else {}) for verb in VERBS]
    writers = [worker for worker in workers if worker.verb != "gc"]

    def start(worker):
        nonlocal runs
        runs += 1
        whole = sorted(left - ledger.leaving)
        worker.start(runs, draw.sample(whole, min(len(whole), 20)))

    def kill(worker):
        nonlocal kills
        kills += 1
        worker.kill(ledger)

    try:
        # Where the machine is slow and few get far, more. Some are killed one by one, then all.
        while kills < KILLS or (not ledger.has_all() and kills < 10 * KILLS):
            for worker in workers:
                if not worker.is_at_work():
                    start(worker)
            for worker in draw.choices(writers, k=len(workers)):
                time.sleep(draw.uniform(0, LONGEST_SECONDS))
                kill(worker)
                start(worker)
            time.sleep(draw.uniform(0, LONGEST_SECONDS))
            for worker in workers:  # collections take longer than that: some come to their end
                if worker in writers or draw.random() < 0.2:
                    kill(worker)
            left = ledger.check(url)
        for worker in workers:
            if worker.is_at_work():
                kill(worker)
    finally:
        for worker in workers:
            worker.process.kill()
    dataset = dreamdb.Dataset.open("main", backend=url)
    assert dataset.count() == len(left) * ROWS
    done = subprocess.run([os.environ["DREAMDB"], "verify", url, "--data"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"{kills} kills: {len(ledger.there)} batches acknowledged, {ledger.merged} merged, "
          f"{len(ledger.gone)} deleted, {ledger.compacted} segments compacted, {ledger.collected} "
          "objects collected, none lost")
    assert ledger.has_all()
    assert ledger.collected or KILLS < 100
