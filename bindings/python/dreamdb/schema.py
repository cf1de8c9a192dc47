"""Schema: the named, typed fields of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from . import _core
from ._fields import array_field, embedding_field, plain_field

Field = _core.Field

__all__ = ["Field", "Schema"]


class Schema:
    """Ordered fields. Each `add_*` appends one and returns this schema, so that calls chain.

    Reads back: `schema.fields`, `schema["name"]`, `len`, `in`, iteration over fields, equality,
    `repr`, `to_json` and `from_json`. A name that is taken or not allowed is an
    InvalidArgumentError at once."""

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __init__(self, fields: Sequence[Field] = ()) -> None:
        self._core = _core.Schema()
        for field in fields:
            self._core.add(field)

    # ---- adding

    def add_image(
        self,
        name: str,
        mime: str = "jpeg",
        required: bool = True,
        chunk_size: int | None = None,
        pack_items: int | None = None,
    ) -> Schema:
        """Bytes of a picture. `chunk_size` and `pack_items` have no meaning here and are
        ignored."""
        return self._add(plain_field(name, "image", required, mime))

    def add_video(
        self,
        name: str,
        mime: str = "mp4",
        required: bool = True,
        chunk_size: int | None = None,
        pack_items: int | None = None,
    ) -> Schema:
        """Bytes of a film. `chunk_size` and `pack_items` have no meaning here and are ignored."""
        return self._add(plain_field(name, "video", required, mime))

    def add_audio(
        self,
        name: str,
        mime: str = "wav",
        required: bool = True,
        chunk_size: int | None = None,
        pack_items: int | None = None,
    ) -> Schema:
        """Bytes of a sound. `chunk_size` and `pack_items` have no meaning here and are ignored."""
        return self._add(plain_field(name, "audio", required, mime))

    def add_text(self, name: str, required: bool = True) -> Schema:
        """A `str` of up to 64 MiB, stored as a payload of its own. For short labels that are
        filtered by, see `add_scalar_string` and `add_scalar_categorical`."""
        return self._add(plain_field(name, "text", required))

    def add_blob(self, name: str, required: bool = True) -> Schema:
        """Any bytes."""
        return self._add(plain_field(name, "blob", required))

    def add_embedding(
        self,
        name: str,
        dim: int,
        algorithm: str = "dreamdb.lsh-cosine",
        required: bool = True,
        lsh_bits: int | None = None,
        compressor: Any = None,
        spatial_index: Any = None,
        rerank: bool = False,
        bucket_max_bytes: int | None = None,
        embed_spec: Any = None,
        *,
        dtype: str = "f32",
    ) -> Schema:
        """A vector of `dim` numbers, `dtype` 'f32' or 'f16', kept as given (not normalised).

        `algorithm` names the distance that searches use and `Dataset.reindex` builds for by
        default: '...-l2' squared L2, '...-ip' the inner product, else cosine. `lsh_bits`,
        `compressor`, `spatial_index`, `rerank`, `bucket_max_bytes` and `embed_spec` describe
        indexes of another make and are ignored.
        """
        return self._add(embedding_field(name, dim, algorithm, required, dtype))

    def add_scalar_categorical(self, name: str, required: bool = True) -> Schema:
        """A `str` out of few; compared byte by byte."""
        return self._add(plain_field(name, "categorical", required))

    def add_scalar_bool(self, name: str, required: bool = True) -> Schema:
        """True or False."""
        return self._add(plain_field(name, "bool", required))

    def add_scalar_int(self, name: str, required: bool = True) -> Schema:
        """A signed 64-bit integer."""
        return self._add(plain_field(name, "int", required))

    def add_scalar_float(self, name: str, required: bool = True) -> Schema:
        """A 64-bit float; NaN and infinities are values."""
        return self._add(plain_field(name, "float", required))

    def add_scalar_string(self, name: str, required: bool = True) -> Schema:
        """A `str`; compared byte by byte."""
        return self._add(plain_field(name, "string", required))

    def add_scalar_timestamp(self, name: str, required: bool = True) -> Schema:
        """Nanoseconds since 1970 UTC as a signed 64-bit integer."""
        return self._add(plain_field(name, "timestamp", required))

    def add_array(
        self,
        name: str,
        dtype: Any,
        shape: Sequence[int],
        *,
        endianness: str = "little",
        layout: str = "c",
        codec: str = "raw",
        semantic_type: str = "none",
        units: str = "none",
        frame: str = "none",
        axis_order: str = "none",
        track_kind: str = "event",
        object_kind: str = "unbucketed",
        required: bool = True,
        family: str = "dense-array",
    ) -> Schema:
        """An array of fixed `dtype` ('f32', 'float32', numpy.float32, ...) and `shape`; () is one
        element. All fixed-width NumPy dtypes and 'bf16' (as uint16 bits).

        `semantic_type`, `units`, `frame` and `axis_order` are kept in `field.info` unless 'none'.
        Arrays are always little-endian, row-major and raw: other values of `endianness`, `layout`
        and `codec` are refused. `track_kind`, `object_kind` and `family` have no meaning here."""
        return self._add(
            array_field(
                name,
                dtype,
                shape,
                required,
                endianness=endianness,
                layout=layout,
                codec=codec,
                semantic_type=semantic_type,
                units=units,
                frame=frame,
                axis_order=axis_order,
            )
        )

    def _add(self, field: Field) -> Schema:
        self._core.add(field)
        return self

    # ---- reading

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields in order; each has name, type, required, mime, dtype, shape, dim, ..."""
        return tuple(self._core.fields())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields in order."""
        return tuple(field.name for field in self._core.fields())

    def __getitem__(self, name: str) -> Field:
        for field in self._core.fields():
            if field.name == name:
                return field
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[Field]:
        return iter(self._core.fields())

    def __len__(self) -> int:
        return len(self._core.fields())

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        return [_facts(f) for f in self] == [_facts(f) for f in other]

    def __repr__(self) -> str:
        lines = "".join(f"\n  {_describe(field)}" for field in self)
        return f"<Schema of {len(self)} fields{':' if lines else ''}{lines}>"

    def to_json(self) -> str:
        """`{"fields": [{"name": ..., "type": ..., ...}]}`; `from_json` reads it."""
        return self._core.to_json()

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """The schema that `to_json` wrote. InvalidArgumentError names what is wrong with it."""
        return cls._wrap(_core.Schema.from_json(text))

    def __reduce__(self) -> tuple[Any, ...]:
        return Schema.from_json, (self.to_json(),)

    @classmethod
    def _wrap(cls, core: _core.Schema) -> Schema:
        schema = cls()
        schema._core = core
        return schema


def _facts(field: Field) -> tuple[Any, ...]:
    return (
        field.name,
        field.type,
        field.required,
        field.mime,
        field.dtype,
        field.shape,
        field.algorithm,
        field.info,
    )


def _describe(field: Field) -> str:
    kind = field.type
    if field.type == "embedding":
        kind = f"embedding[{field.dim}] {field.dtype} {field.algorithm}"
    elif field.type == "array":
        kind = f"array{list(field.shape or ())} {field.dtype}"
    elif field.mime:
        kind = f"{field.type}/{field.mime}"
    return f"{field.name}: {kind}{'' if field.required else ', optional'}"
