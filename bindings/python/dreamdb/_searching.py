"""The part of Dataset that finds records like a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._handle import Handle
from ._reading import _names, _positive
from .anchors import check_window
from .errors import InvalidArgumentError, WrongTypeError
from .where import to_where

DISTANCES = {
    "cosine": "cosine",
    "inner_product": "inner_product",
    "ip": "inner_product",
    "dot": "inner_product",
    "l2": "l2",
}
RERANK_MODES = ("inherit", "approximate", "exact")


class Searching(Handle):
    """Vector search."""

    def iter_vector(
        self,
        field: str,
        query: Any,
        top_k: int,
        batch_size: int = 64,
        where_eq: Mapping[str, Any] | None = None,
        where: Any = None,
        as_numpy: bool = False,
        nprobe: int | None = None,
        fields: Sequence[str] | None = None,
        spec_id: Any = None,
        rerank_pool_size: int | None = None,
        rerank_mode: str = "inherit",
        *,
        distance: str | None = None,
        start_ns: int = 0,
        end_ns: int | None = None,
    ) -> list[Any]:
        """The min(top_k, matches) records whose vectors in `field` are nearest to `query`, best
        first.

        `query`: [dim] numbers; the answer is a list of batches `{field: column, ...,
        "_time_anchors", "_score"}` of at most `batch_size` rows. [n, dim]: a list of n such lists.
        `_score` is the cosine similarity, the inner product or the squared L2 `distance` ('cosine',
        'inner_product', 'l2'); by default what the field's algorithm names. `fields` (default: all)
        restricts the columns; the vector itself is always among them. `where`, `where_eq`,
        `as_numpy`: as for `iter_stream`.

        Search is exact: `nprobe`, `spec_id`, `rerank_pool_size` and `rerank_mode` are checked and
        have no effect. Errors: InvalidArgumentError for a field that is no embedding, another dim,
        NaN. Cost: reads all vectors that the filter leaves."""
        import numpy as np

        schema = self.schema
        if field not in schema:
            raise InvalidArgumentError(
                f"field `{field}` not in schema, which has "
                + ", ".join(f"`{name}`" for name in schema.names)
            )
        _check_options(top_k, nprobe, rerank_pool_size, rerank_mode)
        dim = schema[field].dim
        if dim is None:
            raise InvalidArgumentError(f"field `{field}` is {schema[field].type}, not an embedding")
        queries = _queries(np, query, dim)
        names = _names(fields)
        if names is not None and field not in names:
            names.append(field)
        first, last = check_window(start_ns, end_ns)
        chosen = to_where(schema, where, where_eq)
        rows = _positive(batch_size, "batch_size")
        if top_k == 0 or len(queries) == 0:
            results: list[Any] = [[] for _ in range(len(queries))]
        else:
            hits = self._core.search(
                field,
                queries,
                len(queries),
                top_k,
                _distance(distance, schema[field].algorithm),
                chosen,
                names,
                first,
                last,
            )
            results = [_batches(batch, scores, rows, as_numpy) for batch, scores in hits]
        return results if np.ndim(query) == 2 else results[0]


def _check_options(
    top_k: int, nprobe: int | None, rerank_pool_size: int | None, rerank_mode: str
) -> None:
    if top_k < 0:
        raise InvalidArgumentError(f"top_k must be >= 0, not {top_k}")
    if nprobe is not None and nprobe < 1:
        raise InvalidArgumentError(f"nprobe (probe_count) must be >= 1, not {nprobe}")
    if rerank_mode not in RERANK_MODES:
        raise InvalidArgumentError(
            f"unknown rerank_mode `{rerank_mode}` (use {', '.join(RERANK_MODES)})"
        )
    if rerank_pool_size is not None and rerank_pool_size < top_k:
        raise InvalidArgumentError(
            f"rerank_pool_size {rerank_pool_size} is less than top_k {top_k}"
        )


def _queries(np: Any, query: Any, dim: int) -> Any:
    """[n, dim] float32, contiguous."""
    try:
        array = np.asarray(query)
    except ValueError:
        raise InvalidArgumentError("the queries have different lengths") from None
    if array.dtype.kind not in "biuf":
        raise WrongTypeError(f"a query is a list or array of numbers, not {array.dtype}")
    if array.ndim not in (1, 2):
        raise InvalidArgumentError(f"a query is [dim] or [n, dim], not of shape {array.shape}")
    if array.shape[-1] != dim:
        raise InvalidArgumentError(
            f"schema mismatch: query dim {array.shape[-1]} != schema dim {dim}"
        )
    return np.ascontiguousarray(np.atleast_2d(array), np.float32)


def _distance(distance: str | None, algorithm: str) -> str:
    if distance is None:
        return "l2" if algorithm.endswith("-l2") else "cosine"
    if distance not in DISTANCES:
        raise InvalidArgumentError(f"unknown distance `{distance}` (use cosine, inner_product, l2)")
    return DISTANCES[distance]


def _batches(batch: Any, scores: Any, rows: int, as_numpy: bool) -> list[dict[str, Any]]:
    columns = batch.to_dict(as_numpy)
    columns["_score"] = scores if as_numpy else scores.tolist()
    return [
        {name: column[start : start + rows] for name, column in columns.items()}
        for start in range(0, len(batch), rows)
    ]
