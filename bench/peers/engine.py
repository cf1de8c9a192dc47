"""What an engine must do to be measured; one class a module and a row in engines.py make a new one."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

Setting = dict[str, int]  # a knob and its value
BUILD_THREADS = 2


class Engine:
    """An index over unit vectors by inner product, which is their cosine.

    `stored`: `build` leaves all in `folder`, and other processes `open` it, with the number of
    threads that their environment says. Else one process builds and is told by `use_threads`."""

    stored = False

    def __init__(self, folder: pathlib.Path, cells: int):
        self.folder, self.cells = folder, cells

    def build(self, base: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """From [n, dim] float32 on two threads; seconds of its steps, of which "index" is the
        figure."""
        raise NotImplementedError

    def open(self) -> None:
        """For engines that are stored."""

    def use_threads(self, count: int) -> None:
        """From now on; for engines that are not stored."""

    def ladders(self) -> list[list[Setting]]:
        """Ways to turn the knobs, each from cheap to dear; the cheapest that reaches is used."""
        raise NotImplementedError

    def use(self, setting: Setting) -> None:
        """For the queries that follow."""
        raise NotImplementedError

    def filter(self, below: int | None) -> None:
        """Only rows with a label below; None: all. For engines that are measured with filters."""
        raise NotImplementedError

    def one(self, query: np.ndarray, top: int) -> Sequence[int]:
        """Ids for [1, dim], on one thread."""
        raise NotImplementedError

    def many(self, queries: np.ndarray, top: int) -> Sequence[Sequence[int]]:
        """Ids for [n, dim], on as many threads as may be used."""
        raise NotImplementedError

    def profile(self, queries: Sequence[np.ndarray], top: int) -> str:
        """Where the time of a call goes that asks for each of [n, dim]; empty: the engine does not
        tell."""
        return ""


def steps(first: int, last: int) -> list[int]:
    """From first to last, each a fifth more than the one before (at least 1 more)."""
    out, value = [], first
    while value < last:
        out.append(value)
        value += max(1, value // 5)
    return [*out, last]
