"""A second reader of the DreamDB format: from `spec/` alone, no code shared with the product."""

from .errors import Violation
from .record_sum import fingerprint
from .segment import Array
from .space import Dataset, read_sessions, read_space

__all__ = ["Array", "Dataset", "Violation", "fingerprint", "read_sessions", "read_space"]
