"""Writes the golden vectors: `python make_vectors.py [FOLDER]`, the same bytes every time."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from vector_cases import (  # noqa: E402
    basics,
    broken_segments,
    fingerprints,
    folders,
    manifests,
    segments,
    sessions,
    spatial,
    trees,
    vector_codes,
    versions,
)

FILES = {
    "addresses": basics.addresses,
    "names": basics.names,
    "cbor": basics.cbor_items,
    "genesis": versions.genesis,
    "ref": versions.ref,
    "session": sessions.session,
    "manifest": manifests.manifest,
    "ancestors": versions.ancestors,
    "page": trees.page,
    "stats": trees.statistics,
    "ledger": trees.ledger,
    "segment_matrix": segments.matrix,
    "segment_blob": segments.blob,
    "segment_scalar": segments.scalar,
    "segment_two_blocks": segments.two_blocks,
    "segment_anchors": segments.anchors,
    "segment_codes": segments.codes,
    "segment_spatial": spatial.spatial,
    "segment_broken": broken_segments.broken,
    "version_file": folders.version_files,
    "padded_file": folders.padded_files,
    "fingerprint": fingerprints.fingerprint,
    "vector_codes": vector_codes.vector_codes,
}


def to_json(vectors: dict) -> str:
    """One case a line, so that a change shows as the lines that changed."""
    parts = []
    for key, value in vectors.items():
        if isinstance(value, list):
            lines = ",\n".join("  " + json.dumps(case) for case in value)
            parts.append(f"{json.dumps(key)}: [\n{lines}\n]" if value else f"{json.dumps(key)}: []")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(folder: pathlib.Path) -> None:
    for name, make in FILES.items():
        (folder / f"{name}.json").write_text(to_json(make()), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "vectors")
