"""The part of Dataset that adds fields to a living dataset and fills them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from . import _core
from ._fields import array_field, embedding_field, plain_field, scalar_field
from ._writing import Writing
from .errors import InvalidArgumentError

Self = TypeVar("Self", bound="Fielding")


class Fielding(Writing):
    """New fields. Old records lack them until an append at their anchors fills them in; a field may
    be required only while the dataset is empty. Each call is one commit (2 waves). AlreadyExists or
    InvalidArgument: the name is taken or not allowed."""

    def add_image(
        self: Self,
        name: str,
        mime: str = "jpeg",
        required: bool = False,
        chunk_size: int | None = None,
        pack_items: int | None = None,
    ) -> Self:
        """Adds a field of pictures. `chunk_size` and `pack_items` have no meaning here."""
        return self._add(plain_field(name, "image", required, mime))

    def add_video(
        self: Self,
        name: str,
        mime: str = "h264",
        required: bool = False,
        chunk_size: int | None = None,
        pack_items: int | None = None,
    ) -> Self:
        """Adds a field of films, as bytes. `chunk_size` and `pack_items` have no meaning here."""
        return self._add(plain_field(name, "video", required, mime))

    def add_audio(
        self: Self,
        name: str,
        mime: str = "wav",
        required: bool = False,
        chunk_size: int | None = None,
        pack_items: int | None = None,
    ) -> Self:
        """Adds a field of sounds, as bytes. `chunk_size` and `pack_items` have no meaning here."""
        return self._add(plain_field(name, "audio", required, mime))

    def add_text(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of texts."""
        return self._add(plain_field(name, "text", required))

    def add_blob(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of any bytes."""
        return self._add(plain_field(name, "blob", required))

    def add_scalar_categorical(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of strings out of few."""
        return self._add(plain_field(name, "categorical", required))

    def add_scalar_bool(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of bools."""
        return self._add(plain_field(name, "bool", required))

    def add_scalar_int(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of 64-bit integers."""
        return self._add(plain_field(name, "int", required))

    def add_scalar_float(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of 64-bit floats."""
        return self._add(plain_field(name, "float", required))

    def add_scalar_string(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of strings."""
        return self._add(plain_field(name, "string", required))

    def add_scalar_timestamp(self: Self, name: str, required: bool = False) -> Self:
        """Adds a field of nanoseconds since 1970."""
        return self._add(plain_field(name, "timestamp", required))

    def add_embedding(
        self: Self,
        name: str,
        dim: int,
        algorithm: str = "dreamdb.lsh-cosine",
        required: bool = False,
        *,
        dtype: str = "f32",
    ) -> Self:
        """Adds a field of vectors; see `Schema.add_embedding`."""
        return self._add(embedding_field(name, dim, algorithm, required, dtype))

    def add_array(
        self: Self,
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
        required: bool = False,
        family: str = "dense-array",
    ) -> Self:
        """Adds a field of arrays; see `Schema.add_array`."""
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

    # ---- layers: a new field and its values at given anchors

    def add_scalar_layer(self, name: str, parent_field: str, value_type: str, samples: Any) -> int:
        """Adds a scalar field of `value_type` ('bool', 'int', 'float', 'string', 'categorical',
        'timestamp') and fills it; returns the number of rows.

        `samples`: rows `{"_anchor": int, name: value}` or pairs (anchor, value), or a dict of the
        two columns. `parent_field` is the field that the values were made from; it must exist. Two
        commits: the field, then its values; when the second fails, the field is there and empty.
        """
        return self._add_layer(scalar_field(name, value_type, False), parent_field, samples)

    def add_image_layer(
        self, name: str, parent_field: str, samples: Any, mime: str = "jpeg"
    ) -> int:
        """Adds a field of pictures and fills it; samples as for `add_scalar_layer`."""
        return self._add_layer(plain_field(name, "image", False, mime), parent_field, samples)

    def add_embedding_layer(
        self,
        name: str,
        parent_field: str,
        dim: int,
        algorithm: str = "dreamdb.lsh-cosine",
        spatial_index: Any = None,
        compressor: Any = None,
        rerank: bool = False,
        samples: Any = (),
        version: Any = None,
        bucket_max_bytes: int | None = None,
        embed_spec: Any = None,
        *,
        dtype: str = "f32",
    ) -> int:
        """Adds a field of vectors and fills it; samples as for `add_scalar_layer`. The arguments
        that describe approximate indexes are ignored, as by `Schema.add_embedding`."""
        field = embedding_field(name, dim, algorithm, False, dtype)
        return self._add_layer(field, parent_field, samples)

    def append_scalar_layer(self, name: str, samples: Any) -> int:
        """Fills more of a field; samples as for `add_scalar_layer`. Returns the number of rows."""
        return self._fill(name, samples)

    def append_image_layer(self, name: str, samples: Any) -> int:
        """Fills more of a field; samples as for `add_scalar_layer`. Returns the number of rows."""
        return self._fill(name, samples)

    def append_embedding_layer(self, name: str, samples: Any) -> int:
        """Fills more of a field; samples as for `add_scalar_layer`. Returns the number of rows."""
        return self._fill(name, samples)

    def _add(self: Self, field: _core.Field) -> Self:
        self._check_nothing_waits()
        self._core.add_field(field)
        return self

    def _add_layer(self, field: _core.Field, parent_field: str, samples: Any) -> int:
        self._check_field(parent_field)
        self._add(field)
        return self._fill(field.name, samples)

    def _fill(self, name: str, samples: Any) -> int:
        self._check_field(name)
        self._check_nothing_waits()
        if isinstance(samples, Mapping):
            if "_anchor" not in samples:
                raise InvalidArgumentError(f"field `{name}`: a layer needs the column `_anchor`")
            return self.append_many(samples)
        return self.append_many(_layer_rows(name, samples))

    def _check_field(self, name: str) -> None:
        names = self.schema.names
        if name not in names:
            raise InvalidArgumentError(
                f"field `{name}` not in schema, which has "
                + (", ".join(f"`{n}`" for n in names) or "no fields")
            )


def _layer_rows(name: str, samples: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for sample in samples:
        if not isinstance(sample, Mapping):
            anchor, value = sample
            yield {"_anchor": anchor, name: value}
        elif "_anchor" not in sample:
            raise InvalidArgumentError(
                f"field `{name}`: each sample of a layer needs `_anchor`, the "
                "record that it belongs to"
            )
        else:
            yield dict(sample)
