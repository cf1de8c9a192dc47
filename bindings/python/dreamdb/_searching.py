"""The part of Dataset that finds records like a vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import _check, _core
from ._handle import Handle
from .anchors import check_window
from .errors import InvalidArgumentError, NotFoundError, WrongTypeError
from .schema import Schema
from .where import to_where

DISTANCES = {
    "cosine": "cosine",
    "inner_product": "inner_product",
    "ip": "inner_product",
    "dot": "inner_product",
    "l2": "l2",
}
ANY = -(2**63)
RERANK_MODES = ("inherit", "approximate", "exact")


class SearchAnswer:
    """What `Dataset.search` found, and how.

    `hits`: batches `{field: column, ..., "_time_anchors", "_score"}`, best first; for queries
    [n, dim] n such lists.

    `report`: a dict. `manifest`: the version searched. `algorithm`: of the index that was used,
    None when every row was compared. `reason`: why no index was used, or not for all rows, else
    None: 'exact' was asked for; the field has 'no_index', or one for an 'other_distance';
    'few_matches' of the filter were compared at once; there are 'uncovered_rows', which the index
    does not know; 'nothing_to_find': no query, `top_k` is 0, or no row is in the range.
    `covered`: part of the field's rows that the index knows.
    `probes`: the most cells that one query read (more than at first where they held too few rows
    that match, or fewer than elsewhere) and `recall`: recall@10 measured with so many over all rows
    when the index was built. For all queries
    together: `cells` read, `codes` in them, `candidates` that the codes left in doubt, rows
    `reranked` because of that and rows `scanned` that the index does not know, both scored exactly;
    `seconds` (of queries that ran at once added up) in which `cells` were chosen, `codes` and
    `rows` read and compared, `fields` of the hits read; `requests`, `waves` and `bytes` asked of
    the store."""

    __slots__ = ("_report", "hits")

    def __init__(self, hits: list[Any], report: _core.SearchReport) -> None:
        self.hits = hits
        self._report: _core.SearchReport | dict[str, Any] = report

    @property
    def report(self) -> dict[str, Any]:
        if not isinstance(self._report, dict):  # most who search never look at it
            self._report = self._report.to_dict()
        return self._report

    def __repr__(self) -> str:
        return f"<SearchAnswer found so: {self.report}>"


class Searching(Handle):
    """Vector search."""

    def search(
        self,
        field: str,
        query: Any = None,
        top_k: int = 10,
        batch_size: int = 64,
        where_eq: Mapping[str, Any] | None = None,
        where: Any = None,
        as_numpy: bool = False,
        nprobe: int | None = None,
        fields: Sequence[str] | None = None,
        *,
        like: int | None = None,
        recall: float | None = None,
        exact: bool = False,
        distance: str | None = None,
        start_ns: int = 0,
        end_ns: int | None = None,
    ) -> SearchAnswer:
        """The min(top_k, matches) records whose vectors in `field` are nearest to `query`, best
        first, and how they were found.

        `query`: [dim] numbers; `hits` is a list of batches `{field: column, ..., "_time_anchors",
        "_score"}` of at most `batch_size` rows. [n, dim]: a list of n such lists; the queries share
        the work. `like` instead: an anchor, whose vector is the query (it is found too).

        `_score` is the cosine similarity, the inner product or the squared L2 `distance` ('cosine',
        'inner_product', 'l2'); by default what the field's algorithm names. `fields` (default: all)
        restricts the columns; the vector itself is always among them. `where`, `where_eq`,
        `as_numpy`: as for `iter_stream`; anchors in [start_ns, end_ns).

        Through the field's index (see `reindex`) if it has one for this distance: as many cells are
        read as had a recall@10 of `recall` (above 0, at most 1; 0.95) when it was built, or `nprobe`; a
        `recall` above 0.95 also has more vectors compared whose codes leave them in doubt.
        With `exact`, and without an index, every vector is compared. Scores are exact either way.

        Errors: InvalidArgumentError for a field that is no embedding, another dim, NaN, a zero
        vector under cosine; NotFoundError for a `like` without record or vector; CorruptionError
        for a damaged index, where `exact` still answers. Cost: with an index 2 waves on a warm
        handle, else all vectors that the filter leaves."""
        import numpy as np

        core = self._core
        dim = core.embedding_dim(_check.text(field, "field"))
        if dim is None:
            raise _no_embedding(self.schema, field)
        _check_options(top_k, nprobe)
        if (query is None) == (like is None):
            raise InvalidArgumentError(
                "say what to search for: `query` (a vector, or [n, dim]) or `like` (an anchor), "
                + ("neither was given" if query is None else "not both")
            )
        if like is not None:
            query = self._vector_at(field, like)
        queries = query if _is_as_read(np, query, dim) else _queries(np, query, dim)
        is_many = np.ndim(query) == 2
        names = _check.names(fields)
        if names is not None and field not in names:
            names.append(field)
        first, last = check_window(start_ns, end_ns)
        rows = _check.integer(batch_size, "batch_size", 1)
        hits, report = core.search(
            field,
            queries,
            len(queries) if is_many else 1,
            top_k,
            _distance(distance),
            None if where is where_eq is None else to_where(self.schema, where, where_eq),
            names,
            first,
            last,
            nprobe or 0,
            None if recall is None else _check.part(recall, "recall"),
            _check.flag(exact, "exact"),
        )
        results = [_batches(batch, scores, rows, as_numpy) for batch, scores in hits]
        return SearchAnswer(results if is_many else results[0], report)

    def iter_vector(
        self,
        field: str,
        query: Any = None,
        top_k: int = 10,
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
        like: int | None = None,
        recall: float | None = None,
        exact: bool = False,
        distance: str | None = None,
        start_ns: int = 0,
        end_ns: int | None = None,
    ) -> list[Any]:
        """The `hits` of `search`, which has the same arguments and errors.

        `rerank_mode='exact'` is `exact=True`; with 'inherit' and 'approximate' the index is used.
        `rerank_pool_size` is checked and has no effect, for the codes themselves say how many
        vectors must be read; nor has `spec_id`."""
        if rerank_mode not in RERANK_MODES:
            raise InvalidArgumentError(
                f"unknown rerank_mode `{rerank_mode}` (use {', '.join(RERANK_MODES)})"
            )
        _check_options(top_k, nprobe)
        if (
            rerank_pool_size is not None
            and _check.integer(rerank_pool_size, "rerank_pool_size", ANY) < top_k
        ):
            raise InvalidArgumentError(
                f"rerank_pool_size {rerank_pool_size} is less than top_k {top_k}"
            )
        return self.search(
            field,
            query,
            top_k,
            batch_size,
            where_eq,
            where,
            as_numpy,
            nprobe,
            fields,
            like=like,
            recall=recall,
            exact=_check.flag(exact, "exact") or rerank_mode == "exact",
            distance=distance,
            start_ns=start_ns,
            end_ns=end_ns,
        ).hits

    def _vector_at(self, field: str, like: Any) -> Any:
        """[dim], of the record at the anchor `like`."""
        import numpy as np

        anchor = _check.integer(like, "like", 0, _check.U64_MAX - 1)
        (row,) = self._core.take(np.array([anchor], np.uint64), [field], False).to_rows()
        if field not in row:
            raise NotFoundError(
                f"record {anchor} has no value of field `{field}`; choose another record or give a "
                "query"
            )
        return row[field]


def _check_options(top_k: int, nprobe: int | None) -> None:
    if _check.integer(top_k, "top_k", ANY) < 0:
        raise InvalidArgumentError(f"top_k must be >= 0, not {top_k}")
    if nprobe is not None and _check.integer(nprobe, "nprobe", ANY) < 1:
        raise InvalidArgumentError(f"nprobe (probe_count) must be >= 1, not {nprobe}")


def _no_embedding(schema: Schema, field: str) -> InvalidArgumentError:
    if field not in schema:
        return InvalidArgumentError(
            f"field `{field}` not in schema, which has "
            + ", ".join(f"`{name}`" for name in schema.names)
        )
    return InvalidArgumentError(f"field `{field}` is {schema[field].type}, not an embedding")


def _is_as_read(np: Any, query: Any, dim: int) -> bool:
    """[dim] or [n, dim] float32, contiguous: what the core reads."""
    return (
        type(query) is np.ndarray
        and query.dtype == np.float32
        and query.ndim in (1, 2)
        and query.shape[-1] == dim
        and query.flags.c_contiguous
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
    from ._cast import cast  # with NumPy, which importing dreamdb does without

    return np.ascontiguousarray(np.atleast_2d(cast(array, "f32", "query")))


def _distance(distance: str | None) -> str | None:
    if distance is None:
        return None
    if distance not in DISTANCES:
        raise InvalidArgumentError(f"unknown distance `{distance}` (use cosine, inner_product, l2)")
    return DISTANCES[distance]


def _batches(batch: Any, scores: Any, rows: int, as_numpy: bool) -> list[dict[str, Any]]:
    columns = batch.to_dict(as_numpy)
    columns["_score"] = scores if as_numpy else scores.tolist()
    if 0 < len(batch) <= rows:
        return [columns]
    return [
        {name: column[start : start + rows] for name, column in columns.items()}
        for start in range(0, len(batch), rows)
    ]
