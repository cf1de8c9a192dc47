"""Making fields out of the arguments of `add_*`, for schemas and for living datasets alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import _check, _core
from .errors import InvalidArgumentError

SCALAR_TYPES = ("bool", "int", "float", "string", "categorical", "timestamp")


def plain_field(name: str, kind: str, required: bool, mime: str = "") -> _core.Field:
    named = _named(name, required)
    return _core.Field(named[0], kind, named[1], mime=_check.text(mime, f"field `{name}`: mime"))


def embedding_field(name: str, dim: int, algorithm: str, required: bool, dtype: Any) -> _core.Field:
    named = _named(name, required)
    return _core.Field(
        named[0],
        "embedding",
        named[1],
        dtype=dtype_name(dtype),
        shape=[_size(name, dim)],
        algorithm=_check.text(algorithm, f"field `{name}`: algorithm"),
    )


def array_field(
    name: str,
    dtype: Any,
    shape: Sequence[int],
    required: bool,
    *,
    endianness: str,
    layout: str,
    codec: str,
    **info: str,
) -> _core.Field:
    named = _named(name, required)
    for what, given, only in (
        ("endianness", endianness, "little"),
        ("layout", layout, "c"),
        ("codec", codec, "raw"),
    ):
        if _check.text(given, f"field `{name}`: {what}").lower() != only:
            raise InvalidArgumentError(
                f"field `{name}`: {what} {given!r} is not kept; values are converted to {only!r} "
                "when they are appended, so leave it out"
            )
    if isinstance(shape, (str, bytes)) or not isinstance(shape, (int, Iterable)):
        raise _check.wrong_type(f"field `{name}`: shape", "a tuple of ints", shape)
    sizes = [shape] if isinstance(shape, int) else shape
    return _core.Field(
        named[0],
        "array",
        named[1],
        dtype=dtype_name(dtype),
        shape=[_size(name, size) for size in sizes],
        info={
            key: _check.text(value, f"field `{name}`: {key}")
            for key, value in info.items()
            if value != "none"
        },
    )


def scalar_field(name: str, kind: str, required: bool) -> _core.Field:
    if kind not in SCALAR_TYPES:
        raise InvalidArgumentError(
            f"field `{name}`: {kind!r} is no scalar type (use {', '.join(SCALAR_TYPES)})"
        )
    return plain_field(name, kind, required)


def dtype_name(dtype: Any) -> str:
    """Our own names as they are ('i8' has 8 bits); what NumPy knows ('<i8', 'float32', 'f4',
    numpy.float32, float) as its name there.
    """
    import numpy

    from ._cast import DTYPES

    if isinstance(dtype, str) and (dtype in DTYPES or dtype.startswith(">")):
        return dtype
    try:
        return str(numpy.dtype(dtype).name)
    except TypeError:
        if isinstance(dtype, str):
            return dtype.lstrip("<=|")  # the core says what there is
        raise _check.wrong_type("dtype", "the name of a dtype, or one of NumPy", dtype) from None


def _size(name: str, size: Any) -> int:
    return _check.integer(size, f"field `{name}`: a size", 0, 2**63 - 1)


def _named(name: Any, required: Any) -> tuple[str, bool]:
    _check.text(name, "name")
    return name, _check.flag(required, f"field `{name}`: required")
