"""Arguments of calls, checked: an error names the argument, what it takes and what was given."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from typing import Any

from .errors import InvalidArgumentError, OutOfRangeError, WrongTypeError

U64_MAX = 2**64 - 1


def wrong_type(what: str, expected: str, value: Any) -> WrongTypeError:
    shown = repr(value)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return WrongTypeError(f"{what} is {expected}, not {type(value).__name__} ({shown})")


def integer(value: Any, what: str, low: int = 0, high: int = U64_MAX) -> int:
    """An int of Python or NumPy from `low` to `high`; a bool is none."""
    try:
        if isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b":
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise wrong_type(what, "an int", value) from None
    if number < low:
        raise OutOfRangeError(f"{what} must be at least {low}, not {number}")
    if number > high:
        raise OutOfRangeError(f"{what} must be at most {high}, not {number}")
    return number


def part(value: Any, what: str) -> float:
    """A float or int above 0 and at most 1, also of NumPy; a bool is none."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if isinstance(value, (bool, str, bytes)) or kind == "b" or not hasattr(value, "__float__"):
        raise wrong_type(what, "a number above 0 and at most 1", value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise wrong_type(what, "a number above 0 and at most 1", value) from None
    if not 0 < number <= 1:
        raise OutOfRangeError(f"{what} must be above 0 and at most 1, not {number}")
    return number


def shard(value: Any) -> tuple[int, int] | None:
    """The part of one worker: its number and how many there are; None stays None."""
    if value is None:
        return None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise wrong_type("shard", "a pair (number, of how many)", value)
    index, of = value
    return integer(index, "shard's number"), integer(of, "shard's count", 1)


def function(value: Any, what: str, arguments: str) -> None:
    """Something to call, or None."""
    if value is not None and not callable(value):
        raise wrong_type(what, f"a function of ({arguments})", value)


def text(value: Any, what: str) -> str:
    """A str that UTF-8 can write."""
    if not isinstance(value, str):
        raise wrong_type(what, "a str", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(
            f"{what}: {value!r} has a surrogate, which no UTF-8 text has"
        ) from None
    return value


def optional_text(value: Any, what: str) -> str | None:
    return None if value is None else text(value, what)


def path(value: Any, what: str) -> str:
    try:
        return text(os.fspath(value), what)
    except TypeError:
        raise wrong_type(what, "a path", value) from None


def flag(value: Any, what: str) -> bool:
    """True or False, also of NumPy."""
    if isinstance(value, bool):
        return value
    if getattr(getattr(value, "dtype", None), "kind", "") == "b" and getattr(value, "ndim", 1) == 0:
        return bool(value)
    raise wrong_type(what, "True or False", value)


def names(values: Any, what: str = "fields") -> list[str] | None:
    """Names of fields; None stays None."""
    if values is None:
        return None
    if isinstance(values, str):
        raise WrongTypeError(f"{what} is a list of names, not a str: use [{values!r}]")
    if isinstance(values, bytes) or not isinstance(values, Iterable):
        raise wrong_type(what, "a list of names", values)
    return [text(name, f"each of {what}") for name in values]
