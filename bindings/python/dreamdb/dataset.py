"""Dataset: a handle pinned to one version of one ref of a store."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from . import _core
from ._fielding import Fielding
from ._locator import locator, private_memory
from ._reading import Reading
from ._searching import Searching
from ._versions import Versions
from .errors import InvalidArgumentError, NotFoundError
from .refs import iter_refs
from .schema import Schema

CACHE_BYTES = _core.CACHE_BYTES


class Dataset(Reading, Searching, Fielding, Versions):
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
    ) -> Dataset:
        """Makes an empty dataset: `create("main", schema, backend="file:///data/pets")` or
        `create("file:///data/pets@main", schema)`. `memory://` without a name is private to the
        handle. AlreadyExistsError. 3 waves. `origin_ns`: Unix time of anchor 0."""
        if not isinstance(schema, Schema):
            raise InvalidArgumentError(f"schema is a dreamdb.Schema, not {type(schema).__name__}")
        where = locator(name, private_memory(backend))
        return cls(
            _core.Dataset.create(private_memory(where), schema._core, origin_ns, cache_bytes)
        )

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
    ) -> Dataset:
        """Opens the tip of a branch or a snapshot: `open("main", backend="file:///data/pets")` or
        `open("file:///data/pets@v1")`, where `v1` also finds the snapshot `main@v1`.

        `manifest` opens that version, `time_ns` (Unix) the newest one not younger; such handles are
        read-only. `schema`: what is expected; another one is an InvalidArgumentError.
        NotFoundError. 2 waves."""
        return cls(_open(locator(name, backend), manifest, time_ns, cache_bytes))._expect(schema)

    @classmethod
    def open_ref(cls, ref_name: str, backend: str) -> Dataset:
        """Opens a branch or snapshot by name; `v1` also finds the snapshot `v1` of `main`, or of
        the only branch that has one."""
        try:
            return cls(_open(locator(ref_name, backend), None, None, CACHE_BYTES))
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
            return cls(_open(locator(found[0], backend), None, None, CACHE_BYTES))

    @classmethod
    def open_at(cls, version: dict[str, Any], backend: str) -> Dataset:
        """Opens what `snapshot` or `history` returned. When its `label` has moved on or is gone,
        the handle is pinned to its `manifest` and read-only."""
        label, manifest = version.get("label"), version.get("manifest")
        if not label and not manifest:
            raise InvalidArgumentError("a version has a 'label', a 'manifest', or both")
        if label:
            try:
                found = _open(locator(str(label), backend), None, None, CACHE_BYTES)
                if manifest is None or found.manifest() == manifest:
                    return cls(found)
            except NotFoundError:
                if manifest is None:
                    raise
        return cls.open_by_manifest(str(manifest), backend)

    @classmethod
    def open_by_manifest(cls, manifest_hash: str, backend: str) -> Dataset:
        """Opens a version by its address; the handle is read-only. InvalidArgumentError: not an
        address; NotFoundError: no such version."""
        return cls(_core.Dataset.open(locator("main", backend), manifest_hash, None, CACHE_BYTES))

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
        return _unpickle, (self._core.store_url(), self._core.ref_name(), self._core.manifest())

    def _expect(self, schema: Schema | None) -> Dataset:
        if schema is not None and schema != self.schema:
            raise InvalidArgumentError(
                f"schema mismatch: supplied Schema disagrees with that of {self.locator}.\n"
                f"Supplied: {schema!r}\nStored: {self.schema!r}"
            )
        return self

    def _open_other(self, name: str) -> Dataset:
        if "://" in name:
            return Dataset.open(name)
        return Dataset.open(f"{self._core.store_url()}@{name}")


def _open(where: str, manifest: str | None, time_ns: int | None, cache_bytes: int) -> _core.Dataset:
    """Opens a locator; a snapshot of `main` is found by its label alone."""
    try:
        return _core.Dataset.open(where, manifest, time_ns, cache_bytes)
    except NotFoundError:
        head, separator, ref = where.rpartition("@")
        if not separator or "@" in head.partition("://")[2] or "/" in ref:
            raise
        try:
            return _core.Dataset.open(f"{head}@main@{ref}", manifest, time_ns, cache_bytes)
        except NotFoundError:
            pass
        raise


def _unpickle(url: str, ref: str, manifest: str) -> Dataset:
    """The same version again: through its ref while that still stands there, else pinned to it."""
    if not ref.startswith("@"):
        try:
            found = _core.Dataset.open(f"{url}@{ref}", None, None, CACHE_BYTES)
            if found.manifest() == manifest:
                return Dataset(found)
        except NotFoundError:
            pass
    return Dataset(_core.Dataset.open(url, manifest, None, CACHE_BYTES))
