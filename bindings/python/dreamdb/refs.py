"""Refs of a store, without opening a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import _check, _core
from ._locator import store_url

PAGE = 1000


def list_refs(backend: str, prefix: str = "") -> list[str]:
    """Names of all branches and snapshots at `backend`, ascending. NotFoundError: no such store.
    One request for each 1,000."""
    return [ref["name"] for ref in iter_refs(backend, prefix)]


def iter_refs(backend: str, prefix: str = "") -> Iterator[dict[str, Any]]:
    """`{'name', 'manifest', 'snapshot', 'ts_ns'}` of each ref, ascending by name."""
    url = store_url(backend)
    _check.text(prefix, "prefix")
    return paged(lambda after: _core.list_refs(url, prefix, after, PAGE))


def paged(page: Callable[[str], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        refs = page(after)
        yield from refs
        if len(refs) < PAGE:
            return
        after = refs[-1]["name"]
