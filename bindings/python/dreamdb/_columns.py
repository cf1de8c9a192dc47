"""Columns to append, `{field: array or list, "_anchor": ...}`, brought to their fields' form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from . import _core
from ._cast import DTYPES, cast
from .errors import InvalidArgumentError, OutOfRangeError, WrongTypeError
from .schema import Schema

ANCHOR = "_anchor"
ANCHOR_MAX = 2**64 - 2
SECONDS_MAX = 2**63 // 10**9  # in 64 bits of nanoseconds


def prepare(schema: Schema, columns: Mapping[str, Any]) -> tuple[int, Any, dict[str, Any]]:
    """(rows, anchors or None, {field: contiguous array or list}). What lies right is not copied.

    InvalidArgumentError: an unknown field, columns of different lengths, a wrong shape.
    WrongTypeError, OutOfRangeError: values that do not fit their field.
    """
    for name in columns:
        if name != ANCHOR and name not in schema:
            raise InvalidArgumentError(
                f"field `{name}` not in schema, which has "
                + (", ".join(f"`{n}`" for n in schema.names) or "no fields")
            )
    rows = _row_count(columns)
    anchors = anchor_array(columns[ANCHOR]) if ANCHOR in columns else None
    prepared = {
        name: _column(schema[name], values, rows)
        for name, values in columns.items()
        if name != ANCHOR
    }
    return rows, anchors, prepared


def anchor_array(values: Any) -> Any:
    """Anchors, however they come, as a contiguous uint64 array [n]."""
    expected = "field `_anchor`: expected u64 nanoseconds since UNIX epoch (0 to 2^64-2)"
    if not hasattr(values, "dtype"):
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise WrongTypeError(f"{expected}, one a row, not {type(values).__name__}")
        values = list(values)
        if not values:
            return np.empty(0, np.uint64)
        return np.frombuffer(_core.anchor_bytes(values), np.uint64)
    array = np.asarray(values)
    if array.ndim != 1:
        raise InvalidArgumentError(f"{expected}, one a row, not an array of shape {array.shape}")
    if array.dtype.kind == "O":
        return anchor_array(array.tolist())
    if array.dtype.kind not in "iu":
        raise WrongTypeError(f"{expected}, not {array.dtype}")
    if array.dtype.kind == "i" and array.size and int(array.min()) < 0:
        raise OutOfRangeError(f"{expected}, not {int(array.min())}")
    if array.size and int(array.max()) > ANCHOR_MAX:
        raise OutOfRangeError(f"{expected}, not {int(array.max())}")
    return np.ascontiguousarray(array, np.dtype("<u8"))


def _row_count(columns: Mapping[str, Any]) -> int:
    lengths = {name: _length(name, values) for name, values in columns.items()}
    if not lengths:
        return 0
    first, rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != rows:
            raise InvalidArgumentError(
                f"columns have different lengths: `{first}` has {rows} rows, `{name}` has {length}"
            )
    return rows


def _length(name: str, values: Any) -> int:
    if isinstance(values, (str, bytes, bytearray, Mapping)):
        raise WrongTypeError(
            f"field `{name}`: a column is an array or a list with one value a row, not "
            f"{type(values).__name__}"
        )
    try:
        return len(values)
    except TypeError:
        raise WrongTypeError(
            f"field `{name}`: a column is an array or a list with one value a row, not "
            f"{type(values).__name__}"
        ) from None


def _column(field: _core.Field, values: Any, rows: int) -> Any:
    if hasattr(values, "to_numpy"):  # pandas, pyarrow, polars
        values = values.to_numpy()
    if not isinstance(values, np.ndarray) and not hasattr(values, "__array_interface__"):
        return list(values)
    array = np.asarray(values)
    what = f"field `{field.name}`"
    if array.dtype.kind in "OSUT" or isinstance(values, np.ma.MaskedArray):
        return _as_list(values, what)
    if field.shape is not None and field.dtype is not None:
        return _matrix(field, array, what, rows)
    if array.ndim != 1:
        raise InvalidArgumentError(
            f"{what}: a column of scalars has shape ({rows},), not {array.shape}"
        )
    if field.type in ("int", "timestamp"):
        if array.dtype.kind == "M":
            return _datetimes(array, what)
        if array.dtype.kind not in "iub":
            raise WrongTypeError(f"{what}: expects integers, not {array.dtype}")
        return np.ascontiguousarray(cast(array, "i64", what))
    if field.type == "float":
        if array.dtype.kind not in "iubf":
            raise WrongTypeError(f"{what}: expects numbers, not {array.dtype}")
        return np.ascontiguousarray(array, np.dtype("<f8"))
    if field.type == "bool":
        if array.dtype.kind != "b":
            raise WrongTypeError(f"{what}: expects bools, not {array.dtype}")
        return np.ascontiguousarray(array)
    return array.tolist()  # numbers for a text or bytes field: refused one by one


def _matrix(field: _core.Field, array: Any, what: str, rows: int) -> Any:
    shape = tuple(field.shape or ())
    if array.shape != (rows, *shape):
        if field.type == "embedding" and array.ndim == 2:
            raise InvalidArgumentError(
                f"{what}: vector dim {array.shape[1]} != schema dim {shape[0]}"
            )
        if field.type == "embedding":
            raise WrongTypeError(
                f"{what}: a column of vectors has two dimensions, not {array.ndim}"
            )
        raise InvalidArgumentError(
            f"{what}: typed array shape {array.shape[1:]} != declared shape {shape}"
        )
    ready = np.ascontiguousarray(cast(array, str(field.dtype), what))
    if ready.dtype != DTYPES[str(field.dtype)]:
        raise WrongTypeError(f"{what}: {array.dtype} is not converted to {field.dtype}")
    return ready


def _datetimes(array: Any, what: str) -> Any:
    _check_in_nanoseconds(array, what)
    if np.isnat(array).any():
        return [
            None if np.isnat(value) else int(value.astype("datetime64[ns]").astype(np.int64))
            for value in array
        ]
    return np.ascontiguousarray(array.astype("datetime64[ns]").view(np.int64))


def _check_in_nanoseconds(array: Any, what: str) -> None:
    """NumPy wraps around where 64 bits of nanoseconds do not reach."""
    absent = np.isnat(array)
    years = array.astype("datetime64[Y]").astype(np.int64) + 1970
    seconds = array.astype("datetime64[s]").astype(np.int64)
    outside = (years < 1677) | (years > 2262) | (seconds < -SECONDS_MAX) | (seconds >= SECONDS_MAX)
    if (outside & ~absent).any():
        row = int(np.flatnonzero(outside & ~absent)[0])
        raise OutOfRangeError(
            f"{what}: {array[row]} in row {row} is outside of what 64 bits of nanoseconds hold, "
            "1677-09-21 to 2262-04-11"
        )


def _as_list(values: Any, what: str) -> list[Any]:
    if isinstance(values, np.ma.MaskedArray):
        masks: Any = np.ma.getmaskarray(values).reshape(len(values), -1)
        mask: Any = masks.all(axis=1)
        if (masks.any(axis=1) != mask).any():
            row = int(np.flatnonzero(masks.any(axis=1) != mask)[0])
            raise InvalidArgumentError(
                f"{what}: row {row} is masked in part; a value is there or absent as a whole"
            )
        return [None if absent else row for absent, row in zip(mask, values.data, strict=True)]
    return list(np.asarray(values))
