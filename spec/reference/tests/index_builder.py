"""Spatial indexes, code segments and what they cover, on top of the spaces of `space_builder`."""

from space_builder import FIELDS, Builder, floats, records, trees

from dreamdb_reference import address
from dreamdb_reference import vector_codes as codes
from dreamdb_reference.segment import Segment, footer_bytes
from dreamdb_reference.segment_writer import write_codes, write_matrix, write_spatial
from dreamdb_reference.structures import Index

VECTOR = 2
ORIGIN = codes.pad([1.0, 0.25, -0.5])
CENTROIDS = [[0.0, 0.5, -1.0], [8.0, 0.5, -0.75], [25.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
SIGNS = address.blake3(b"signs")


def spatial(builder: Builder, metric: str = "cosine", bits: int = 1, **changes) -> bytes:
    """A spatial index that is now there: the whole segment."""
    keys = {
        "field": VECTOR,
        "centroids": CENTROIDS,
        "origin": ORIGIN,
        "signs": SIGNS,
        "bits": bits,
        "level_scale": 0.0 if bits == 1 else 3.5 * 2 ** (bits - 2),
        "trained": 4,
        "spread": 0.75,
        "recall": [(1, 600), (4, 1000)],
    }
    data = write_spatial(builder.nonce(), metric=metric, **keys | changes)
    builder.put("segments", data, footer_bytes(data))
    return data


def rows_of(builder: Builder, index: bytes, entries: list, cells: int = 3) -> list:
    """The codes of the vectors of some segments, in cells of `cells` by turns."""
    segment, found = Segment(index), []
    for entry in entries:
        key = address.object_key("segments", entry.child)
        vectors = Segment((builder.root / key).read_bytes())
        for row, anchor in enumerate(vectors.anchors):
            number = (anchor // 5) % cells
            cell = segment.footer.spatial.cell(segment.centroid(number))
            vector = vectors.array(row).flat()
            found.append(segment.footer.spatial.code(number, cell, anchor, vector))
    return sorted(found, key=lambda row: (row.cell, row.anchor))


def coded(builder: Builder, index: bytes, entries: list, seq: int, change=None, **keys):
    """The leaf entry of a segment with the codes of some segments; `change` of its rows."""
    segment = Segment(index)
    rows = rows_of(builder, index, entries)
    spatial = segment.footer.spatial
    keys = {
        "field": VECTOR,
        "spatial": segment.address,
        "dim": spatial.dim,
        "bits": spatial.bits,
        "rows": change(rows) if change else rows,
    } | keys
    return builder.segment(write_codes(builder.nonce(), **keys), seq)


def named(builder: Builder, index: bytes, coded: list, covered: list, **changes) -> Index:
    """What a manifest has of an index."""
    segment = Segment(index)
    roots = [builder.tree(VECTOR, entries) if entries else None for entries in (coded, covered)]
    found = Index(VECTOR, segment.address, segment.size, segment.footer_size, *roots)
    return found._replace(**changes)


def replaced(builder: Builder, anchors: list, vectors: bytes, seq: int, dtype: str = "f32"):
    """Newer vectors of some records."""
    data = write_matrix(builder.nonce(), anchors, VECTOR, dtype, [3], vectors)
    return builder.segment(data, seq)


def build_indexed(root, metric: str = "cosine", bits: int = 1) -> Builder:
    """Five versions: an append, an index over it, an append with codes, one without, and newer
    vectors, some with codes; so every kind of row that a version with an index may have."""
    builder = Builder(root)
    first = records(builder, [0, 10, 20, 30], 0)
    builder.commit(trees(builder, [first]))
    index = spatial(builder, metric, bits)
    code_entries, covered = [coded(builder, index, [first[VECTOR]], 1)], [first[VECTOR]]
    roots = trees(builder, [first])
    builder.commit(roots, indexes=[named(builder, index, code_entries, covered)])
    builder.swap("main@trained", builder.versions[-1][0], snapshot=True)
    second, third = records(builder, [5, 7, 11], 2), records(builder, [100], 3)
    code_entries.append(coded(builder, index, [second[VECTOR]], 2))
    covered.append(second[VECTOR])
    roots = trees(builder, [first, second])
    builder.commit(roots, indexes=[named(builder, index, code_entries, covered)])
    roots = trees(builder, [first, second, third])
    builder.commit(roots, indexes=[named(builder, index, code_entries, covered)])
    with_codes = replaced(builder, [10], vectors((1.5, -0.0, 3.0)), 4)
    without = replaced(builder, [7, 11], vectors((0, 0, 0), (1, 1, 1)), 4)
    code_entries.append(coded(builder, index, [with_codes], 4))
    covered.append(with_codes)
    parts = [first, second, third]
    tracks = trees(builder, parts)[:2]
    tracks.append(builder.tree(VECTOR, [part[VECTOR] for part in parts] + [with_codes, without]))
    builder.commit(tracks, indexes=[named(builder, index, code_entries, covered)])
    builder.swap("main", builder.versions[-1][0])
    return builder


def vectors(*rows: tuple) -> bytes:
    return b"".join(floats(*row) for row in rows)


def schema(**changes) -> dict:
    """The schema of `space_builder` with another vector field."""
    fields = [field | changes if field["id"] == VECTOR else field for field in FIELDS]
    return {"fields": fields, "next": 5}
