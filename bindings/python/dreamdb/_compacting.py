"""The part of Dataset that makes large segments of small ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _check
from ._handle import Handle


class Compacting(Handle):
    """Small segments become large ones."""

    def compact(
        self,
        *,
        dry_run: bool = False,
        purge: bool = False,
        shard: tuple[int, int] | None = None,
        commit_bytes: int | None = None,
        segment_bytes: int | None = None,
        progress: Callable[[str, int, int], Any] | None = None,
    ) -> dict[str, Any]:
        """Makes few large segments of many small ones, in every field, in the scalar columns and in
        the codes of indexes, and commits. Records and values stay the same; older versions, and
        whoever reads them, are not touched. Others may append, delete and merge meanwhile.

        Returns `{'manifest', 'commits', 'given_up', 'tracks': [{'name', 'codes', 'segments',
        'segments_read', 'segments_written', 'bytes_read', 'bytes_written', 'rows_read',
        'rows_written'}]}`: the manifest of the ref afterwards, and the tracks that something was
        done in, `segments` being how many they had. `given_up`: pieces of work whose segments
        others have changed meanwhile.

        `dry_run` plans and changes nothing. `purge` also writes every segment anew that holds
        deleted values, without them. `shard=(i, m)` does the part of one of m workers. It commits
        whenever `commit_bytes` (by default 4 GiB) have been read: stopped, the next call goes on.
        `segment_bytes`: of a full segment, 64 MiB by default; what is less than half is small.
        `progress(stage, done, of)` is called now and then in the calling thread, `done` and `of`
        being bytes of the segments that were looked at, and of all. False ends the call with
        CancelledError; so does Ctrl-C, with KeyboardInterrupt. Memory does not grow with the data;
        a purge takes some 500 bytes for each segment of a track, once the small ones are joined."""
        self._check_nothing_waits()
        _check.function(progress, "progress", "stage, done, of")
        return self._core.compact(
            _check.flag(dry_run, "dry_run"),
            _check.flag(purge, "purge"),
            _check.shard(shard),
            None if commit_bytes is None else _check.integer(commit_bytes, "commit_bytes", 1),
            None if segment_bytes is None else _check.integer(segment_bytes, "segment_bytes", 1),
            progress,
        )
