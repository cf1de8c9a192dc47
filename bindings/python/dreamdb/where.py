"""Filters: `col("score") > 0.5`, text, or the older lists of (field, op, value)."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping
from typing import Any

from . import _check, _core
from .errors import InvalidArgumentError, WrongTypeError
from .schema import Schema

Where = _core.Where

__all__ = ["Column", "Where", "col"]

copyreg.pickle(Where, lambda where: (_parse, (str(where),)))

OPS = ("==", "!=", "<", "<=", ">", ">=")


def col(name: str) -> Column:
    """The field `name`, to be compared: `(col("score") > 0.5) & ~col("label").is_in(["cat",
    "dog"])`."""
    return Column(name)


class Column:
    """A field in a filter. Comparisons give a `Where`; combine these with & (and), | (or), ~ (not).

    Values are bool, int, float or str; for timestamps also `datetime`. A comparison with an absent
    value is neither true nor false, as in SQL.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = _check.text(name, "the name of a field")

    def __repr__(self) -> str:
        return f"col({self.name!r})"

    def __eq__(self, value: object) -> Where:  # type: ignore[override]
        return Where.compare(self.name, "==", literal(value))

    def __ne__(self, value: object) -> Where:  # type: ignore[override]
        return Where.compare(self.name, "!=", literal(value))

    def __lt__(self, value: Any) -> Where:
        return Where.compare(self.name, "<", literal(value))

    def __le__(self, value: Any) -> Where:
        return Where.compare(self.name, "<=", literal(value))

    def __gt__(self, value: Any) -> Where:
        return Where.compare(self.name, ">", literal(value))

    def __ge__(self, value: Any) -> Where:
        return Where.compare(self.name, ">=", literal(value))

    def is_in(self, values: Iterable[Any]) -> Where:
        """One of `values`, at least one and at most 10,000."""
        return Where.is_in(self.name, literals(self.name, values))

    def between(self, low: Any, high: Any) -> Where:
        """`low <= value <= high`."""
        return Where.between(self.name, literal(low), literal(high))

    def like(self, pattern: str) -> Where:
        """Text where % stands for any text and _ for one character; a backslash escapes them."""
        return Where.like(self.name, _check.text(pattern, "pattern"))

    def starts_with(self, prefix: str) -> Where:
        """Text that begins with `prefix`."""
        escaped = "".join("\\" + c if c in "%_\\" else c for c in _check.text(prefix, "prefix"))
        return Where.like(self.name, escaped + "%")

    def is_null(self) -> Where:
        """The record lacks the field; any type of field."""
        return Where.is_null(self.name)

    def is_not_null(self) -> Where:
        """The record has the field; any type of field."""
        return ~Where.is_null(self.name)


def _parse(text: str) -> Where:
    return Where.parse(text)


def literal(value: Any) -> Any:
    """A value as the core takes it: NumPy scalars and datetimes are unwrapped."""
    if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if hasattr(value, "isoformat") and hasattr(value, "utcoffset"):
        return value.isoformat()
    return value


def literals(field: str, values: Any) -> list[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InvalidArgumentError(f"field `{field}`: `in` needs a list of values")
    return [literal(value) for value in values]


def to_where(
    schema: Schema, where: Any = None, where_eq: Mapping[str, Any] | None = None
) -> Where | None:
    """The filter that `where` and `where_eq` ask for together; None when they ask for nothing.

    `where`: text, a `Where`, or a list of (field, op, value) that all must hold, with op one of ==
    != < <= > >= in. `where_eq`: {field: value}, all equal. Unknown fields, unknown ops and an `in`
    without a list are InvalidArgumentErrors; a value of another type than its field's a
    WrongTypeError."""
    parts: list[Where] = []
    if isinstance(where, Where):
        parts.append(where)
    elif isinstance(where, str):
        parts.append(Where.parse(where))
    elif isinstance(where, Column):
        parts.append(Where.compare(where.name, "==", True))
    elif where is not None:
        if isinstance(where, (bytes, Mapping)) or not isinstance(where, Iterable):
            raise _check.wrong_type(
                "where", "text, an expression of col(), or a list of clauses", where
            )
        parts += [_clause(schema, clause) for clause in where]
    if where_eq is not None and not isinstance(where_eq, Mapping):
        raise _check.wrong_type("where_eq", "a dict of fields and values", where_eq)
    for field, value in (where_eq or {}).items():
        parts.append(_clause(schema, (field, "==", value)))
    if not parts:
        return None
    for part in parts:
        for name in part.fields():
            _field(schema, name)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole & part
    return whole


def _clause(schema: Schema, clause: Any) -> Where:
    try:
        name, op, value = clause
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"a where clause is (field, op, value), not {clause!r}"
        ) from None
    field = _field(schema, name)
    if op == "in":
        values = literals(name, value)
        for one in values:
            _check_type(field, one)
        return Where.is_in(name, values)
    if op not in OPS:
        raise InvalidArgumentError(f"unknown where op `{op}` (use ==, !=, <, <=, >, >=, in)")
    value = literal(value)
    _check_type(field, value)
    return Where.compare(name, op, value)


def _field(schema: Schema, name: Any) -> _core.Field:
    if name not in schema:
        raise InvalidArgumentError(
            f"field `{name}` is not declared in the Schema, which has "
            + ", ".join(f"`{known}`" for known in schema.names)
        )
    return schema[name]


def _check_type(field: _core.Field, value: Any) -> None:
    """Refuses a value that the field can never equal, before anything is read."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "bool": isinstance(value, bool),
        "int": number,
        "float": number,
        "timestamp": number or isinstance(value, str),
        "string": isinstance(value, str),
        "categorical": isinstance(value, str),
    }.get(field.type)
    if fits is None:
        raise WrongTypeError(f"field `{field.name}` is {field.type}; filters compare scalar fields")
    if not fits:
        raise WrongTypeError(
            f"field `{field.name}` is {field.type}; it cannot be compared with "
            f"{type(value).__name__}"
        )
