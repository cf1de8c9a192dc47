"""What all parts of Dataset share: the core handle and the rows that wait for a commit."""

from __future__ import annotations

from typing import Any

from . import _core
from .errors import InvalidArgumentError
from .schema import Schema
from .writer import Writer


class Handle:
    """A core handle that can be closed."""

    # Folder and bytes of the disk cache as they were given; "" and 0: by the environment.
    _disk_cache: tuple[str, int] = ("", 0)

    def __init__(self, core: _core.Dataset) -> None:
        self._open_core: _core.Dataset | None = core
        self._pending: Writer | None = None
        self._pending_options: tuple[Any, ...] = ()

    @property
    def _core(self) -> _core.Dataset:
        if self._open_core is None:
            raise InvalidArgumentError("this dataset handle is closed; open it again")
        return self._open_core

    @property
    def schema(self) -> Schema:
        """The schema of the pinned version (a copy)."""
        return Schema._wrap(self._core.schema())

    def _check_nothing_waits(self) -> None:
        if self._pending is not None:
            raise InvalidArgumentError("rows are waiting for commit(); commit them first")
