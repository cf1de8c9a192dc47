"""Statistics of columns, the zone maps of section 6.3: made, merged, checked against the truth."""

import math
from typing import NamedTuple

from . import shape
from .errors import Violation, require

BOUND_BYTES = 32
DISTINCT_MAX = 8
DISTINCT_BYTES = 128
STRING_TYPES = ("string", "categorical")
_KIND_OF_TYPE = {
    "bool": "bool",
    "int": "int",
    "timestamp": "int",
    "float": "float",
    "string": "bytes",
    "categorical": "bytes",
}


class Stats(NamedTuple):
    """One column's `[present, min, max, extra]`."""

    present: int
    min: object
    max: object
    extra: object


def lower_bound(value: bytes) -> bytes:
    """A bound of at most 32 bytes that is not above `value`: its prefix."""
    return value[:BOUND_BYTES]


def upper_bound(value: bytes) -> bytes | None:
    """A bound of at most 32 bytes that is not below `value`; None if there is none."""
    if len(value) <= BOUND_BYTES:
        return value
    prefix = value[:BOUND_BYTES].rstrip(b"\xff")
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else None


def _within_limits(words: list) -> list | None:
    words = sorted(set(words))
    return words if len(words) <= DISTINCT_MAX and sum(map(len, words)) <= DISTINCT_BYTES else None


def of_values(type_name: str, values: list) -> Stats:
    """The statistics of a column; `values` are those that are there (strings as bytes)."""
    if type_name in STRING_TYPES:
        bounds = (lower_bound(min(values)), upper_bound(max(values))) if values else (None, None)
        return Stats(len(values), *bounds, _within_limits(values))
    numbers = [value for value in values if not (type_name == "float" and math.isnan(value))]
    extra = len(numbers) < len(values) if type_name == "float" else None
    return Stats(len(values), min(numbers, default=None), max(numbers, default=None), extra)


def merge(left: Stats, right: Stats) -> Stats:
    """What is known of two columns together: bounds widen, `extra` is the union within limits."""
    if left.present == 0 or right.present == 0:
        return left if right.present == 0 else right
    try:
        low = None if left.min is None or right.min is None else min(left.min, right.min)
        high = None if left.max is None or right.max is None else max(left.max, right.max)
    except TypeError:
        raise Violation("S6.5", "statistics of one field are of two types") from None
    extra = None
    if isinstance(left.extra, bool) and isinstance(right.extra, bool):
        extra = left.extra or right.extra
    elif isinstance(left.extra, list) and isinstance(right.extra, list):
        extra = _within_limits(left.extra + right.extra)
    return Stats(left.present + right.present, low, high, extra)


def merge_maps(maps: list) -> dict:
    """The merged statistics of several entries; a column that one lacks counts as empty there."""
    result = {}
    for one in maps:
        for field, stats in one.items():
            result[field] = merge(result[field], stats) if field in result else stats
    return dict(sorted(result.items()))


def parse(value, name: str) -> dict:
    """The map from field id to `Stats`, each of one of the four kinds of section 6.3 (S3.9)."""
    result = {}
    for field, parts in shape.mapping(value, name).items():
        shape.uint(field, f"a key of {name}")
        shape.array(parts, f"{name}.{field}")
        require(len(parts) == 4, "S3.9", f"{name}.{field} must have 4 parts, has {len(parts)}")
        stats = Stats(*parts)
        shape.uint(stats.present, f"{name}.{field}.present")
        require(_kinds(stats) != set(), "S3.9", f"{name}.{field} is {parts!r:.80}")
        result[field] = stats
    return result


def _kinds(stats: Stats) -> set:
    """The kinds of column these statistics may belong to; none if they contradict themselves."""
    kinds = {"bool", "int", "float", "bytes"}
    for bound in (stats.min, stats.max):
        if isinstance(bound, bool):
            kinds &= {"bool"}
        elif isinstance(bound, int):
            shape.integer(bound, "a bound")
            kinds &= {"int"}
        elif isinstance(bound, float):
            kinds &= set() if math.isnan(bound) else {"float"}
        elif isinstance(bound, bytes):
            kinds &= {"bytes"} if len(bound) <= BOUND_BYTES else set()
        elif bound is not None:
            return set()
    if stats.min is not None and stats.max is not None and len(kinds) == 1 and stats.min > stats.max:
        return set()
    if isinstance(stats.extra, bool):
        kinds &= {"float"}
    elif isinstance(stats.extra, list):
        words = stats.extra
        good = all(isinstance(word, bytes) for word in words) and words == _within_limits(words)
        kinds &= {"bytes"} if good else set()
    elif stats.extra is None:
        kinds -= {"float"}
    else:
        return set()
    return kinds


def check_type(stats: Stats, type_name: str, name: str) -> None:
    """The statistics are of the kind that the field's type has (6.3)."""
    require(
        _KIND_OF_TYPE[type_name] in _kinds(stats),
        "S6.5",
        f"{name} are not statistics of a {type_name}",
    )


def check_cover(stated: dict, truth: dict, name: str) -> None:
    """`stated` has the columns of `truth`, counts them exactly, and is never narrower (S6.5)."""
    require(
        set(stated) == set(truth),
        "S6.5",
        f"{name} has statistics of fields {sorted(stated)}, its columns are {sorted(truth)}",
    )
    for field, true in truth.items():
        mine = stated[field]
        try:
            _check_cover_one(mine, true, f"statistics of field {field} in {name}")
        except TypeError:
            raise Violation("S6.5", f"statistics of field {field} in {name} mix types") from None


def _check_cover_one(mine: Stats, true: Stats, name: str) -> None:
    require(
        mine.present == true.present, "S6.5", f"{name}: present {mine.present}, not {true.present}"
    )
    if true.present == 0:
        return
    low_ok = mine.min is None or true.min is not None and mine.min <= true.min
    high_ok = mine.max is None or true.max is not None and mine.max >= true.max
    require(low_ok, "S6.5", f"{name}: min {mine.min!r:.80} is above {true.min!r:.80}")
    require(high_ok, "S6.5", f"{name}: max {mine.max!r:.80} is below {true.max!r:.80}")
    if isinstance(true.extra, bool):
        require(mine.extra is True or true.extra is False, "S6.5", f"{name}: a NaN is not told")
    if isinstance(mine.extra, list):
        covered = isinstance(true.extra, list) and set(true.extra) <= set(mine.extra)
        require(covered, "S6.5", f"{name}: distinct values are missing")
