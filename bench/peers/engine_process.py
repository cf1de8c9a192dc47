"""A process that holds one engine: reads requests, one line of JSON each, and answers so.

    engine_process.py ENGINE FOLDER CELLS CORPUS ROWS QUERIES

Its first line says whether the engine is stored. Requests have "do", which names a function of
Served, and the function's arguments; an answer is what it returns. What a package prints goes to
stderr."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from corpus import LABELS, TOP, Corpus, recall
from engine import Engine
from engines import row_named

AT_ONCE = 100  # queries of a batch
PASS_SECONDS = 0.2  # a rate is taken over all queries, again and again for at least so long
MOST_SECONDS = 1.0  # where one pass takes longer, over the first of them that fit
CORES = os.sched_getaffinity(0)


def resident_bytes() -> int:
    """Memory of this process without mapped files, after giving back what is free of it."""
    ctypes.CDLL(None).malloc_trim(0)
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    sizes = dict(line.split(":", 1) for line in lines)
    return sum(int(sizes[name].split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))


def pin(cores: int) -> None:
    """Every thread of this process onto the first so many cores it may use."""
    chosen = sorted(CORES)[:cores]
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), chosen)


class Served:
    """The engine and what it is asked."""

    def __init__(self, engine: Engine, corpus: Corpus):
        self.engine, self.corpus, self.threads = engine, corpus, 1
        self.below, self.first = LABELS, corpus.queries
        self.at_start = 0

    def build(self) -> dict[str, Any]:
        self.at_start = resident_bytes()
        return self.engine.build(self.corpus.base(), self.corpus.labels())

    def open(self) -> None:
        self.at_start = resident_bytes()
        self.engine.open()

    def use_threads(self, threads: int) -> None:
        """For the requests that follow: so many cores, and queries in batches if there are two."""
        self.threads = threads
        self.engine.use_threads(threads)
        pin(threads)

    def ladders(self) -> list[list[dict[str, int]]]:
        return self.engine.ladders()

    def filter(self, below: int, first: int) -> None:
        """Only rows with a label below, which is no filter if that is all of them; only the first
        so many queries."""
        self.below, self.first = below, first
        self.engine.filter(below if below < LABELS else None)

    def recall(self, kind: str, setting: dict[str, int]) -> float:
        """Part of the true nearest that is found."""
        self.engine.use(setting)
        found = self._pass(self.corpus.asked(kind)[: self.first])
        return recall(found, self.corpus.truth(kind, self.below)[: self.first])

    def rate(self, kind: str, setting: dict[str, int]) -> float:
        """Queries a second."""
        self.engine.use(setting)
        calls = self._calls(self.corpus.asked(kind)[: self.first])
        done, seconds, start = 0, 0.0, time.perf_counter()
        while seconds < PASS_SECONDS:
            for asked in calls:
                self._ask(asked)
                done += len(asked)
                seconds = time.perf_counter() - start
                if seconds > MOST_SECONDS:
                    break
        return done / seconds

    def memory(self) -> int:
        """Bytes more than before the index was built or opened."""
        return resident_bytes() - self.at_start

    def profile(self, kind: str, setting: dict[str, int]) -> str:
        """Where the time of a query goes, as the engine tells it."""
        self.engine.use(setting)
        return self.engine.profile(self._calls(self.corpus.asked(kind)[: self.first]), TOP)

    def _calls(self, queries: np.ndarray) -> list[np.ndarray]:
        at_once = 1 if self.threads == 1 else AT_ONCE
        return [queries[first : first + at_once] for first in range(0, len(queries), at_once)]

    def _pass(self, queries: np.ndarray) -> list[Any]:
        return [found for asked in self._calls(queries) for found in self._ask(asked)]

    def _ask(self, queries: np.ndarray) -> Sequence[Any]:
        if self.threads == 1:
            return [self.engine.one(queries, TOP)]
        return self.engine.many(queries, TOP)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, folder, cells, corpus, rows, queries = sys.argv[1:]
    engine = row_named(name).make(pathlib.Path(folder), int(cells))
    served = Served(engine, Corpus(pathlib.Path(corpus), int(rows), int(queries)))
    print(json.dumps(engine.stored), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(served, request.pop("do"))(**request)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
