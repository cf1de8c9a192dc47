"""The part of Dataset that deals with spatial indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _check
from ._handle import Handle


class Indexing(Handle):
    """Spatial indexes of embeddings: with one, a search reads the cells near a query and not every
    vector. Appends keep it fresh; branches and snapshots have that of their version."""

    def reindex(
        self,
        field: str,
        algorithm: str | None = None,
        cells: int | None = None,
        bits: int | None = None,
        seed: int | None = None,
        progress: Callable[[str, int, int], Any] | None = None,
        *,
        train_only: bool = False,
        shard: tuple[int, int] | None = None,
        commit_rows: int | None = None,
    ) -> dict[str, Any]:
        """Builds the index of the embedding `field` over the pinned version, or builds it anew, and
        commits it; what `indexes` says of it.

        `algorithm`: 'dreamdb.ivf-cosine', 'dreamdb.ivf-ip' or 'dreamdb.ivf-l2'; by default the one
        of the distance that the field's own algorithm names. Made faster, finding less for as many
        cells: 'dreamdb.imi-cosine' (every pair of centroids of the two halves of the dimensions;
        also the default of a field of this name) and 'dreamdb.lsh-cosine' (on which sides of
        hyperplanes a vector lies; a power of two of cells). `cells`: into how many the vectors are
        sorted, 1 to the number of rows; by default 1 below 50,000 rows, else the greater of
        sqrt(rows) and rows / 4096. `bits`: of a code, for each dimension, 1 (the default) to 8. The
        same `seed` (by default 0) and rows make the same index.

        Many workers build one together: one calls this with `train_only`, then each of m workers
        with `shard=(i, m)`, i from 0 to m - 1. Training commits an index without codes; what has
        none is searched exactly meanwhile, also if there was an index before; where that must go on
        serving, train and encode on a branch and `take_index` from there. A shard encodes what has
        no code and falls to it, and commits whenever it has the codes of `commit_rows` rows (by
        default 16,777,216): stopped, or given twice, it goes on with what is left. It takes what
        was trained from the index, so it goes without the options above.

        `progress(stage, done, of)` is called now and then in the calling thread, `stage` being
        'sample', 'train', 'encode', 'measure' or 'write'; `of` counts rows. False ends the call
        with CancelledError; so does Ctrl-C, with KeyboardInterrupt, and nothing is changed but what
        a shard has committed.

        Errors: InvalidArgumentError (no embedding, no rows yet, more cells than rows, an unknown
        algorithm; a multi-index of fewer than 4 cells or of one dimension, hyperplanes in fewer
        than 3; no such shard, a shard with options of the training); NotFoundError (a shard before
        the training); ConflictError (the index was dropped or another one built meanwhile). Cost:
        reads the field twice at most; memory does not grow with it, codes on their way stand in
        TMPDIR when they are many (about 100 bytes a row)."""
        self._check_nothing_waits()
        name = _check.optional_text(algorithm, "algorithm")
        _check.function(progress, "progress", "stage, done, of")
        return self._core.reindex(
            _check.text(field, "field"),
            name or "",
            0 if cells is None else _check.integer(cells, "cells", 1),
            None if bits is None else _check.integer(bits, "bits", 1, 8),
            None if seed is None else _check.integer(seed, "seed"),
            _check.flag(train_only, "train_only"),
            _check.shard(shard),
            None if commit_rows is None else _check.integer(commit_rows, "commit_rows", 1),
            progress,
        )

    def take_index(self, field: str, ref: str) -> dict[str, Any]:
        """Puts the index that `field` has on `ref`, a branch or snapshot of this dataset, in place
        of its own, and commits it: one that is built on a branch is not in the way of searches
        here. What `indexes` says of it. Rows that are here alone are searched exactly until
        `reindex(field, shard=(0, 1))` encodes them.

        NotFoundError: no such ref, or no index there. InvalidArgumentError: another dataset.
        ConflictError: the index has codes of rows that are not here, or the branch has changed more
        than the index; `merge` it then. Nothing is copied or encoded."""
        self._check_nothing_waits()
        return self._core.take_index(_check.text(field, "field"), _check.text(ref, "ref"))

    def drop_index(self, field: str) -> None:
        """Drops the index of `field`: searches compare every vector again. One commit.
        NotFoundError when it has none."""
        self._check_nothing_waits()
        self._core.drop_index(_check.text(field, "field"))

    def indexes(self) -> list[dict[str, Any]]:
        """The indexes of this version: `{'field', 'algorithm', 'address', 'cells', 'bits',
        'trained', 'segments', 'codes', 'uncovered', 'bytes', 'recall'}`.

        `trained`: rows that it was trained on, 0 for one cell. `codes`: rows that have a code, in
        `segments`; `uncovered`: rows that have none and are searched exactly. `bytes`: of codes and
        parameters. `recall`: list of (cells read for a query, recall@10 measured with so many), by
        which `search(recall=...)` chooses. CorruptionError: the index is damaged. 2 waves for each
        that was not used before."""
        return self._core.indexes()
