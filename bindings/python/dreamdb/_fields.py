"""Making fields out of the arguments of `add_*`, for schemas and for living datasets alike."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from . import _core
from .errors import InvalidArgumentError, WrongTypeError

SCALAR_TYPES = ("bool", "int", "float", "string", "categorical", "timestamp")


def plain_field(name: str, kind: str, required: bool, mime: str = "") -> _core.Field:
    return _core.Field(name, kind, required, mime=mime)


def embedding_field(name: str, dim: int, algorithm: str, required: bool, dtype: Any) -> _core.Field:
    return _core.Field(
        name,
        "embedding",
        required,
        dtype=dtype_name(dtype),
        shape=[_size(name, dim)],
        algorithm=algorithm,
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
    for what, given, only in (
        ("endianness", endianness, "little"),
        ("layout", layout, "c"),
        ("codec", codec, "raw"),
    ):
        if given.lower() != only:
            raise InvalidArgumentError(
                f"field `{name}`: {what} {given!r} is not kept; values are converted to {only!r} "
                "when they are appended, so leave it out"
            )
    sizes = [shape] if isinstance(shape, int) else shape
    return _core.Field(
        name,
        "array",
        required,
        dtype=dtype_name(dtype),
        shape=[_size(name, size) for size in sizes],
        info={key: value for key, value in info.items() if value != "none"},
    )


def scalar_field(name: str, kind: str, required: bool) -> _core.Field:
    if kind not in SCALAR_TYPES:
        raise InvalidArgumentError(
            f"field `{name}`: {kind!r} is no scalar type (use {', '.join(SCALAR_TYPES)})"
        )
    return _core.Field(name, kind, required)


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
        raise


def _size(name: str, size: Any) -> int:
    try:
        number = operator.index(size)
    except TypeError:
        raise WrongTypeError(
            f"field `{name}`: a size is an int, not {type(size).__name__}"
        ) from None
    if not 0 <= number < 2**63:
        raise InvalidArgumentError(f"field `{name}`: {number} is no size")
    return number
