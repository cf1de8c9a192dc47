"""The part of Dataset that deletes records and values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _check, _core
from ._handle import Handle
from .anchors import AnchorList
from .errors import InvalidArgumentError
from .where import to_where


class Deleting(Handle):
    """Deleting. Refused on snapshots and on handles pinned by manifest or time."""

    def delete(
        self,
        anchors: Iterable[int] | None = None,
        reason: str | None = None,
        *,
        where: Any = None,
        where_eq: Mapping[str, Any] | None = None,
        fields: Sequence[str] | None = None,
        skip_missing: bool = False,
        as_report: bool = False,
    ) -> Any:
        """Deletes the records at `anchors`, or those that match `where`; with `fields` only these
        values of them. Gone from this version on, on every path, and from every version that merges
        it; no append brings them back (ConflictError). Older versions still have them.

        Returns the manifest of the version without them; with `as_report` `{'deleted',
        'unchanged', 'missing', 'manifest'}`. What is deleted already is left as it is, so that a
        repetition is safe. `reason`: stands in the `writer` of the version, at most 256 bytes.

        Raises NotFoundError, and deletes nothing, for anchors that never had a record, unless
        `skip_missing`. One commit; 2 waves for anchors. Memory does not grow with what `where`
        finds.
        """
        from ._columns import anchor_array

        self._check_nothing_waits()
        condition = to_where(self.schema, where, where_eq)
        if (anchors is None) == (condition is None):
            raise InvalidArgumentError("say which records to delete: by anchors, or by where")
        names = _check.names(fields)
        text = _check.optional_text(reason, "reason") or ""
        if condition is not None:
            report = self._core.delete_where(condition, names, text)
        else:
            report = self._core.delete_records(
                anchor_array(anchors), names, _check.flag(skip_missing, "skip_missing"), text
            )
        return report if as_report else report["manifest"]

    def tombstone_set(self, field: str | None = None) -> AnchorList:
        """The anchors of deleted records, or of deleted values of `field`, ascending, as a lazy
        sequence with flat memory (see `list_anchors`); `list(...)` makes a list."""
        name = _check.optional_text(field, "field")
        core = self._core

        def stream(start: int = 0, end: int = _check.U64_MAX) -> _core.TombstoneStream:
            return core.tombstones(name, start, end)

        def contains(anchor: int) -> bool:
            return stream(anchor, anchor + 1).next() is not None

        stream()  # an unknown field is an error here
        return AnchorList(stream, None, contains)
