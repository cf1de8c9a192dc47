"""StreamBatchIter: batches of a dataset, one after the other."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from . import _core


class StreamBatchIter:
    """Iterator over batches `{field: column, ..., "_time_anchors": anchors}` in anchor order.

    Stopping early is fine: `close()`, leaving a `with` block, or dropping it stops the reading
    ahead. One thread at a time."""

    def __init__(self, stream: _core.BatchStream | None, as_numpy: bool) -> None:
        self._stream = stream
        self._as_numpy = as_numpy

    def __iter__(self) -> StreamBatchIter:
        return self

    def __next__(self) -> dict[str, Any]:
        batch = None if self._stream is None else self._stream.next()
        if batch is None:
            raise StopIteration
        return batch.to_dict(self._as_numpy)

    def close(self) -> None:
        """Ends the stream; the next `next` raises StopIteration."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def __enter__(self) -> StreamBatchIter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
