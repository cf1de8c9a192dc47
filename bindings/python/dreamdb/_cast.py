"""Arrays brought to the dtype and shape of their field, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import InvalidArgumentError, OutOfRangeError, WrongTypeError

DTYPES = {
    "bool": np.dtype("?"),
    "i8": np.dtype("<i1"),
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "i64": np.dtype("<i8"),
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "u64": np.dtype("<u8"),
    "f16": np.dtype("<f2"),
    "bf16": np.dtype("<u2"),  # the bits: NumPy has no such type
    "f32": np.dtype("<f4"),
    "f64": np.dtype("<f8"),
}


def to_row(value: Any, name: str, is_embedding: bool, dtype: str, shape: tuple[int, ...]) -> Any:
    """One value of an embedding or array field as a contiguous array of the field's form."""
    what = f"field `{name}`"
    if isinstance(value, (str, dict)) or value is None:
        raise WrongTypeError(f"{what}: expects numbers, not {type(value).__name__}")
    if isinstance(value, (bytes, bytearray)):
        array = _from_bytes(value, what, is_embedding, dtype, shape)
    else:
        array = _as_array(value, what, dtype)
    if is_embedding:
        if array.ndim != 1:
            raise WrongTypeError(f"{what}: a vector has one dimension, not {array.ndim}")
        if array.shape != shape:
            raise InvalidArgumentError(
                f"{what}: vector dim {array.shape[0]} != schema dim {shape[0]}"
            )
    elif array.shape != shape:
        raise InvalidArgumentError(
            f"{what}: typed array shape {array.shape} != declared shape {shape}"
        )
    return np.ascontiguousarray(cast(array, dtype, what)).reshape(shape)


def _from_bytes(
    value: Any, what: str, is_embedding: bool, dtype: str, shape: tuple[int, ...]
) -> Any:
    if is_embedding:
        raise WrongTypeError(f"{what}: expects a list or array of numbers, not bytes")
    expected = int(np.prod(shape, dtype=np.int64)) * DTYPES[dtype].itemsize
    if len(value) != expected:
        raise InvalidArgumentError(
            f"{what}: {len(value)} bytes, but {dtype} of shape {shape} has {expected}"
        )
    return np.frombuffer(value, DTYPES[dtype]).reshape(shape)


def _as_array(value: Any, what: str, dtype: str) -> Any:
    """`value` as an array of its own dtype; lists of numbers take the field's dtype."""
    if hasattr(value, "dtype"):
        return np.asarray(value)
    try:
        return np.asarray(value)
    except ValueError:
        raise InvalidArgumentError(
            f"{what}: the rows of a nested list have different lengths"
        ) from None
    except (TypeError, OverflowError):
        raise WrongTypeError(f"{what}: expects numbers, not {type(value).__name__}") from None


def _check_beyond(array: Any, floats: Any, dtype: str, what: str) -> None:
    """Refuses a finite number of `array` that became an infinity in `floats`."""
    if not np.isinf(floats).any():
        return
    beyond = np.isinf(floats) & np.isfinite(array)
    if beyond.any():
        place = np.argwhere(beyond)[0].tolist()
        raise OutOfRangeError(
            f"{what}: {array[tuple(place)]} at {place} is a number beyond {dtype}, which ends at "
            f"{np.finfo(floats.dtype).max}"
        )


def cast(array: Any, dtype: str, what: str) -> Any:
    """`array` in the field's dtype. Floats are rounded; integers must keep their value.

    WrongTypeError: floats or complex numbers for an integer field, text, objects, numbers for bool.
    OutOfRangeError: an integer that the field's width cannot hold, a finite number beyond its largest.
    """
    target = DTYPES[dtype]
    if array.dtype == target:
        return array
    if dtype == "bf16":
        if array.dtype.name == "bfloat16":
            return array.view(np.uint16)
        raise WrongTypeError(
            f"{what}: bf16 takes arrays of bfloat16, or of uint16 with the bits, not {array.dtype}"
        )
    source = array.dtype.kind
    if array.size == 0 and source in "biuf":
        return array.astype(target)
    if source == "f" and target.kind == "f":
        with np.errstate(over="ignore"):
            floats = array.astype(target)
        _check_beyond(array, floats, dtype, what)
        return floats
    if source in "biu" and target.kind == "f":
        with np.errstate(over="ignore"):
            floats = array.astype(target)
        _check_beyond(array, floats, dtype, what)
        return floats
    if source in "biu" and target.kind in "iu":
        limits: Any = np.iinfo(target.str)
        low, high = int(limits.min), int(limits.max)
        if source != "b" and (int(array.min()) < low or int(array.max()) > high):
            raise OutOfRangeError(f"{what}: a number does not fit {dtype} ({low} to {high})")
        return array.astype(target)
    raise WrongTypeError(f"{what}: {array.dtype} is not converted to {dtype}")


def masked(array: Any, bits: Any) -> Any:
    """`array` as a masked array whose rows without a bit in `bits` are masked."""
    absent = np.unpackbits(bits, count=len(array), bitorder="little") == 0
    mask = np.broadcast_to(absent.reshape((-1,) + (1,) * (array.ndim - 1)), array.shape)
    return np.ma.MaskedArray(array, mask=mask.copy())
