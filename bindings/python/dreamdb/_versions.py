"""The part of Dataset that deals with versions, refs and the user's map."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from . import _check, _core
from ._handle import Handle
from .errors import InvalidArgumentError
from .refs import PAGE, paged

Self = TypeVar("Self", bound="Versions")

DESCRIPTION = "description"
FORWARD, UNION = "fast-forward", "union-tracks"
CONFLICTS_MAX = _core.CONFLICTS_MAX


class Versions(Handle):
    """Versions."""

    def snapshot(self, label: str) -> dict[str, str]:
        """Makes the ref `<ref>@<label>`, which never moves; `{'label', 'manifest', 'timeline'}`,
        which `open_at` takes. AlreadyExistsError. 2 waves."""
        self._check_nothing_waits()
        ref = self._core.snapshot(_check.text(label, "label"))
        return {
            "label": ref["name"],
            "manifest": ref["manifest"],
            "timeline": self._core.timeline(),
        }

    def branch(self: Self, new_name: str) -> Self:
        """Makes a branch at the pinned version and opens it. AlreadyExistsError. 2 waves.

        Of a version that is not the tip of its ref (opened by manifest or time, or the ref has
        moved): ConflictError while a collection is under way, which may be about to delete it, and
        NotFoundError when it is gone; 5 more requests. So do `snapshot`, `restore` and `merge`."""
        self._check_nothing_waits()
        branch = type(self)(self._core.branch(_check.text(new_name, "new_name")))
        branch._disk_cache = self._disk_cache
        return branch

    def history(self, max_depth: int = 50) -> list[dict[str, Any]]:
        """The last `max_depth` versions along first parents, newest first: `{'manifest', 'ts_ns',
        'writer', 'parents_count', 'tracks_count', 'operation', 'generation', 'records',
        'parents'}`."""
        depth = _check.integer(max_depth, "max_depth", 0, 2**63 - 1)
        return list(itertools.islice(self.iter_history(), depth))

    def iter_history(self) -> Iterator[dict[str, Any]]:
        """All versions, newest first, read as they are asked for. One request each."""
        stream = self._core.history()
        while (version := stream.next()) is not None:
            yield version

    def version_at(self, depth: int) -> dict[str, Any]:
        """The version `depth` steps from the first one. O(log commits) requests."""
        return self._core.version_at(_check.integer(depth, "depth"))

    def diff(self, other: Any) -> dict[str, Any]:
        """What differs between this version (left) and `other` (right): a Dataset, a ref of this
        store, or a locator.

        `{'left', 'right', 'common_ancestor', 'commits_left', 'commits_right', 'records_left',
        'records_right', 'records_only_left', 'records_only_right', 'fields': {name: {'change',
        'rows_only_left', 'rows_only_right'}}, 'meta_changed'}`.
        """
        if isinstance(other, Versions):
            return self._core.diff(other._core)
        return self._core.diff(self._open_other(_check.text(other, "other"))._core)

    def restore(self, other: Any) -> str:
        """Goes back to what an older version of this branch has, such as a snapshot of it: a
        Dataset, a ref of this store, or a locator. One new version has its records, fields, indexes
        and user map: what was deleted since is there again, what came since is not. No version is
        lost. Returns the manifest. InvalidArgumentError: it is no older version of this branch.
        NotFoundError: it is no snapshot of this branch, and the versions that would tell were
        collected. ConflictError: a collection is under way (see `branch`)."""
        self._check_nothing_waits()
        source = (
            other if isinstance(other, Versions) else self._open_other(_check.text(other, "other"))
        )
        return self._core.restore(source._core)

    def merge(
        self,
        other: Any,
        strategy: str = UNION,
        *,
        dry_run: bool = False,
        conflicts_max: int = CONFLICTS_MAX,
    ) -> Any:
        """Brings to this branch what `other` has: a Dataset, a ref of this store, or a locator.

        The ref moves on where `other` was made from its version; else one new version has what
        either has: records, values, fields, codes, keys of idempotency; what either has deleted is
        deleted. The same bytes at the same anchor are one record. `strategy='fast-forward'` refuses where the ref cannot simply move on.

        Returns the manifest of this ref afterwards. With `dry_run` no ref moves, and the report is
        returned: `{'outcome': 'up-to-date' | 'fast-forward' | 'union' | 'refused', 'target',
        'sources', 'common_ancestor', 'manifest', 'records', 'deleted', 'deleted_values',
        'rows': {field: rows}, 'segments', 'keys', 'fields_added', 'meta_changed', 'conflicts': [{'anchor', 'field', 'target',
        'source', 'source_manifest'}], 'more_conflicts', 'meta_conflicts'}`.

        Raises ConflictError, and changes nothing, where both sides have written different values
        since they parted; the message names anchors, fields and both values, and the error's
        `report` has the first `conflicts_max` of them, a few hundred bytes each;
        `Conflicts(error.report['conflicts'])` is them for Arrow. Reads pages that differ, and
        values only where both wrote the same field at the same anchors. OutOfRangeError:
        `conflicts_max` below 1.
        """
        return self._merge([other], strategy, dry_run, conflicts_max)

    def merge_many(
        self,
        others: Sequence[Any],
        strategy: str = UNION,
        *,
        dry_run: bool = False,
        conflicts_max: int = CONFLICTS_MAX,
    ) -> Any:
        """As `merge`, of many at once: one version with all of them as parents. Conflicts are those
        of the first that has any."""
        return self._merge(list(others), strategy, dry_run, conflicts_max)

    def _merge(self, others: list[Any], strategy: str, dry_run: bool, conflicts_max: int) -> Any:
        self._check_nothing_waits()
        if strategy not in (FORWARD, UNION):
            raise InvalidArgumentError(
                f"strategy is {FORWARD!r} or {UNION!r}, not {strategy!r}"
            )
        sources = [
            other if isinstance(other, Versions) else self._open_other(_check.text(other, "other"))
            for other in others
        ]
        report = self._core.merge(
            [source._core for source in sources],
            bool(dry_run),
            strategy == FORWARD,
            _check.integer(conflicts_max, "conflicts_max", 1),
        )
        return report if dry_run else report["manifest"]

    def current_manifest(self) -> str:
        """Address of the pinned version, 53 characters."""
        return self._core.manifest()

    def ref_name(self) -> str:
        """Name of the ref; `@<manifest>` for a handle opened by manifest or time."""
        return self._core.ref_name()

    def timeline(self) -> str:
        """Address of the timeline that anchors count on."""
        return self._core.timeline()

    def list_refs(self, prefix: str = "") -> list[str]:
        """Names of all branches and snapshots of the store, ascending."""
        return [ref["name"] for ref in self.iter_refs(prefix)]

    def iter_refs(self, prefix: str = "") -> Iterator[dict[str, Any]]:
        """`{'name', 'manifest', 'snapshot', 'ts_ns'}` of each ref of the store, ascending by
        name."""
        core = self._core
        _check.text(prefix, "prefix")
        return paged(lambda after: core.list_refs(prefix, after, PAGE))

    def delete_ref(self, name: str) -> None:
        """Deletes a branch or snapshot, a snapshot of main also by its label alone; its data stays
        until it is collected. NotFoundError."""
        self._core.delete_ref(_check.text(name, "name"))

    # ---- the user's map

    def meta(self) -> dict[str, str]:
        """The user's map of this version."""
        return self._core.meta()

    def set_meta(self, key: str, value: str) -> None:
        """Sets one entry of the user's map. One commit."""
        self._check_nothing_waits()
        self._core.set_meta(_check.text(key, "key"), _check.text(value, "value"))

    def set_application(self, name: str, revision: str = "") -> None:
        """Name the program that writes through this handle.

        It stands in the `writer` of the versions made from now on (see `history`).
        Raises InvalidArgumentError for more than 256 bytes or control characters. No request.
        """
        self._core.set_application(_check.text(name, "name"), _check.text(revision, "revision"))

    def remove_meta(self, key: str) -> None:
        """Removes one entry of the user's map. One commit."""
        self._check_nothing_waits()
        self._core.remove_meta(_check.text(key, "key"))

    def set_description(self, text: str) -> None:
        """Sets the entry `description` of the user's map. One commit."""
        self.set_meta(DESCRIPTION, _check.text(text, "text"))

    def description(self) -> str | None:
        """The entry `description` of the user's map; None when there is none."""
        return self._core.meta().get(DESCRIPTION)

    def refresh(self) -> bool:
        """Moves the handle to the tip of its ref; True if it moved. At most 2 waves."""
        return self._core.refresh()

    def _open_other(self, name: str) -> Versions:
        raise NotImplementedError
