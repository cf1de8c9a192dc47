"""./run bench peers: our search beside that of other engines, on the same vectors and queries.

Prints figures as lines of JSON for bench/run.py; what goes on, and tables of all engines, on stderr
and into build/peers.md. bench/README.md says how it is measured."""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import shutil
import sys

from columns import alternate, choose, rates
from corpus import KINDS, LABELS, SELECTED, Corpus, make_corpus
from engines import LANCEDB, OURS, PEERS, Row
from packages import prepare
from remote import THREADS, EngineError, Remote
from report import FILTERED_LEVEL, Measured, figures, tables

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PRESETS = ("clustered", "resonant", "continuous")
ROWS, QUICK_ROWS, FULL_ROWS = 200_000, 20_000, 1_000_000
QUERIES, QUICK_QUERIES = 500, 200  # of each kind
FILTERED_QUERIES = 100


def say(text: str) -> None:
    print(f"peers: {text}", file=sys.stderr, flush=True)


def default_cells(rows: int) -> int:
    """A power of two near twice the root: 256, 1,024 and 2,048 for the three sizes."""
    return 2 ** round(math.log2(2 * math.sqrt(rows)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, required=True, help="dreamdb_bench")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="scratch space")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of ours and a peer")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows")
    parser.add_argument("--full", action="store_true", help=f"{FULL_ROWS:,} rows")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--cells", type=int, help="of every engine that has cells")
    parser.add_argument("--preset", nargs="+", default=PRESETS)
    parser.add_argument("--engine", nargs="+", default=[row.name for row in PEERS],
                        choices=[row.name for row in PEERS], metavar="PEER",
                        help=", ".join(row.name for row in PEERS))
    parser.add_argument("--tables", type=pathlib.Path, default=ROOT / "build/peers.md")
    args = parser.parse_args()
    args.rows = args.rows or (FULL_ROWS if args.full else QUICK_ROWS if args.quick else ROWS)
    args.queries = QUICK_QUERIES if args.quick else QUERIES
    args.cells = args.cells or default_cells(args.rows)
    return args


class Run:
    """One preset."""

    def __init__(self, args: argparse.Namespace, corpus: Corpus, python: pathlib.Path):
        self.args, self.corpus, self.python = args, corpus, python

    def start(self, row: Row) -> Remote:
        folder = self.args.folder / "engine" / row.module
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        python = pathlib.Path(sys.executable) if row is OURS else self.python
        logs = self.args.tables.parent / "peers-logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / (row.name.replace(" ", "-").replace(",", "") + ".log")
        return Remote(row, python, folder, self.args.cells, self.corpus, log)

    def ours(self) -> tuple[Remote, Measured]:
        remote = self.start(OURS)
        out = Measured(OURS, seconds=remote.seconds)
        self.choose(remote, out)
        for column, choice in out.choices.items():
            kind, threads, _ = column
            out.rates[column] = rates(remote, choice, kind, threads, 1)
            out.profiles[column] = remote.profile(kind, threads, choice.setting)
        out.memory = remote.memory()
        self.filter(remote, out)
        self.say_of(out)
        return remote, out

    def peer(self, row: Row, our_remote: Remote, ours: Measured) -> Measured:
        out = Measured(row)
        try:
            remote = self.start(row)
        except EngineError as error:
            out.reason = error.reason
            say(f"not measured: {error}")
            return out
        try:
            out.seconds = remote.seconds
            self.choose(remote, out)
            self.compare(remote, out, our_remote, ours)
            out.memory = remote.memory()
            if row.name == LANCEDB:
                self.filter(remote, out)
                self.compare_filtered(remote, out, our_remote, ours)
        except EngineError as error:
            if our_remote.ended():
                raise
            out.reason = error.reason
            say(f"measured in part: {error}")
        finally:
            remote.end()
        self.say_of(out)
        return out

    def choose(self, remote: Remote, out: Measured) -> None:
        for kind in KINDS:
            for (threads, level), choice in choose(remote, kind, THREADS).items():
                out.choices[kind, threads, level] = choice

    def compare(self, remote: Remote, out: Measured, our_remote: Remote, ours: Measured) -> None:
        """In turn where both reach the column; alone where we do not."""
        for column, choice in out.choices.items():
            kind, threads, _ = column
            if column in ours.choices:
                pairs = alternate(our_remote, ours.choices[column], remote, choice, kind, threads,
                                  self.args.repeats)
                out.pairs[column], out.rates[column] = pairs, pairs.theirs
            else:
                out.rates[column] = rates(remote, choice, kind, threads, self.args.repeats)

    def filter(self, remote: Remote, out: Measured) -> None:
        """The fastest settings that find the level among the rows let through."""
        for below in SELECTED:
            remote.filter(below, FILTERED_QUERIES)
            chosen = choose(remote, "in", (1,), (FILTERED_LEVEL,)).get((1, FILTERED_LEVEL))
            if chosen is not None:
                out.filtered[below] = chosen, rates(remote, chosen, "in", 1, 1)
        remote.filter(LABELS, self.corpus.queries)

    def compare_filtered(self, remote: Remote, out: Measured, our_remote: Remote,
                         ours: Measured) -> None:
        try:
            for below in sorted(out.filtered.keys() & ours.filtered.keys()):
                for each in (remote, our_remote):
                    each.filter(below, FILTERED_QUERIES)
                choice, mine = out.filtered[below][0], ours.filtered[below][0]
                out.filtered_pairs[below] = alternate(our_remote, mine, remote, choice, "in", 1,
                                                      self.args.repeats)
        finally:  # the peers that follow are compared without filters, whatever became of this one
            our_remote.filter(LABELS, self.corpus.queries)

    def say_of(self, out: Measured) -> None:
        took = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in out.seconds.items())
        say(f"{out.row.name}: {took}; {out.memory / 1e6:.0f} MB")


def measure(args: argparse.Namespace, preset: str, python: pathlib.Path) -> None:
    say(f"{preset}: {args.rows:,} vectors, {args.queries} queries of each kind, {args.cells} cells")
    corpus = make_corpus(args.program, preset, args.folder / "vectors", args.rows, args.queries)
    for below in (LABELS, *SELECTED):
        corpus.find_truth(below)
    run = Run(args, corpus, python)
    our_remote, ours = run.ours()
    try:
        peers = [run.peer(row, our_remote, ours) for row in PEERS if row.name in args.engine]
    finally:
        our_remote.end()
    text = "\n".join(tables(preset, ours, peers))
    print(text + "\n", file=sys.stderr, flush=True)
    with args.tables.open("a") as file:
        file.write(text + "\n")
    for each in figures(preset, ours, peers):
        print(json.dumps({**each, "rows": args.rows, "cells": args.cells}), flush=True)


def main() -> None:
    args = arguments()
    args.folder = args.folder.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    python = prepare(ROOT / "build/peers-venv")
    args.tables.write_text(f"# {args.rows:,} vectors of 512 dimensions, {args.cells} cells\n")
    for preset in args.preset:
        try:
            measure(args, preset, python)
        except EngineError as error:
            sys.exit(f"peers: ours failed, so there is nothing to compare: {error}")
    say(f"tables of all engines are in {args.tables}")


if __name__ == "__main__":
    main()
