"""The package and the vector cases are importable from the checkout."""

import pathlib
import sys

REFERENCE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REFERENCE), str(REFERENCE / "tests")]
