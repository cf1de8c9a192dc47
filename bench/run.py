#!/usr/bin/env python3
"""./run bench [NAME...]: measures figures, prints one table, writes build/bench.jsonl.

Each figure is measured by a program that prints lines of JSON: dreamdb_bench, dreamdb_bench_assign
(C++), bench/python_figures.py or, beside other engines, bench/peers/main.py. What each means stands
in bench/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON_FIGURES = ["python-columns", "python-rows", "python-import"]
BUCKET_FIGURES = ["bucket-ingest", "bucket-stream", "bucket-commits"]
# Figures of programs beside dreamdb_bench, which are linked with libraries that only they need.
APART = {"assign": "dreamdb_bench_assign"}
# Measured when named, not by default: it installs the packages of others, and takes hours.
NAMED_ONLY = {"peers": ROOT / "bench/peers/main.py"}
GROUPS = {
    "bucket": BUCKET_FIGURES,
    "ingest": ["ingest-vectors", "ingest-blobs"],
    "search": ["search", "search-costs"],
    "stream": ["stream-vectors", "stream-blobs", "stream-all"],
    "python": PYTHON_FIGURES,
}
QUICK_BYTES = 200_000_000
NORMAL_BYTES = 1_000_000_000
COLUMNS = ["figure", "ours", "unit", "measured against", "there", "ratio", "bar", "ok"]


def arguments(known: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"figures or groups (default: all but peers): {', '.join([*known, *GROUPS])}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="200 MB instead of 1 GB, fewer commits")
    size.add_argument("--full", action="store_true", help="memory at 1 and 10 GB (needs 12 GB of disk)")
    parser.add_argument("--size", type=int, metavar="BYTES", help="of the data of a figure")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of ours and baseline (default 5)")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/bench-scratch",
                        help="scratch space, on the disk to measure (default build/bench-scratch)")
    parser.add_argument("--program", type=pathlib.Path, help="dreamdb_bench (default: that of build/release)")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/bench.jsonl")
    args = parser.parse_args()
    names = [name for given in args.names for name in GROUPS.get(given, [given])]
    for name in names:
        if name not in known:
            parser.error(f"there is no figure {name!r}; choose from {', '.join([*known, *GROUPS])}")
    args.names = names or [name for name in known if name not in NAMED_ONLY]
    args.size = args.size or (QUICK_BYTES if args.quick else NORMAL_BYTES)
    return args


def find_program() -> pathlib.Path:
    for index, argument in enumerate(sys.argv):
        if argument == "--program" and index + 1 < len(sys.argv):
            return pathlib.Path(sys.argv[index + 1])
    return ROOT / "build/release/bench/dreamdb_bench"


def output_of(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def machine(program: pathlib.Path) -> dict[str, Any]:
    """What the figures depend on and the next reader cannot know."""
    cpu = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    commit = output_of("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = output_of("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "simd": output_of(str(program), "--simd"),
        "kernel": platform.release(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit + ("+changes" if changed else ""),
    }


def command_of(name: str, args: argparse.Namespace, program: pathlib.Path) -> list[str]:
    common = ["--folder", str(args.folder), "--size", str(args.size), "--repeats", str(args.repeats)]
    if name in PYTHON_FIGURES:
        figures = str(ROOT / "bench/python_figures.py")
        return [sys.executable, figures, "--program", str(program), *common, name]
    extent = ["--quick"] if args.quick else ["--full"] if args.full else []
    if name in NAMED_ONLY:
        return [sys.executable, str(NAMED_ONLY[name]), "--program", str(program), *extent,
                "--folder", str(args.folder), "--repeats", str(args.repeats)]
    program = program.with_name(APART.get(name, program.name))
    return [str(program), *common, *extent, name]


def number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def cells(figure: dict[str, Any]) -> list[str]:
    bar, ok = "", ""
    if "bar" in figure:
        bar = ("at least " if figure["bar_is"] == "at least" else "at most ") + number(figure["bar"])
        ok = "yes" if figure["ok"] else "NO"
    return [figure["figure"], number(figure["ours"]), figure["unit"], figure["against"],
            number(figure["baseline"]), f"{figure['ratio']:.2f}", bar, ok]


WIDTHS = [42, 10, 11, 29, 10, 6, 12, 3]
RIGHT = {1, 4, 5}


def print_row(row: list[str]) -> None:
    print("  ".join(text.rjust(width) if i in RIGHT else text.ljust(width)
                    for i, (text, width) in enumerate(zip(row, WIDTHS, strict=True))).rstrip(),
          flush=True)


def measure(name: str, args: argparse.Namespace, program: pathlib.Path) -> list[dict[str, Any]] | None:
    """The lines of one figure, printed as they come; None when its program failed."""
    figures = []
    with subprocess.Popen(command_of(name, args, program), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            figure = {**json.loads(line), "load": os.getloadavg()[0]}
            print_row(cells(figure))
            figures.append(figure)
    return figures if process.returncode == 0 else None


@contextlib.contextmanager
def bucket_server(names: list[str]) -> Iterator[str]:
    """An S3 server with the bucket `bench` while figures need one; why there is none, or nothing."""
    if not set(names) & set(BUCKET_FIGURES):
        yield ""
        return
    sys.path.insert(0, str(ROOT / "tests/servers"))
    import ceph  # pylint: disable=import-error,import-outside-toplevel
    from s3_request import make_bucket  # pylint: disable=import-error,import-outside-toplevel
    missing = ceph.missing_program()
    if missing:
        yield f"{missing} is not installed; ./run test installs it"
        return
    with ceph.Ceph() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(server.environment())
        make_bucket(server.environment(), "bench")
        yield ""


def main() -> int:
    program = find_program()
    if not program.exists():
        sys.exit(f"bench: {program} is not there; ./run bench builds it")
    args = arguments([*output_of(str(program), "--list").split(), *APART, *PYTHON_FIGURES, *NAMED_ONLY])
    facts = machine(program)
    print(f"{facts['cpu']}, {facts['cores']} cores, {facts['simd']}, commit {facts['commit']}, "
          f"{args.size / 1e6:,.0f} MB, {args.repeats} pairs\n")
    print_row(COLUMNS)
    missed, failed = [], []
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w") as output, bucket_server(args.names) as no_server:
        for name in args.names:
            if name in BUCKET_FIGURES and no_server:
                print(f"bench: {name} is skipped: {no_server}", file=sys.stderr)
                failed.append(name)
                continue
            figures = measure(name, args, program)
            if figures is None:
                failed.append(name)
                continue
            for figure in figures:
                output.write(json.dumps({**figure, **facts, "size": args.size}) + "\n")
                if not figure.get("ok", True):
                    missed.append(figure["figure"])
            output.flush()
    shutil.rmtree(args.folder, ignore_errors=True)
    print(f"\nwritten to {args.output}")
    if failed:
        print(f"bench: could not be measured: {', '.join(failed)}", file=sys.stderr)
    if missed:
        print(f"bench: below the bar: {', '.join(missed)}", file=sys.stderr)
    return 2 if failed else 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
