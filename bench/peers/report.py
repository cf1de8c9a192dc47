"""What was measured of one preset: as figures for bench/run.py, and as tables for people."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator
from typing import Any

from columns import LEVELS, Choice, Pairs
from corpus import KINDS, LABELS, SELECTED
from engines import HNSWLIB, LANCEDB, Row
from remote import THREADS

MEMORY_SHARE_OF_HNSWLIB = 0.2
BUILD_SHARE_OF_HNSWLIB = 0.1
FILTERED_TIMES_LANCEDB = 5.0
FILTERED_LEVEL = 0.95

Figure = dict[str, Any]
Column = tuple[str, int, float]  # kind of query, threads, recall


@dataclasses.dataclass
class Measured:
    """Of one engine. `reason`: why there is no more."""

    row: Row
    reason: str = ""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    memory: int = 0
    choices: dict[Column, Choice] = dataclasses.field(default_factory=dict)
    rates: dict[Column, list[float]] = dataclasses.field(default_factory=dict)
    pairs: dict[Column, Pairs] = dataclasses.field(default_factory=dict)
    profiles: dict[Column, str] = dataclasses.field(default_factory=dict)
    # By selectivity: of 1,000 labels, how many are let through.
    filtered: dict[int, tuple[Choice, list[float]]] = dataclasses.field(default_factory=dict)
    filtered_pairs: dict[int, Pairs] = dataclasses.field(default_factory=dict)

    def rate(self, column: Column) -> float:
        """Queries a second; 0: the column is not reached."""
        return statistics.median(self.rates[column]) if self.rates.get(column) else 0.0


def name_of(column: Column) -> str:
    kind, threads, level = column
    return f"{kind} @{level:.2f}" + ("" if threads == 1 else ", batches")


def columns() -> Iterator[Column]:
    for kind in KINDS:
        for threads in THREADS:
            for level in LEVELS:
                yield kind, threads, level


def figure(name: str, unit: str, ours: list[float], against: str, theirs: list[float], ratio: float,
           bar: tuple[str, float] | None, note: str) -> Figure:
    out = {"figure": f"peers {name}", "unit": unit, "ours": statistics.median(ours),
           "against": against, "baseline": statistics.median(theirs), "ratio": ratio, "note": note,
           "ours_runs": ours, "baseline_runs": theirs}
    if bar is not None:
        bar_is, value = bar
        ok = ratio >= value if bar_is == "at least" else 0 < ratio <= value
        out |= {"bar": value, "bar_is": bar_is, "ok": ok}
    return out


def figures(preset: str, ours: Measured, peers: list[Measured]) -> Iterator[Figure]:
    """Of each column against the peer that is best there; then building, memory and filters."""
    for column in columns():
        yield column_figure(preset, column, ours, peers)
    yield from share_figures(preset, ours, peers)
    lance = next((peer for peer in peers if peer.row.name == LANCEDB), None)
    for below in SELECTED:
        yield filtered_figure(preset, below, ours, lance)


def column_figure(preset: str, column: Column, ours: Measured, peers: list[Measured]) -> Figure:
    able = [peer for peer in peers if peer.rate(column) and not peer.row.mark]
    best = max(able, key=lambda peer: peer.rate(column), default=None)
    missing = [peer.row.name for peer in peers if peer.reason]
    note = f"not measured: {', '.join(missing)}" if missing else ""
    if best is None:
        out = figure(f"{preset} {name_of(column)}", "queries/s", ours.rates.get(column, [0.0]),
                     "no peer reaches it", [0.0], 0.0, None, note)
    elif not ours.rate(column):
        out = figure(f"{preset} {name_of(column)}", "queries/s", [0.0], best.row.name,
                     best.rates[column], 0.0, ("at least", 1.0), f"missed by ours; {note}")
    else:
        pairs = best.pairs[column]
        if pairs.ratio() < 1 and ours.profiles.get(column):
            note = "; ".join(filter(None, (f"missed: {ours.profiles[column]}", note)))
        out = figure(f"{preset} {name_of(column)}", "queries/s", pairs.ours, best.row.name,
                     pairs.theirs, pairs.ratio(), ("at least", 1.0), note)
    out["engines"] = {
        each.row.name: {"rate": each.rate(column), "recall": each.choices[column].recall,
                        "setting": each.choices[column].setting}
        for each in [ours, *peers] if column in each.choices}
    return out


def share_figures(preset: str, ours: Measured, peers: list[Measured]) -> Iterator[Figure]:
    def share(what: str, unit: str, mine: float, peer: Measured, value: float, bar: float) -> Figure:
        return figure(f"{preset} {what}", unit, [mine], peer.row.name, [value],
                      mine / value if value > 0 else 0.0, ("at most", bar),
                      ", ".join(f"{key} {took:.1f} s" for key, took in ours.seconds.items()))

    built = [peer for peer in peers if peer.seconds and peer.row.cells]
    if built:
        fastest = min(built, key=lambda peer: peer.seconds["index"])
        yield share("build, as many cells", "s", ours.seconds["index"], fastest,
                    fastest.seconds["index"], 1.0)
    for peer in peers:
        if peer.row.name == HNSWLIB and not peer.reason:
            yield share("build", "s", ours.seconds["index"], peer, peer.seconds["index"],
                        BUILD_SHARE_OF_HNSWLIB)
            yield share("memory", "MB", ours.memory / 1e6, peer, peer.memory / 1e6,
                        MEMORY_SHARE_OF_HNSWLIB)


def filtered_figure(preset: str, below: int, ours: Measured, lance: Measured | None) -> Figure:
    name = f"{preset} filtered, {below * 100 / LABELS:g} %"
    bar = ("at least", FILTERED_TIMES_LANCEDB)
    theirs = lance.filtered.get(below) if lance is not None else None
    if below not in ours.filtered:
        return figure(name, "queries/s", [0.0], LANCEDB, theirs[1] if theirs else [0.0], 0.0, bar,
                      f"missed by ours: recall {FILTERED_LEVEL}")
    choice, rates = ours.filtered[below]
    note = f"recall {choice.recall:.3f}"
    if theirs is None or below not in lance.filtered_pairs:
        why = "not measured" if lance is None or lance.reason else "missed"
        return figure(name, "queries/s", rates, f"{LANCEDB}: {why}", [0.0], 0.0, None, note)
    pairs = lance.filtered_pairs[below]
    return figure(name, "queries/s", pairs.ours, LANCEDB, pairs.theirs, pairs.ratio(), bar,
                  f"{note}, theirs {theirs[0].recall:.3f}")


def tables(preset: str, ours: Measured, peers: list[Measured]) -> Iterator[str]:
    """Markdown: queries a second of every engine, with the steps of its building and its memory."""
    for kind in KINDS:
        for threads in THREADS:
            way = "one at a time, one thread" if threads == 1 else "batches, two threads"
            yield f"\n### {preset}, queries {kind} distribution, {way}\n"
            head = [f"{level:.2f}" for level in LEVELS]
            yield row_of(["engine", *head, "build s", "MB"])
            yield row_of(["---"] * (len(head) + 3))
            for each in [ours, *peers]:
                yield row_of(cells_of(each, kind, threads))
    filtered = [each for each in [ours, *peers] if each.filtered]
    if filtered:
        yield f"\n### {preset}, filtered, queries in distribution, one thread: queries/s (recall)\n"
        yield row_of(["engine", *(f"{below * 100 / LABELS:g} %" for below in SELECTED)])
        yield row_of(["---"] * (len(SELECTED) + 1))
        for each in filtered:
            yield row_of([each.row.name, *(filtered_cell(each, below) for below in SELECTED)])


def filtered_cell(each: Measured, below: int) -> str:
    if below not in each.filtered:
        return "missed"
    choice, found = each.filtered[below]
    return f"{statistics.median(found):,.0f} ({choice.recall:.3f})"


def cells_of(each: Measured, kind: str, threads: int) -> list[str]:
    name = each.row.name + (" (a mark)" if each.row.mark else "")
    if each.reason and not each.rates:
        return [name, f"not measured: {each.reason}".replace("|", "/"), "", "", "", "", ""]
    reached = [each.rate((kind, threads, level)) for level in LEVELS]
    own = [f"{rate:,.0f}" if rate else "missed" for rate in reached]
    return [name, *own, f"{each.seconds['index']:.2f}", f"{each.memory / 1e6:.0f}"]


def row_of(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
