"""Arrow: records through the C stream interface, without copying where possible, and conflicts
through the C data interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import DreamDBError, UnsupportedError

if TYPE_CHECKING:
    import pyarrow


class ArrowStream:
    """A table that any Arrow library reads: `pyarrow.table(s)`, `polars.DataFrame(s)`, duckdb.

    `_anchor: uint64`, then the fields in order: image, audio, video and blob as binary; text,
    string and categorical as string; bool, int64 (int, timestamp), double; embeddings as
    fixed_size_list<D>; arrays as the extension `arrow.fixed_shape_tensor`. Embeddings, arrays and
    fixed-width scalars but bool are not copied. Each reading begins anew; memory is that of one
    batch and of what is read ahead."""

    def __init__(self, open_stream: Callable[[], Any], open_schema: Callable[[], Any]) -> None:
        self._open_stream = open_stream
        self._open_schema = open_schema

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A new stream as a PyCapsule. `requested_schema` is not followed, as the interface
        allows."""
        return self._open_stream()

    def __arrow_c_schema__(self) -> Any:
        return self._open_schema()

    def reader(self) -> pyarrow.RecordBatchReader:
        """A `pyarrow.RecordBatchReader`. UnsupportedError: pyarrow is not installed."""
        return import_pyarrow().RecordBatchReader.from_stream(self)

    def __iter__(self) -> Iterator[pyarrow.RecordBatch]:
        return record_batches(self)


class Conflicts:
    """Conflicts of a merge as a record batch that any Arrow library reads: `pyarrow.table(c)`,
    `polars.DataFrame(c)`.

    `conflicts`: the list 'conflicts' of a merge's report or of what `dreamdb merge --json` prints,
    or some of it. [conflicts] `anchor: uint64`, then as string `field`, `target`, `source` and
    `source_manifest`; None is null. Each reading copies them once, without a request.
    InvalidArgumentError: not such a list, or more than 2 GiB of text."""

    def __init__(self, conflicts: Iterable[dict[str, Any]]) -> None:
        self._conflicts = list(conflicts)

    def __len__(self) -> int:
        return len(self._conflicts)

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        """PyCapsules of the schema and the record batch. `requested_schema` is not followed, as the
        interface allows."""
        return _core.conflicts_arrow(self._conflicts)

    def __arrow_c_schema__(self) -> Any:
        return _core.conflicts_arrow([])[0]

    def batch(self) -> pyarrow.RecordBatch:
        """A `pyarrow.RecordBatch`. UnsupportedError: pyarrow is not installed."""
        return import_pyarrow().record_batch(self)


def import_pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UnsupportedError(
            "this needs pyarrow 14 or newer, which is not installed: pip install pyarrow"
        ) from None
    if not hasattr(pyarrow.RecordBatchReader, "from_stream"):
        raise UnsupportedError(
            f"this needs pyarrow 14 or newer, not {pyarrow.__version__}: "
            "pip install --upgrade pyarrow"
        )
    return pyarrow


def record_batches(stream: ArrowStream) -> Iterator[pyarrow.RecordBatch]:
    reader = stream.reader()
    try:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except OSError as error:
                raise translated(error) from error
            yield batch
    finally:
        reader.close()


def translated(error: OSError) -> Exception:
    """What the stream's error text names, as our exception again."""
    from . import errors

    name, separator, message = str(error).partition(": ")
    kind = getattr(errors, name + "Error", None) if separator else None
    if isinstance(kind, type) and issubclass(kind, DreamDBError):
        return kind(message)
    return error


def shuffled(batch: Any, random: Any) -> Any:
    """The rows of one record batch in the order that `random` draws."""
    order = list(range(batch.num_rows))
    random.shuffle(order)
    return batch.take(import_pyarrow().array(order, "int64"))
