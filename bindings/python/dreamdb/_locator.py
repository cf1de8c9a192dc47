"""From the older (name, backend) pairs to locators `URL@ref`."""

from __future__ import annotations

import uuid

from . import _check
from .errors import InvalidArgumentError

SCHEMES = (
    "file://",
    "memory://",
    "s3://",
    "http://",
    "https://",
    "s3+http://",
    "s3+https://",
    "web+http://",
    "web+https://",
)


def locator(name: str, backend: str = "") -> str:
    """`backend@name`, or `name` itself when it is a locator already (no backend given).

    An `@` in a folder's path is written %40, so that the ref begins where it should.
    """
    _check.text(name, "name")
    if not _check.text(backend, "backend"):
        return name
    return f"{store_url(backend)}@{name}"


def store_url(backend: str) -> str:
    scheme, separator, rest = _check.text(backend, "backend").partition("://")
    if not separator:
        return backend.replace("@", "%40")
    if scheme + separator not in SCHEMES:
        raise InvalidArgumentError(
            f"unknown backend `{backend}` — supported: {', '.join(SCHEMES)}, or a plain path"
        )
    return scheme + separator + rest.replace("@", "%40")


def private_memory(backend: str) -> str:
    """`memory://` without a name is a new store of its own; all else is left as it is."""
    if _check.text(backend, "backend") == "memory://":
        return f"memory://private-{uuid.uuid4().hex}"
    return backend
