"""Writer: many rows into few commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from . import _core
from .errors import InvalidArgumentError, WrongTypeError
from .schema import Schema

AppendReport = _core.AppendReport

COMMIT_BYTES = _core.COMMIT_BYTES
COMMIT_ROWS = _core.COMMIT_ROWS
BUFFER_BYTES = _core.BUFFER_BYTES
NEVER = 2**64 - 1


class Writer:
    """Buffers rows and commits them by bytes or rows; made by `Dataset.writer`.

        with ds.writer() as writer:
            for row in source:
                writer.append(row)

    Leaving the `with` block commits the rest; leaving it by an exception drops what is not
    committed. Values are checked when the buffer is handed on, at the latest by `commit`. One
    thread at a time."""

    def __init__(self, core: _core.Writer, schema: Schema) -> None:
        self._core: _core.Writer | None = core
        self._schema = schema

    def append(self, samples: Any) -> int:
        """Adds one row (a dict) or an iterable of rows; returns how many.

        Errors as `Dataset.append_many`; they drop the rows since the last commit and end this
        writer."""
        if isinstance(samples, Mapping):
            return self.append_rows([samples])
        return self.append_rows(samples)

    def append_rows(self, samples: Iterable[Mapping[str, Any]]) -> int:
        """Adds rows `{field: value, ..., "_anchor": int}`; returns how many."""
        core = self._open()
        if isinstance(samples, (str, bytes)) or not isinstance(samples, Iterable):
            raise WrongTypeError(
                f"rows are an iterable of dicts, or a dict of columns, not {type(samples).__name__}"
            )
        with self._ending_on_error():
            return core.append_rows(samples)

    def append_columns(self, columns: Mapping[str, Any]) -> int:
        """Adds `{field: array or list [rows, ...], "_anchor": [rows]}`; returns how many rows. The
        arrays are copied, so they may change afterwards."""
        return self._append_columns(columns, copy=True)

    def commit(self) -> AppendReport:
        """Commits what is buffered; the report's counts are totals since the writer was made."""
        core = self._open()
        with self._ending_on_error():
            return core.commit()

    def report(self) -> AppendReport:
        """The totals of the rows handed on so far."""
        return self._open().report()

    def close(self) -> None:
        """Drops what is not committed; further calls are refused."""
        self._core = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._core is not None:
            self.commit()
        self.close()

    def _append_columns(self, columns: Mapping[str, Any], copy: bool) -> int:
        from ._columns import prepare

        core = self._open()
        with self._ending_on_error():
            rows, anchors, prepared = prepare(self._schema, columns)
            return core.append_columns(rows, anchors, prepared, copy)

    def _open(self) -> _core.Writer:
        if self._core is None:
            raise InvalidArgumentError("this writer is closed; make another with Dataset.writer()")
        return self._core

    def _ending_on_error(self) -> _EndOnError:
        return _EndOnError(self)


class _EndOnError:
    """Closes the writer when the block fails: some rows of the failed call may be in its buffer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._writer.close()


def append_any(writer: Writer, samples: Any, copy: bool) -> int:
    """A dict of columns, or an iterable of rows."""
    if isinstance(samples, Mapping):
        return writer._append_columns(samples, copy)
    return writer.append_rows(samples)
