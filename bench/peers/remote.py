"""The other side of engine_process.py: an engine in a process of its own, or in one a thread count."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import selectors
import signal
import subprocess
from typing import Any

from corpus import Corpus
from engines import Row

PROGRAM = pathlib.Path(__file__).with_name("engine_process.py")
# What tells an engine that is stored how many threads it has.
THREAD_VARIABLES = ("DREAMDB_THREADS", "LANCE_CPU_THREADS", "LANCE_IO_THREADS",
                    "TOKIO_WORKER_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS")
THREADS = (1, 2)  # one query at a time; batches
ANSWER_SECONDS = 3600.0  # until an engine counts as hung
END_SECONDS = 10.0


class EngineError(Exception):
    """Why an engine could not be measured: `reason`, and as text with its name."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.reason = reason


class Process:
    """One process; `ask` is a call of a function of engine_process.Served."""

    def __init__(self, row: Row, python: pathlib.Path, folder: pathlib.Path, cells: int,
                 corpus: Corpus, threads: int, log: pathlib.Path):
        self.name, self.log = row.name, log
        arguments = [row.name, folder, cells, corpus.folder, corpus.rows, corpus.queries]
        # Threads of OpenMP that wait by spinning take the cores from those that work.
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ,
                       **{name: str(threads) for name in THREAD_VARIABLES}}
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [str(python), str(PROGRAM), *map(str, arguments)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        self.stored = self._answer("start")

    def ask(self, do: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # _answer says why it ended
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        return self._answer(do)

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answer(self, do: str) -> Any:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER_SECONDS):
                self.process.kill()
                self.process.wait()
                raise EngineError(self.name, f"{do}: no answer in {ANSWER_SECONDS:.0f} seconds")
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        status = self.process.wait()
        if status < 0:
            reason = f"ended by {signal.Signals(-status).name}; see {self.log}"
        else:
            said = [text for text in self.log.read_text().splitlines() if text.strip()]
            reason = said[-1].strip() if said else f"status {status}"
        raise EngineError(self.name, f"{do}: {reason}")


class Remote:
    """A built engine: one that is stored has a process for each number of threads, others one."""

    def __init__(self, row: Row, python: pathlib.Path, folder: pathlib.Path, cells: int,
                 corpus: Corpus, log: pathlib.Path):
        self.row = row
        self.processes: dict[int, Process] = {}
        log.write_text("")

        def start(threads: int) -> Process:
            process = Process(row, python, folder, cells, corpus, threads, log)
            self.started.append(process)
            return process

        self.started: list[Process] = []
        try:
            builder = start(max(THREADS))
            self.seconds: dict[str, float] = builder.ask("build")
            if builder.stored:
                builder.end()
                self.processes = {threads: start(threads) for threads in THREADS}
                for process in self.processes.values():
                    process.ask("open")
            else:
                self.processes = dict.fromkeys(THREADS, builder)
            self.ladders = self.processes[1].ask("ladders")
        except BaseException:
            self.end()
            raise

    def filter(self, below: int, first: int) -> None:
        for process in self.processes.values():
            process.ask("filter", below=below, first=first)

    def recall(self, kind: str, setting: dict[str, int]) -> float:
        return self._with_threads(max(THREADS)).ask("recall", kind=kind, setting=setting)

    def rate(self, kind: str, threads: int, setting: dict[str, int]) -> float:
        return self._with_threads(threads).ask("rate", kind=kind, setting=setting)

    def profile(self, kind: str, threads: int, setting: dict[str, int]) -> str:
        return self._with_threads(threads).ask("profile", kind=kind, setting=setting)

    def memory(self) -> int:
        """Of the process that answers one query at a time."""
        return self.processes[1].ask("memory")

    def ended(self) -> bool:
        """A process of it is gone."""
        return any(each.process.poll() is not None for each in self.processes.values())

    def end(self) -> None:
        for process in self.started:
            if process.process.poll() is None:
                process.end()

    def _with_threads(self, threads: int) -> Process:
        process = self.processes[threads]
        process.ask("use_threads", threads=threads)
        return process
