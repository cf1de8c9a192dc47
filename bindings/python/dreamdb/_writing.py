"""The part of Dataset that appends rows."""

from __future__ import annotations

from typing import Any

from . import _check
from ._handle import Handle
from .errors import InvalidArgumentError
from .writer import BUFFER_BYTES, COMMIT_BYTES, COMMIT_ROWS, NEVER, AppendReport, Writer, append_any


class Writing(Handle):
    """Appending. Refused on snapshots and on handles pinned by manifest or time."""

    def append_many(
        self,
        samples: Any,
        commit: bool = True,
        hot: bool = False,
        embedding_specs: Any = None,
        *,
        on_conflict: str = "refuse",
        idempotency_key: str | None = None,
    ) -> int:
        """Appends rows in one commit and returns how many were given.

        `samples` is an iterable of dicts `{field: value, ..., "_anchor": int}`, or one dict of
        columns `{field: array or list, ..., "_anchor": anchors}`. Values by the field's type:

        - image, audio, video, blob: bytes, bytearray, memoryview; text: str
        - embedding: [dim] list or array of finite numbers; a column is [rows, dim]
        - array: array, nested list or raw bytes of the declared shape; a column is [rows, *shape]
        - bool, int, float, str; timestamp: int nanoseconds (columns also datetime64)

        A field left out of a row is absent; in a column given as a list, None is. Arrays are taken
        without copying where dtype and order are right: do not change them until the call returns.

        Either all rows have `_anchor` (0 to 2^64-2, any order) or none: then anchors are assigned,
        ascending from the wall clock, never one that exists.

        `on_conflict` says what becomes of a value at an anchor that has another one: "refuse"
        (nothing is written), "skip" (the old one stays), "replace" (the new one wins; None in a
        column is no value and replaces none). An equal value is never a conflict, and a row at an
        existing anchor may bring just fields that its record lacks.
        `idempotency_key`: a second append with the same key does nothing; ConflictError when
        it brings another number of rows, so that it cannot be the same one.

        `commit=False` keeps the rows in this handle, unseen by reads, until `commit()` or an append
        with `commit=True`. `hot` and `embedding_specs` have no meaning here and are ignored.

        Errors: InvalidArgumentError (unknown or missing field, a value that does not fit),
        ConflictError (names the anchors), OutcomeUnknownError (repeat it with the same anchors or
        key). When a call fails, none of its rows is written, nor those kept by `commit=False`.
        Cost: 2 waves on a warm handle; memory bounded by buffers of about 100 MB.
        """
        writer = self._pending_writer(on_conflict, idempotency_key)
        self._pending = None
        rows = append_any(writer, samples, copy=not commit)
        if commit:
            writer.commit()
        else:
            self._pending, self._pending_options = writer, (on_conflict, idempotency_key)
        return rows

    def append(
        self, samples: Any, *, on_conflict: str = "refuse", idempotency_key: str | None = None
    ) -> AppendReport:
        """As `append_many`, and returns the AppendReport: new records, filled, unchanged, replaced
        rows, the manifest and the anchors that were assigned."""
        writer = self._pending_writer(on_conflict, idempotency_key)
        self._pending = None
        append_any(writer, samples, copy=False)
        return writer.commit()

    def commit(self) -> None:
        """Commits the rows kept by `append_many(..., commit=False)`; without any, does nothing."""
        writer, self._pending = self._pending, None
        if writer is not None:
            writer.commit()

    def writer(
        self,
        *,
        on_conflict: str = "refuse",
        idempotency_key: str | None = None,
        commit_bytes: int = COMMIT_BYTES,
        commit_rows: int = COMMIT_ROWS,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> Writer:
        """A writer for rows that come one by one or without end: commits each `commit_rows` rows or
        `commit_bytes` bytes, and once more at the end of its `with` block. `buffer_bytes` of rows
        stay in memory before they become segments. The n-th commit has the key
        `idempotency_key/n`."""
        core = self._core.writer(
            _check.text(on_conflict, "on_conflict"),
            _check.optional_text(idempotency_key, "idempotency_key") or "",
            _check.integer(commit_bytes, "commit_bytes", 1),
            _check.integer(commit_rows, "commit_rows", 1),
            _check.integer(buffer_bytes, "buffer_bytes"),
        )
        return Writer(core, self.schema)

    def _pending_writer(self, on_conflict: str, idempotency_key: str | None) -> Writer:
        if self._pending is None:
            return self.writer(
                on_conflict=on_conflict,
                idempotency_key=idempotency_key,
                commit_bytes=NEVER,
                commit_rows=NEVER,
            )
        if self._pending_options != (on_conflict, idempotency_key):
            raise InvalidArgumentError(
                "rows are waiting with another on_conflict or idempotency_key; call commit() first"
            )
        return self._pending
