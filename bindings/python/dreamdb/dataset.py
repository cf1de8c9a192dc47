"""Dataset: a handle pinned to one version of one ref of a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from . import _check, _core
from ._compacting import Compacting
from ._deleting import Deleting
from ._fielding import Fielding
from ._indexing import Indexing
from ._locator import locator, private_memory
from ._reading import Reading
from ._searching import Searching
from ._upkeep import Upkeep
from ._versions import Versions
from .errors import InvalidArgumentError, NotFoundError
from .refs import iter_refs
from .schema import Schema

CACHE_BYTES = _core.CACHE_BYTES
BY_ENVIRONMENT = ("", 0)  # the disk cache that the environment names, if it names one


class Dataset(Reading, Searching, Indexing, Deleting, Fielding, Versions, Compacting, Upkeep):
    """Records at anchors, versioned, on a store.

    What a handle reads never changes under it; its own writes move it, `refresh` follows those of
    others. Reads may run in any number of threads; each call releases the GIL and ends on Ctrl-C. A
    handle works in a child after fork, and pickles as its locator and version.

    Locators: `file:///data/pets@v1`, `memory://pets`, `./pets`; the ref is `main` when left out.
    """

    # ---- opening

    @classmethod
    def create(
        cls,
        name: str,
        schema: Schema,
        backend: str = "",
        *,
        origin_ns: int = 0,
        cache_bytes: int = CACHE_BYTES,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | str | None = None,
    ) -> Dataset:
        """Makes an empty dataset: `create("main", schema, backend="file:///data/pets")` or
        `create("file:///data/pets@main", schema)`. `memory://` without a name is private to the
        handle. AlreadyExistsError. 3 waves. `origin_ns`: Unix time of anchor 0. The caches: see
        `open`."""
        if not isinstance(schema, Schema):
            raise _check.wrong_type("schema", "a dreamdb.Schema", schema)
        origin = _check.integer(origin_ns, "origin_ns", -(2**63), 2**63 - 1)
        memory = _check.integer(cache_bytes, "cache_bytes")
        where = private_memory(locator(name, private_memory(backend)))
        disk = _disk_cache(cache_dir, cache_size)
        core = _core.Dataset.create(where, schema._core, origin, memory, *disk)
        return cls._cached(core, disk)

    @classmethod
    def open(
        cls,
        name: str,
        schema: Schema | None = None,
        backend: str = "",
        *,
        manifest: str | None = None,
        time_ns: int | None = None,
        cache_bytes: int = CACHE_BYTES,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | str | None = None,
    ) -> Dataset:
        """Opens the tip of a branch or a snapshot: `open("main", backend="file:///data/pets")` or
        `open("file:///data/pets@v1")`, where `v1` also finds the snapshot `main@v1`.

        `manifest` opens that version, `time_ns` (Unix) the newest one not younger; such handles are
        read-only. `schema`: what is expected; another one is an InvalidArgumentError.
        NotFoundError. 2 waves.

        `cache_bytes`: of memory. `cache_dir`: a folder on a local disk that keeps what is read of
        the store, for all processes that name it; `cache_size`: its bound in bytes, or a text like
        "20GB" (the default). Without `cache_dir` the variables `DREAMDB_CACHE` and
        `DREAMDB_CACHE_SIZE` count. Worth it where requests take long or cost money."""
        disk = _disk_cache(cache_dir, cache_size)
        where = locator(name, backend)
        address = _check.optional_text(manifest, "manifest")
        time = None if time_ns is None else _check.integer(time_ns, "time_ns", -(2**63), 2**63 - 1)
        memory = _check.integer(cache_bytes, "cache_bytes")
        if schema is not None and not isinstance(schema, Schema):
            raise _check.wrong_type("schema", "a dreamdb.Schema", schema)
        return cls._cached(
            _core.Dataset.open(where, address, time, memory, *disk), disk
        )._expect(schema)

    @classmethod
    def open_ref(
        cls,
        ref_name: str,
        backend: str,
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | str | None = None,
    ) -> Dataset:
        """Opens a branch or snapshot by name; `v1` also finds the snapshot `v1` of `main`, or of
        the only branch that has one. `cache_dir`, `cache_size`: as of `open`."""
        disk = _disk_cache(cache_dir, cache_size)
        try:
            where = locator(ref_name, backend)
            return cls._cached(
                _core.Dataset.open(where, None, None, CACHE_BYTES, *disk), disk
            )
        except NotFoundError:
            if "@" in ref_name:
                raise
            found = [
                ref["name"]
                for ref in iter_refs(backend)
                if ref["snapshot"] and ref["name"].endswith(f"@{ref_name}")
            ]
            if len(found) > 1:
                raise InvalidArgumentError(
                    f"snapshot `{ref_name}` is ambiguous: choose one of " + ", ".join(found)
                ) from None
            if not found:
                raise
            where = locator(found[0], backend)
            return cls._cached(
                _core.Dataset.open(where, None, None, CACHE_BYTES, *disk), disk
            )

    @classmethod
    def open_at(
        cls,
        version: dict[str, Any],
        backend: str,
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | str | None = None,
    ) -> Dataset:
        """Opens what `snapshot` or `history` returned. When its `label` has moved on or is gone,
        the handle is pinned to its `manifest` and read-only. `cache_dir`, `cache_size`: as of
        `open`."""
        disk = _disk_cache(cache_dir, cache_size)
        if not isinstance(version, Mapping):
            raise _check.wrong_type("version", "what snapshot() or history() returned", version)
        label, manifest = version.get("label"), version.get("manifest")
        if not label and not manifest:
            raise InvalidArgumentError("a version has a 'label', a 'manifest', or both")
        if label:
            try:
                where = locator(str(label), backend)
                found = _core.Dataset.open(where, None, None, CACHE_BYTES, *disk)
                if manifest is None or found.manifest() == manifest:
                    return cls._cached(found, disk)
            except NotFoundError:
                if manifest is None:
                    raise
        return cls.open_by_manifest(
            str(manifest), backend, cache_dir=cache_dir, cache_size=cache_size
        )

    @classmethod
    def open_by_manifest(
        cls,
        manifest_hash: str,
        backend: str,
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | str | None = None,
    ) -> Dataset:
        """Opens a version by its address; the handle is read-only. `cache_dir`, `cache_size`: as of
        `open`. InvalidArgumentError: not an address; NotFoundError: no such version."""
        disk = _disk_cache(cache_dir, cache_size)
        where = locator("main", backend)
        _check.text(manifest_hash, "manifest_hash")
        return cls._cached(_core.Dataset.open(where, manifest_hash, None, CACHE_BYTES, *disk), disk)

    @classmethod
    def _cached(cls, core: _core.Dataset, disk: tuple[str, int]) -> Dataset:
        """A handle whose other versions open with the same disk cache."""
        dataset = cls(core)
        dataset._disk_cache = disk
        return dataset

    def close(self) -> None:
        """Lets go of the store; rows kept by `append_many(commit=False)` are dropped. Streams that
        are open go on."""
        self._open_core = None
        self._pending = None

    def __enter__(self) -> Dataset:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ---- what it is

    @property
    def locator(self) -> str:
        """`URL@ref`."""
        return self._core.locator()

    @property
    def is_snapshot(self) -> bool:
        """True when the ref never moves."""
        return self._core.is_snapshot()

    @property
    def generation(self) -> int:
        """1 + the largest generation of the parents; 0 for the first version."""
        return self._core.generation()

    def __repr__(self) -> str:
        if self._open_core is None:
            return "<Dataset (closed)>"
        return f"<Dataset {self.locator} at {self.current_manifest()[:12]}..., {len(self)} records>"

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_nothing_waits()
        core = self._core
        return _unpickle, (core.store_url(), core.ref_name(), core.manifest(), self._disk_cache)

    def _expect(self, schema: Schema | None) -> Dataset:
        if schema is not None and schema != self.schema:
            raise InvalidArgumentError(
                f"schema mismatch: supplied Schema disagrees with that of {self.locator}.\n"
                f"Supplied: {schema!r}\nStored: {self.schema!r}"
            )
        return self

    def _open_other(self, name: str) -> Dataset:
        where = name if "://" in name else f"{self._core.store_url()}@{name}"
        return Dataset(_core.Dataset.open(where, None, None, CACHE_BYTES, *self._disk_cache))


def _disk_cache(
    folder: str | os.PathLike[str] | None, size: int | str | None
) -> tuple[str, int]:
    """Folder and bytes as the core takes them."""
    if folder is not None and not _check.path(folder, "cache_dir"):
        raise InvalidArgumentError("cache_dir is an empty path; leave it out for no disk cache")
    if isinstance(size, str):
        size = _core.parse_size(size)
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
        raise InvalidArgumentError(
            f'cache_size is a number of bytes above 0 or a text like "20GB", not {size!r}'
        )
    return "" if folder is None else os.path.abspath(os.fspath(folder)), size or 0


def _unpickle(
    url: str, ref: str, manifest: str, disk: tuple[str, int] = BY_ENVIRONMENT
) -> Dataset:
    """The same version again: through its ref while that still stands there, else pinned to it."""
    dataset = None
    if not ref.startswith("@"):
        try:
            found = _core.Dataset.open(f"{url}@{ref}", None, None, CACHE_BYTES, *disk)
            if found.manifest() == manifest:
                dataset = Dataset(found)
        except NotFoundError:
            pass
    if dataset is None:
        dataset = Dataset(_core.Dataset.open(url, manifest, None, CACHE_BYTES, *disk))
    dataset._disk_cache = disk
    return dataset
