"""The cheapest settings of an engine that reach a recall, and their rates, in turn with ours."""

from __future__ import annotations

import dataclasses
import statistics

from engine import Setting
from remote import Remote

LEVELS = (0.90, 0.95, 0.98, 0.99)
WARMING = 2  # rates that are not counted before those that are: what an engine keeps, it has then


@dataclasses.dataclass(frozen=True)
class Choice:
    """A setting that reaches a level."""

    setting: Setting
    recall: float


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Queries a second of ours and of a peer, measured in turn."""

    ours: list[float]
    theirs: list[float]

    def ratio(self) -> float:
        return statistics.median(o / t for o, t in zip(self.ours, self.theirs, strict=True))


def climb(remote: Remote, kind: str, ladder: list[Setting],
          levels: tuple[float, ...] = LEVELS) -> dict[float, Choice]:
    """The lowest step that reaches each level, for those that are reached; recall grows with the
    steps. Strides double until one reaches, then halve."""
    known: dict[int, float] = {}

    def recall(step: int) -> float:
        if step not in known:
            known[step] = remote.recall(kind, ladder[step])
        return known[step]

    out: dict[float, Choice] = {}
    below = -1  # the highest step known to be too low
    for level in levels:
        stride, at = 1, max(below, 0)
        while recall(at) < level and at + 1 < len(ladder):
            below, at = at, min(at + stride, len(ladder) - 1)
            stride *= 2
        if recall(at) < level:
            break
        while at - below > 1:
            middle = (at + below) // 2
            if recall(middle) < level:
                below = middle
            else:
                at = middle
        out[level] = Choice(ladder[at], known[at])
    return out


def choose(remote: Remote, kind: str, threads: tuple[int, ...],
           levels: tuple[float, ...] = LEVELS) -> dict[tuple[int, float], Choice]:
    """For each number of threads and each level that is reached: the ladder that is fastest."""
    reached = [climb(remote, kind, ladder, levels) for ladder in remote.ladders]
    out: dict[tuple[int, float], Choice] = {}
    for count in threads:
        for level in levels:
            choices = [each[level] for each in reached if level in each]
            if len(choices) == 1:
                out[count, level] = choices[0]
            elif choices:
                out[count, level] = max(
                    choices, key=lambda each: rates(remote, each, kind, count, 1)[0])
    return out


def alternate(ours: Remote, our_choice: Choice, theirs: Remote, their_choice: Choice, kind: str,
              threads: int, repeats: int) -> Pairs:
    """`repeats` pairs of warm engines, the one that begins changing from pair to pair."""
    pairs = Pairs([], [])
    rates(ours, our_choice, kind, threads, 0)
    rates(theirs, their_choice, kind, threads, 0)
    for i in range(repeats):
        for is_ours in (True, False) if i % 2 == 0 else (False, True):
            if is_ours:
                pairs.ours.append(ours.rate(kind, threads, our_choice.setting))
            else:
                pairs.theirs.append(theirs.rate(kind, threads, their_choice.setting))
    return pairs


def rates(remote: Remote, choice: Choice, kind: str, threads: int, repeats: int) -> list[float]:
    """Of a warm engine."""
    every = [remote.rate(kind, threads, choice.setting) for _ in range(WARMING + repeats)]
    return every[WARMING:]
