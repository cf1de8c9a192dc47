"""Figures of the Python package: columns against the C++ program in the same run, rows, import time."""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

DIM = 512
STEP = 1000  # between anchors
BATCH_ROWS = 1024
COLUMNS_BAR = 1.15
ROWS_BAR = 200_000
IMPORT_BAR_MS = 150
IMPORTS = 15

Figure = dict[str, Any]


def figure(name: str, unit: str, ours: list[float], against: str, baseline: list[float] | float,
           ratio: float, bar: float, bar_is: str, note: str = "") -> Figure:
    ok = ratio >= bar if bar_is == "at least" else ratio <= bar
    base = baseline if isinstance(baseline, list) else [baseline]
    return {"figure": name, "unit": unit, "ours": statistics.median(ours), "against": against,
            "baseline": statistics.median(base), "ratio": ratio, "bar": bar, "bar_is": bar_is,
            "ok": ok, "note": note, "ours_runs": ours,
            "baseline_runs": baseline if isinstance(baseline, list) else []}


class Bench:
    """The figures, on `rows` records in folders below `scratch`."""

    def __init__(self, program: pathlib.Path, scratch: pathlib.Path, rows: int, repeats: int):
        import dreamdb

        self.dreamdb = dreamdb
        self.program, self.scratch, self.rows, self.repeats = program, scratch, rows, repeats

    def job(self, way: str, folder: pathlib.Path) -> float:
        command = [self.program, "--job", "columns", way, folder, str(self.rows), str(BATCH_ROWS)]
        done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
        return json.loads(done.stdout)["seconds"]

    def schema(self, numbers: bool) -> Any:
        schema = self.dreamdb.Schema()
        schema.add_embedding("embedding", DIM, "dreamdb.ivf-cosine")
        if numbers:
            schema.add_scalar_int("label")
        else:
            schema.add_scalar_categorical("label")
        schema.add_scalar_float("score")
        return schema

    def fresh(self, name: str) -> pathlib.Path:
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["sync"], check=True)
        return folder

    def columns(self) -> dict[str, Any]:
        random = np.random.default_rng(7)
        return {
            "embedding": random.random((self.rows, DIM), dtype=np.float32) - np.float32(0.5),
            "label": random.integers(0, 100, self.rows),
            "score": random.random(self.rows),
            "_anchor": np.arange(self.rows, dtype=np.uint64) * np.uint64(STEP),
        }

    def append_seconds(self, name: str, samples: Any, numbers: bool) -> float:
        folder = self.fresh(name)
        start = time.perf_counter()
        dataset = self.dreamdb.Dataset.create("main", self.schema(numbers), f"file://{folder}")
        dataset.append_many(samples)
        return time.perf_counter() - start

    def stream_seconds(self, folder: pathlib.Path, read: Callable[[Any], Iterator[int]]) -> float:
        start = time.perf_counter()
        dataset = self.dreamdb.Dataset.open("main", backend=f"file://{folder}")
        rows = sum(read(dataset))
        seconds = time.perf_counter() - start
        if rows != dataset.count():
            sys.exit(f"python: streamed {rows} of {dataset.count()} rows")
        return seconds

    def columns_figure(self, name: str, ours: Callable[[], float], theirs: Callable[[], float]) -> Figure:
        python, program = [], []
        for i in range(self.repeats):
            for is_ours in (True, False) if i % 2 == 0 else (False, True):
                (python if is_ours else program).append((ours if is_ours else theirs)())
        ratio = statistics.median(p / c for p, c in zip(python, program, strict=True))
        rates = [[self.rows / seconds for seconds in side] for side in (python, program)]
        return figure(name, "rows/s", rates[0], "the same from C++", rates[1], ratio, COLUMNS_BAR,
                      "at most", "ratio of times; [512] f32, int, float")

    def columns_in(self) -> Iterator[Figure]:
        columns = self.columns()
        yield self.columns_figure(
            "python-columns, in",
            lambda: self.append_seconds("columns-python", columns, numbers=True),
            lambda: self.job("in", self.fresh("columns-program")),
        )

    def columns_out(self) -> Iterator[Figure]:
        folder = self.fresh("columns-out")
        self.job("in", folder)

        def read(dataset: Any) -> Iterator[int]:
            for batch in dataset.iter_stream(batch_size=BATCH_ROWS, as_numpy=True):
                yield len(batch["embedding"])

        yield self.columns_figure(
            "python-columns, out",
            lambda: self.stream_seconds(folder, read),
            lambda: self.job("out", folder),
        )

    def made_rows(self) -> list[dict[str, Any]]:
        columns = self.columns()
        return [
            {"embedding": vector, "label": f"label-{label}", "score": float(score), "_anchor": i * STEP}
            for i, (vector, label, score) in enumerate(
                zip(columns["embedding"], columns["label"], columns["score"], strict=True))
        ]

    def rows_figure(self, name: str, seconds: list[float], note: str) -> Figure:
        rates = [self.rows / each for each in seconds]
        return figure(name, "rows/s", rates, "200,000 rows/s", float(ROWS_BAR),
                      statistics.median(rates) / ROWS_BAR, 1, "at least", note)

    def rows_in(self) -> Iterator[Figure]:
        rows = self.made_rows()
        seconds = [self.append_seconds("rows", rows, numbers=False) for _ in range(self.repeats)]
        yield self.rows_figure("python-rows, in", seconds, "dictionaries: [512] f32 array, str, float")

    def rows_out(self) -> Iterator[Figure]:
        self.append_seconds("rows", self.made_rows(), numbers=False)
        folder = self.scratch / "rows"
        seconds = [
            self.stream_seconds(folder, lambda dataset: (1 for _ in dataset.iter_rows()))
            for _ in range(self.repeats)
        ]
        yield self.rows_figure("python-rows, out", seconds, "dictionaries of iter_rows")


def import_time(_: Bench) -> Iterator[Figure]:
    """A new interpreter that imports NumPy and then dreamdb: what the import adds, and both."""
    code = ("import time; a = time.perf_counter(); import dreamdb; "
            "print((time.perf_counter() - a) * 1e3)")
    runs = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                             text=True).stdout)
        for _ in range(IMPORTS)
    ]
    yield figure("python-import", "ms", runs, "150 ms", float(IMPORT_BAR_MS),
                 statistics.median(runs) / IMPORT_BAR_MS, 1, "at most", "a new interpreter")


FIGURES: dict[str, list[Callable[[Bench], Iterator[Figure]]]] = {
    "python-columns": [Bench.columns_in, Bench.columns_out],
    "python-rows": [Bench.rows_in, Bench.rows_out],
    "python-import": [import_time],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="dreamdb_bench")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="scratch space")
    parser.add_argument("--size", type=int, default=1_000_000_000, help="bytes of vectors")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("figures", nargs="+", choices=FIGURES)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(args.program, args.folder.resolve(), args.size // (DIM * 4), args.repeats)
    for name in args.figures:
        for measure in FIGURES[name]:
            for each in measure(bench):
                print(json.dumps(each), flush=True)


if __name__ == "__main__":
    main()
