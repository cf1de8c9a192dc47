"""The part of Dataset that compares, checks and mends versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import _check, _core
from ._handle import Handle


def join_fingerprints(parts: Sequence[str]) -> str:
    """The fingerprint of all records from the parts of all shards: `fingerprint_part(shard)` of
    each. InvalidArgumentError."""
    return _core.join_fingerprints([_check.text(part, "part") for part in parts])["fingerprint"]


class Upkeep(Handle):
    """Fingerprints, verify and repair."""

    def fingerprint(self, progress: Callable[[int], Any] | None = None) -> str:
        """64 digits that are the same for two versions exactly when they have the same anchors with
        the same values of the same fields, whatever their histories are.

        Reads every value once; memory does not grow with the dataset. `progress(done)` is called
        now and then with records; False ends the call with CancelledError."""
        _check.function(progress, "progress", "done")
        return _core.fingerprint(self._core, None, progress)["fingerprint"]

    def fingerprint_part(
        self, shard: tuple[int, int], progress: Callable[[int], Any] | None = None
    ) -> str:
        """One worker's share of `fingerprint`: `shard` is (i, m), i from 0 to m - 1. The parts of
        all m make the fingerprint: `dreamdb.join_fingerprints(parts)`."""
        _check.function(progress, "progress", "done")
        return _core.fingerprint(self._core, _check.shard(shard), progress)["part"]

    def verify(
        self,
        data: bool = False,
        sample: float = 1.0,
        *,
        all_refs: bool = False,
        shard: tuple[int, int] | None = None,
        progress: Callable[[int, int, int], Any] | None = None,
    ) -> dict[str, Any]:
        """Looks for all damage in the pinned version: in its manifest and the versions that its jump
        list names, every page, and the footer of every segment; with `data` in every byte, or in
        those of the part `sample` of the segments, always the same, and whether each anchor is that
        of one record. `all_refs`: of every branch and snapshot of the store too.

        `{'versions', 'versions_gone', 'pages', 'segments', 'segments_whole', 'bytes', 'damages': [{'key', 'kind',
        'what', 'field', 'first', 'last'}], 'damage_count'}`, with the first thousand damages. `kind`
        is 'missing' (the object is not there), 'damaged' (its bytes are not those that its name
        says) or 'wrong' (it says what cannot be); `first` and `last` tell where the anchors lie.

        Changes nothing and raises nothing for damage. What handles or a disk cache keep is not
        trusted; what seems damaged is read twice. Of m workers each looks at its share of the
        segments with `shard=(i, m)`, and tells of other damage than the others.
        `progress(segments, segments_all, bytes)` is called now and then; False ends the call with
        CancelledError."""
        _check.function(progress, "progress", "segments, segments_all, bytes")
        return _core.verify(
            self._core,
            _check.flag(data, "data"),
            _check.part(sample, "sample"),
            _check.flag(all_refs, "all_refs"),
            _check.shard(shard),
            progress,
        )

    def repair(
        self,
        dry_run: bool = False,
        *,
        data: bool = True,
        on_lost: Callable[[str, str, int, int, int, Any], Any] | None = None,
        progress: Callable[[int, int, int], Any] | None = None,
    ) -> dict[str, Any]:
        """Publishes a version of this branch without what is missing or damaged of it: segments as
        a whole, pages with all below. Records that have values left stay. Restore the objects from
        a copy of the store first, where there is one. No object is deleted, and the version before
        stays.

        `{'outcome': 'clean' | 'repaired' | 'planned', 'manifest', 'pages_lost', 'segments_lost',
        'records_lost', 'records_kept', 'rows_uncovered', 'indexes_dropped', 'lists_cut', 'found':
        what verify says}`; 'planned' with `dry_run`. `on_lost(key, field, first, last, rows,
        anchors)` gets all that is lost, in pieces of at most 65,536 rows: `field` is '(records)'
        for records with all they had, `anchors` an array, or None where nothing tells more than
        that they lie from `first` to `last`. Without `data` only pages and footers are looked at.
        Where a value is lost that had replaced another, the other shows again.

        DeniedError on snapshots and pinned handles."""
        self._check_nothing_waits()
        _check.function(on_lost, "on_lost", "key, field, first, last, rows, anchors")
        _check.function(progress, "progress", "segments, segments_all, bytes")
        return _core.repair(
            self._core,
            _check.flag(dry_run, "dry_run"),
            _check.flag(data, "data"),
            on_lost,
            progress,
        )
