"""Collecting what no version of a store needs any more, and the sessions of who is at work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import _check, _core
from ._locator import store_url

SECOND_NS = 10**9
MEMORY_BYTES = 128 << 20


def gc(
    backend: str,
    keep_manifests: int | None = 10,
    keep_since_secs: float = 0,
    dry_run: bool = True,
    *,
    roots: Iterable[str] | None = None,
    writers_paused: bool = False,
    shard: int = 0,
    of: int = 1,
    memory_bytes: int = MEMORY_BYTES,
    as_dict: bool = False,
) -> dict[str, Any] | None:
    """Deletes what no version at `backend` needs any more; with `dry_run`, as long as it is not
    switched off, tells what it would delete and writes nothing.

    Of each branch's history stay the last `keep_manifests` versions, and those that were the tip
    within `keep_since_secs` seconds, whichever is more; all of it with `keep_manifests=None`. Tips
    and snapshots stay always, and the versions that `roots` names (53 characters each). What is
    younger than an hour, or than the work of a live writer, is left alone, and so is every key that
    is none of DreamDB's. Safe beside writers, readers and other collections, so `writers_paused`
    makes no difference; stopped anywhere, call it again. `shard` of `of` workers does its part.

    Prints the totals and returns None; with `as_dict` prints nothing and returns `{'listed',
    'live', 'condemned', 'protected', 'unknown', 'deleted': {'objects', 'bytes'}, 'dry_run', 'refs',
    'versions', 'sessions', 'fenced', 'epochs', 'rounds', 'older_than_ns', 'kinds'}`, where listed =
    live + condemned + protected + unknown.

    Raises CorruptionError, before anything is deleted, when something that a ref leads to cannot be
    read.
    """
    _check.flag(writers_paused, "writers_paused")
    last = (
        None if keep_manifests is None else _check.integer(keep_manifests, "keep_manifests", 1)
    )
    if isinstance(keep_since_secs, (bool, str, bytes)) or not hasattr(keep_since_secs, "__float__"):
        raise _check.wrong_type("keep_since_secs", "a number of seconds", keep_since_secs)
    span_ns = _check.integer(int(float(keep_since_secs) * SECOND_NS), "keep_since_secs")
    report = _core.gc(
        store_url(backend),
        last,
        span_ns if last is not None and span_ns > 0 else None,
        _check.names(roots, "roots") or [],
        _check.flag(dry_run, "dry_run"),
        _check.integer(shard, "shard"),
        _check.integer(of, "of", 1),
        _check.integer(memory_bytes, "memory_bytes", 1),
    )
    if as_dict:
        return report
    for name in ("listed", "live", "condemned", "protected", "unknown", "deleted"):
        print(f"{name:10} {report[name]['objects']:>12,} objects {report[name]['bytes']:>18,} bytes")
    return None


def list_sessions(backend: str) -> list[dict[str, Any]]:
    """Who is at work on the store, by id: `{'id', 'state': 'live' | 'expired' | 'fenced', 'role',
    'ref', 'host', 'process', 'program', 'start_ns', 'beat_ns', 'pins'}`."""
    return _core.list_sessions(store_url(backend))


def fence_sessions(backend: str, id: str | None = None) -> int:
    """Ends the session `id`, live or not, or all that have not been heard of for 20 minutes; how
    many were. Its writer commits nothing more of what it has put. NotFoundError."""
    return _core.fence_sessions(store_url(backend), _check.optional_text(id, "id"))
