"""AnchorList: the anchors of a dataset as a lazy sequence."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import _check, _core
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy


class AnchorList:
    """Anchors in ascending order, read from the store as they are asked for.

    Iterate over it as often as you like, each time from the beginning; memory stays flat. `len`,
    `in`, indexing, slices and comparison with lists work as with a list; `list(...)` makes one.
    `len` is O(1) for all anchors of a dataset and a scan otherwise; an index or slice reads from
    the beginning up to its end (from the end for negative ones: a full scan)."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        stream: Callable[[], _core.BatchStream | _core.TombstoneStream | None],
        count: Callable[[], int] | None,
        contains: Callable[[int], bool],
    ) -> None:
        self._stream = stream
        self._count = count
        self._contains = contains

    def batches(self) -> Iterator[numpy.ndarray[Any, Any]]:
        """uint64 arrays [n], read-only; all of them together are the anchors."""
        stream = self._stream()
        if stream is None:
            return
        try:
            while (batch := stream.next()) is not None:
                yield batch.anchors()
        finally:
            stream.close()

    def to_numpy(self) -> numpy.ndarray[Any, Any]:
        """One uint64 array with all anchors: 8 bytes of memory each."""
        import numpy

        return numpy.concatenate([numpy.empty(0, numpy.uint64), *self.batches()])

    def __iter__(self) -> Iterator[int]:
        for anchors in self.batches():
            yield from anchors.tolist()

    def __len__(self) -> int:
        if self._count is not None:
            return self._count()
        return sum(len(anchors) for anchors in self.batches())

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def __contains__(self, anchor: object) -> bool:
        try:
            number = operator.index(anchor)  # type: ignore[arg-type]
        except TypeError:
            return False
        return 0 <= number < 2**64 - 1 and self._contains(number)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.start, index.stop, index.step
            if any(part is not None and part < 0 for part in (start, stop, step)):
                return list(self)[index]
            return list(itertools.islice(self, start, stop, step))
        position = _check.integer(index, "an index of anchors", -(2**63), 2**63 - 1)
        if position < 0:
            position += len(self)
        found = next(itertools.islice(self, position, None), None) if position >= 0 else None
        if found is None:
            raise IndexError("anchor index out of range")
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (AnchorList, list, tuple)):
            return NotImplemented
        missing = object()
        return all(a == b for a, b in itertools.zip_longest(self, other, fillvalue=missing))

    def __repr__(self) -> str:
        head = list(itertools.islice(self, 4))
        shown = ", ".join(str(anchor) for anchor in head[:3]) + (", ..." if len(head) > 3 else "")
        return f"<AnchorList [{shown}]>"


def check_window(start: Any, end: Any) -> tuple[int, int]:
    """(start, end) as anchors with end exclusive; `end` None is the end of time."""
    first = 0 if start is None else _check.integer(start, "start_ns")
    last = 2**64 - 1 if end is None else _check.integer(end, "end_ns")
    if first >= last:
        raise InvalidArgumentError(
            f"the window [{first}, {last}) is empty: its end is exclusive and "
            "must lie after its start"
        )
    return first, last
