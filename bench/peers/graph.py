"""What graphs in memory have in common: the width of their walk is the only knob."""

from __future__ import annotations

import pathlib

from engine import Engine, Setting, steps

EF_MAX = 2000


class Graph(Engine):
    def __init__(self, folder: pathlib.Path, cells: int, links: int, ef_construction: int):
        super().__init__(folder, cells)
        self.links, self.ef_construction, self.threads = links, ef_construction, 1

    def use_threads(self, count: int) -> None:
        self.threads = count

    def ladders(self) -> list[list[Setting]]:
        return [[{"ef": n} for n in steps(10, EF_MAX)]]
