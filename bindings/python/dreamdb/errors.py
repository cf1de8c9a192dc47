"""Exceptions: one class for each code, so that the class says what to do next.

Every one is a `RuntimeError`; `InvalidArgumentError` is also a `ValueError`, `WrongTypeError` also
a `TypeError` and `OutOfRangeError` also an `OverflowError`, so that older `except` lines still
hold."""

from __future__ import annotations

from typing import Any

__all__ = [
    "AlreadyExistsError",
    "CancelledError",
    "ConflictError",
    "CorruptionError",
    "DeniedError",
    "DreamDBError",
    "ExhaustedError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "OutcomeUnknownError",
    "UnavailableError",
    "UnsupportedError",
    "WrongTypeError",
]


class DreamDBError(RuntimeError):
    """Base of all; `code` is the name that every language and the command line share."""

    code = "Internal"


class InvalidArgumentError(DreamDBError, ValueError):
    """The call itself is wrong: correct it."""

    code = "InvalidArgument"


class WrongTypeError(InvalidArgumentError, TypeError):
    """A value has a type that its field or argument does not take."""


class OutOfRangeError(InvalidArgumentError, OverflowError):
    """A number does not fit the width of its field or argument."""


class NotFoundError(DreamDBError):
    """The named thing does not exist."""

    code = "NotFound"


class AlreadyExistsError(DreamDBError):
    """The name or key is taken."""

    code = "AlreadyExists"


class ConflictError(DreamDBError):
    """Someone else changed it, or the value differs: read again and decide. `report` is that of a
    merge with conflicts, as `merge(dry_run=True)` returns it; else None."""

    code = "Conflict"
    report: dict[str, Any] | None = None


class CorruptionError(DreamDBError):
    """Bytes do not match their hash or format: restore the named object from a copy."""

    code = "Corruption"


class UnsupportedError(DreamDBError):
    """A newer format, or a store that cannot do it: upgrade or choose another."""

    code = "Unsupported"


class UnavailableError(DreamDBError):
    """The store did not answer: try again later."""

    code = "Unavailable"


class OutcomeUnknownError(DreamDBError):
    """It may or may not have happened: read back, or repeat with the same anchors or key."""

    code = "OutcomeUnknown"


class DeniedError(DreamDBError):
    """No permission."""

    code = "Denied"


class ExhaustedError(DreamDBError):
    """A limit, a full disk or a budget was reached."""

    code = "Exhausted"


class CancelledError(DreamDBError):
    """The caller asked to stop."""

    code = "Cancelled"


class InternalError(DreamDBError):
    """A bug of DreamDB: please report it."""

    code = "Internal"
