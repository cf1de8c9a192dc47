"""The part of Dataset that reads records."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _check, _core
from ._handle import Handle
from .anchors import AnchorList, check_window
from .arrow import ArrowStream, record_batches, shuffled
from .streams import StreamBatchIter
from .where import Where, to_where

if TYPE_CHECKING:
    import pyarrow

MEMORY_BYTES = 96 << 20
ANCHOR_BATCH = 65536


class Reading(Handle):
    """Reading. `where` is text (`"label == 'cat' and score >= 0.5"`), a `col(...)` expression, or a
    list of (field, op, value); `where_eq` is {field: value}. An unknown field is an
    InvalidArgumentError."""

    def iter_stream(
        self,
        batch_size: int = 256,
        fields: Sequence[str] | None = None,
        channel_buffer: int = 8,
        start_ns: int = 0,
        end_ns: int | None = None,
        *,
        where: Any = None,
        where_eq: Mapping[str, Any] | None = None,
        as_numpy: bool = False,
        memory_bytes: int = MEMORY_BYTES,
    ) -> StreamBatchIter:
        """Batches `{field: column, ..., "_time_anchors": anchors}` of the records with anchors in
        [start_ns, end_ns), in anchor order; every batch but the last has `batch_size` rows.

        Columns stand in schema order (or that of `fields`) and are lists with None where absent:
        bytes, str, int, float, bool, vectors as lists of floats, arrays as ndarrays. With
        `as_numpy` they are arrays where the type has one ([rows], [rows, dim], [rows, *shape];
        read-only, not copied; masked arrays where values are absent), and so are the anchors. With
        `fields`, records that lack all of them are left out.

        Memory: `memory_bytes` of read-ahead and two batches. `channel_buffer` has no meaning here.
        """
        stream = self._stream(
            fields,
            to_where(self.schema, where, where_eq),
            start_ns,
            end_ns,
            batch_size,
            memory_bytes,
        )
        return StreamBatchIter(stream, as_numpy)

    def iter_time_range(
        self,
        start_ns: int,
        end_ns: int | None = None,
        batch_size: int = 256,
        fields: Sequence[str] | None = None,
        *,
        where: Any = None,
        as_numpy: bool = False,
    ) -> StreamBatchIter:
        """`iter_stream` of the records with anchors in [start_ns, end_ns)."""
        return self.iter_stream(
            batch_size, fields, start_ns=start_ns, end_ns=end_ns, where=where, as_numpy=as_numpy
        )

    def iter_all_batches(
        self,
        batch_size: int = 256,
        fields: Sequence[str] | None = None,
        start_ns: int = 0,
        end_ns: int | None = None,
        *,
        where: Any = None,
        as_numpy: bool = False,
    ) -> list[dict[str, Any]]:
        """What `iter_stream` yields as one list: all of it in memory."""
        return list(
            self.iter_stream(
                batch_size, fields, start_ns=start_ns, end_ns=end_ns, where=where, as_numpy=as_numpy
            )
        )

    def iter_rows(
        self,
        fields: Sequence[str] | None = None,
        *,
        where: Any = None,
        start_ns: int = 0,
        end_ns: int | None = None,
        batch_size: int = 1024,
        memory_bytes: int = MEMORY_BYTES,
    ) -> Iterator[dict[str, Any]]:
        """Records one by one as `{"_anchor": int, field: value, ...}`, absent fields left out: what
        `append_many` takes. Vectors and arrays are read-only NumPy views."""
        return _rows(
            self._stream(
                fields, to_where(self.schema, where), start_ns, end_ns, batch_size, memory_bytes
            )
        )

    def iter_scalar(
        self, where_eq: Mapping[str, Any] | None = None, where: Any = None, batch_size: int = 64
    ) -> list[dict[str, Any]]:
        """Batches of all fields of the records that match, as one list; without a filter, of
        all."""
        return list(self.iter_stream(batch_size, where=where, where_eq=where_eq))

    def iter_arrow_batches(
        self,
        batch_size: int = 256,
        fields: Sequence[str] | None = None,
        shuffle_seed: int | None = None,
        window_batches: int = 256,
        *,
        where: Any = None,
        start_ns: int = 0,
        end_ns: int | None = None,
    ) -> Iterator[pyarrow.RecordBatch]:
        """`pyarrow.RecordBatch`es in anchor order; see `ArrowStream` for their types.
        `shuffle_seed` shuffles the rows inside each batch; `window_batches` has no meaning here.
        UnsupportedError: pyarrow is not installed."""
        stream = self.arrow_stream(
            batch_size, fields, where=where, start_ns=start_ns, end_ns=end_ns
        )
        if shuffle_seed is None:
            return record_batches(stream)
        order = random.Random(shuffle_seed)
        return (shuffled(batch, order) for batch in record_batches(stream))

    def arrow_stream(
        self,
        batch_size: int = 65536,
        fields: Sequence[str] | None = None,
        *,
        where: Any = None,
        start_ns: int = 0,
        end_ns: int | None = None,
        memory_bytes: int = MEMORY_BYTES,
    ) -> ArrowStream:
        """The records as a table for any Arrow library, read when it is asked for."""
        first, last = check_window(start_ns, end_ns)
        names, core = _check.names(fields), self._core
        chosen = to_where(self.schema, where)
        rows = _check.integer(batch_size, "batch_size", 1)
        memory = _check.integer(memory_bytes, "memory_bytes")
        core.arrow_schema(names)  # an unknown field is told here
        return ArrowStream(
            lambda: core.arrow_stream(
                names, chosen, first, last, rows, memory, names is not None
            ),
            lambda: core.arrow_schema(names),
        )

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.arrow_stream().__arrow_c_stream__(requested_schema)

    def take(
        self,
        anchors: Iterable[int],
        fields: Sequence[str] | None = None,
        *,
        as_numpy: bool = False,
        as_rows: bool = False,
        skip_missing: bool = False,
    ) -> Any:
        """The records at `anchors`, in that order, as one batch (see `iter_stream`), or as a list
        of rows with `as_rows` (see `iter_rows`). NotFoundError names anchors that do not exist;
        `skip_missing` leaves them out. At most 4 waves."""
        from ._columns import anchor_array

        batch = self._core.take(anchor_array(anchors), _check.names(fields), skip_missing)
        return batch.to_rows() if as_rows else batch.to_dict(as_numpy)

    def query_scalar(self, field: str, op: str, value: Any) -> list[int]:
        """Anchors, ascending, of the records where `field op value`; op is == != < <= > >= or
        in."""
        return list(self.list_anchors(where=[(field, op, value)]))

    def distinct_values(self, field: str) -> list[tuple[Any, int]]:
        """(value, count) of a scalar field, most frequent first, then by value."""
        return self._core.distinct_values(_check.text(field, "field"))

    def count(self, where: Any = None, where_eq: Mapping[str, Any] | None = None) -> int:
        """Number of records; O(1) without a filter, else a scan of the columns it names."""
        return self._core.count(to_where(self.schema, where, where_eq))

    def __len__(self) -> int:
        return self._core.count(None)

    def __bool__(self) -> bool:
        return True

    def list_anchors(
        self, where: Any = None, *, start_ns: int = 0, end_ns: int | None = None
    ) -> AnchorList:
        """The anchors, ascending, as a lazy sequence with flat memory; `list(...)` makes a list."""
        everything = where is None and start_ns == 0 and end_ns is None
        return self._anchors(to_where(self.schema, where), start_ns, end_ns, everything)

    def distinct_anchors(
        self, start_ns: int = 0, end_ns: int | None = None, fields: Sequence[str] | None = None
    ) -> AnchorList:
        """The anchors in [start_ns, end_ns) that have at least one of `fields`, as
        `list_anchors`."""
        if fields is None:
            return self._anchors(None, start_ns, end_ns, start_ns == 0 and end_ns is None)
        names = _check.names(fields)
        if not names:
            return AnchorList(lambda: None, lambda: 0, lambda anchor: False)
        lacks_all: Where = Where.is_null(names[0])
        for name in names[1:]:
            lacks_all = lacks_all & Where.is_null(name)
        return self._anchors(to_where(self.schema, ~lacks_all), start_ns, end_ns, False)

    def stat(self) -> dict[str, Any]:
        """`{'records', 'first_anchor', 'last_anchor', 'bytes', 'commits', 'manifest_bytes',
        'tracks'}`; tracks is a list of `{'name', 'type', 'rows', 'segments', 'bytes',
        'height'}`."""
        return self._core.stat()

    def store_stats(self) -> dict[str, int]:
        """What was asked of the store since this handle opened it, as counts unless said otherwise.

        `gets, puts, loads, swaps, lists, deletes`: ranges, objects and refs that were asked for;
        `waves`: sets of them in flight together; `bytes_read, bytes_written`: bytes of them.

        `cache_hits`: reads that the disk cache answered alone; `cache_misses`: those that asked the
        store for something; `cache_bytes_read, cache_bytes_written`: bytes from and to the disk;
        `cache_damaged`: pieces of 4 KiB that did not match their hash and were not used.

        `sent_gets, sent_puts, sent_swaps, sent_lists, sent_deletes`: HTTP requests that were really
        sent, what a bill is about; `retries, hedges` of them were sent again after a failure, or a
        second time because the first took long; `bytes_received, bytes_sent`: bytes of bodies. All
        0 for a folder."""
        return self._core.store_stats()

    def _stream(
        self,
        fields: Sequence[str] | None,
        where: Where | None,
        start_ns: int,
        end_ns: int | None,
        batch_size: int,
        memory_bytes: int,
    ) -> _core.BatchStream | None:
        """None when no field is chosen: every record lacks all of them."""
        first, last = check_window(start_ns, end_ns)
        rows, names = _check.integer(batch_size, "batch_size", 1), _check.names(fields)
        memory = _check.integer(memory_bytes, "memory_bytes")
        if names == []:
            return None
        return self._core.stream(names, where, first, last, rows, memory, names is not None)

    def _anchors(
        self, where: Where | None, start_ns: int, end_ns: int | None, everything: bool
    ) -> AnchorList:
        first, last = check_window(start_ns, end_ns)
        core = self._core

        def stream(start: int = first, end: int = last) -> _core.BatchStream:
            return core.stream([], where, start, end, ANCHOR_BATCH, MEMORY_BYTES, False)

        def contains(anchor: int) -> bool:
            return first <= anchor < last and stream(anchor, anchor + 1).next() is not None

        return AnchorList(stream, (lambda: core.count(None)) if everything else None, contains)


def _rows(stream: _core.BatchStream | None) -> Iterator[dict[str, Any]]:
    if stream is None:
        return
    try:
        while (batch := stream.next()) is not None:
            yield from batch.to_rows()
    finally:
        stream.close()
