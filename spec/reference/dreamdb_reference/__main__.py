"""Checks a space in a folder and prints every value of a version."""

import argparse
import json
import sys

from . import address
from .errors import Violation
from .indexes import CHECKED_NUMBERS
from .record_sum import fingerprint
from .segment import Array
from .space import Dataset, all_ancestors, read_space


def _bytes(data: bytes, full: bool) -> dict:
    return (
        {"hex": data.hex()} if full else {"blake3": address.blake3(data).hex(), "length": len(data)}
    )


def printable(value, full: bool):
    """A value as JSON has it: bytes by hash and length, or as hex."""
    if isinstance(value, Array):
        return {"dtype": value.dtype, "shape": list(value.shape)} | _bytes(value.data, full)
    return _bytes(value, full) if isinstance(value, bytes) else value


def _line(row: dict, full: bool, as_json: bool) -> str:
    values = {name: printable(value, full) for name, value in row["values"].items()}
    if as_json:
        return json.dumps({"anchor": row["anchor"], "values": values})
    return f"{row['anchor']}  " + "  ".join(
        f"{name}={json.dumps(value)}" for name, value in values.items()
    )


def _summary(dataset: Dataset, versions: int) -> dict:
    files = dataset.objects.folder
    return {
        "version": address.to_text(dataset.address),
        "versions": versions,
        "objects": files.objects,
        "bytes": files.bytes,
        "rows": len(dataset.anchors),
        "idempotency_keys": len(dataset.ledger),
    }


def _index_line(index, as_json: bool) -> str:
    summary = index.summary()
    if as_json:
        return json.dumps({"index": summary})
    parts = [f"{key} {json.dumps(value)}" for key, value in summary.items() if key != "field"]
    return f"index of {summary['field']}: " + ", ".join(parts).replace('"', "")


def main(arguments: list) -> int:
    parser = argparse.ArgumentParser(prog="dreamdb_reference", description=__doc__)
    parser.add_argument("folder", help="the folder that the space is in")
    parser.add_argument("--ref", default="main", help="branch or snapshot (default: main)")
    parser.add_argument("--all", action="store_true", help="check all ancestors too")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line; the last one is the summary"
    )
    parser.add_argument(
        "--full", action="store_true", help="bytes as hex instead of hash and length"
    )
    parser.add_argument(
        "--every-code", action="store_true", help="make all codes of vectors again, not some"
    )
    parser.add_argument(
        "--fingerprint", action="store_true", help="only the fingerprint of the records (13)"
    )
    options = parser.parse_args(arguments)
    checked = None if options.every_code else CHECKED_NUMBERS
    try:
        dataset = read_space(options.folder, options.ref, checked)
        versions = all_ancestors(dataset) if options.all else 1
    except Violation as error:
        print(f"{error} ({error.code})", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    if options.fingerprint:
        print(fingerprint(dataset))
        return 0
    for row in dataset.rows():
        print(_line(row, options.full, options.json))
    for index in dataset.indexes:
        print(_index_line(index, options.json))
    summary = _summary(dataset, versions)
    print(
        json.dumps({"summary": summary})
        if options.json
        else ", ".join(f"{key} {value}" for key, value in summary.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
