"""DreamDB: versioned, content-addressed storage of multimodal datasets, without a server.

import dreamdb

schema = dreamdb.Schema().add_image("photo").add_embedding("vec", dim=512)
ds = dreamdb.Dataset.create("file:///data/pets", schema)
ds.append_many([{"photo": jpeg_bytes, "vec": vector}])
for batch in ds.iter_stream(batch_size=256):
    ...
"""

from ._collecting import fence_sessions, gc, list_sessions
from ._searching import SearchAnswer
from ._upkeep import join_fingerprints
from .anchors import AnchorList
from .arrow import ArrowStream, Conflicts
from .dataset import Dataset
from .errors import (
    AlreadyExistsError,
    CancelledError,
    ConflictError,
    CorruptionError,
    DeniedError,
    DreamDBError,
    ExhaustedError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OutcomeUnknownError,
    OutOfRangeError,
    UnavailableError,
    UnsupportedError,
    WrongTypeError,
)
from .refs import list_refs
from .schema import Field, Schema
from .streams import StreamBatchIter
from .where import Column, Where, col
from .writer import AppendReport, Writer

__version__ = "0.1.0"

__all__ = [
    "AlreadyExistsError",
    "AnchorList",
    "AppendReport",
    "ArrowStream",
    "CancelledError",
    "Column",
    "ConflictError",
    "Conflicts",
    "CorruptionError",
    "Dataset",
    "DeniedError",
    "DreamDBError",
    "ExhaustedError",
    "Field",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "OutcomeUnknownError",
    "Schema",
    "SearchAnswer",
    "StreamBatchIter",
    "UnavailableError",
    "UnsupportedError",
    "Where",
    "Writer",
    "WrongTypeError",
    "col",
    "fence_sessions",
    "gc",
    "join_fingerprints",
    "list_refs",
    "list_sessions",
]
