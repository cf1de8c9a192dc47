"""Pages, statistics and ledger entries (chapter 6)."""

from dreamdb_reference import cbor, pages, stats
from dreamdb_reference.pages import InnerEntry, LeafEntry
from dreamdb_reference.stats import Stats

from .notation import name_of, nonce, plain, refuse
from .versions import envelope_refusals

_NAN = float("nan")


def _leaf(number: int, **changes) -> LeafEntry:
    first = 1000 * number
    entry = LeafEntry(
        first, first + 990, 10, 100, 100, number, name_of(f"segment {number}"), 5000, 400, {}
    )
    return entry._replace(**changes)


def every_stats() -> dict:
    """Statistics of a column of each type."""
    return {
        1: Stats(100, False, True, None),
        2: Stats(99, -5, 2**63 - 1, None),
        3: Stats(98, -1.5, 1e300, True),
        4: Stats(97, b"cat", b"dog", [b"cat", b"dog"]),
        5: Stats(96, b"a" * 32, b"z" * 31 + b"{", None),
        24: Stats(95, -(2**63), 0, None),
        300: Stats(1, None, None, True),
        70000: Stats(0, None, None, None),
    }


def _page(name: str, height: int, entries: list) -> dict:
    data = pages.encode_page(nonce(20), height, entries)
    pages.parse_page(data)
    return {"name": name, "hex": data.hex(), "value": plain(cbor.decode(data))}


def page() -> dict:
    one = _leaf(1, stats=every_stats())
    three = [one, _leaf(2, records=0, step=0, stats={2: Stats(3, 1, 9, None)}), _leaf(3)]
    left, right = (pages.encode_page(nonce(21), 0, part) for part in (three[:2], three[2:]))
    inner = [pages.inner_entry(left), pages.inner_entry(right)]
    top = pages.encode_page(nonce(22), 1, inner)
    single = LeafEntry(7, 7, 1, 1, 1, 0, name_of("one row"), 80 + 50, 50, {})
    same = sorted([_leaf(1, child=name_of(text)) for text in "abc"], key=pages.leaf_key)
    tied = [inner[0]._replace(child=name_of(text)) for text in ("x", "y")]
    accept = [
        _page("a leaf, statistics of every type", 0, [one]),
        _page("a leaf of three, one a layer", 0, three),
        _page("one row", 0, [single]),
        _page("the largest anchor", 0, [_leaf(1, first=2**64 - 992, last=2**64 - 2)]),
        _page("entries that differ by seq and child", 0, same + [_leaf(1, seq=9)]),
        _page("inner entries over two leaves", 1, inner),
        _page("height 2", 2, [pages.inner_entry(top)]),
        _page("inner entries that tie, in both orders of child", 1, tied),
        _page("the same, the other order", 1, tied[::-1]),
        _page("a leaf of 300 entries", 0, [_leaf(i) for i in range(300)]),
    ]
    accept[5]["below"] = [left.hex(), right.hex()]
    base = cbor.decode(pages.encode_page(nonce(20), 0, three[1:]))
    return {
        "title": "Pages (6); `below` has the pages that the entries of an inner page name",
        "accept": accept,
        "refuse": envelope_refusals(base, "page")
        + _leaf_refusals()
        + _inner_refusals(inner)
        + _stats_refusals(),
    }


def _leaf_refusals() -> list:
    cases = [
        ("no entries", [], "S6.2"),
        ("out of order", [_leaf(2), _leaf(1)], "S6.1"),
        ("an entry twice", [_leaf(1)] * 2, "S6.1"),
        ("seq out of order", [_leaf(1, seq=5), _leaf(1, seq=4)], "S6.1"),
        (
            "child out of order",
            sorted([_leaf(1, child=name_of(text)) for text in "ab"], reverse=True),
            "S6.1",
        ),
        ("9 parts", [list(_leaf(1))[:9]], "S3.9"),
        ("11 parts", [list(_leaf(1)) + [0]], "S3.9"),
        ("first above last", [_leaf(1, first=5, last=4, step=0, rows=1, records=1)], "S6.6"),
        ("last 2^64-1", [_leaf(1, first=2**64 - 991, last=2**64 - 1)], "S1.1"),
        ("no rows", [_leaf(1, rows=0, records=0, step=0)], "S6.6"),
        ("records of a part", [_leaf(1, records=50)], "S6.6"),
        ("step too small", [_leaf(1, step=9)], "S6.6"),
        ("more rows than anchors", [_leaf(1, step=0, last=1098)], "S6.6"),
        ("step of one row", [_leaf(1, first=5, last=5, step=10, rows=1, records=1)], "S6.6"),
        ("rows above 2^24", [_leaf(1, step=0, last=2**40, rows=2**24 + 1, records=0)], "S1.3"),
        ("segment above 4 GiB", [_leaf(1, size=2**32 + 1)], "S1.3"),
        ("footer above 16 MiB", [_leaf(1, size=2**30, footer=2**24 + 1)], "S1.3"),
        ("footer larger than the segment", [_leaf(1, size=1000, footer=921)], "S6.6"),
        ("child of 32 bytes", [_leaf(1, child=bytes(32))], "S1.2"),
        ("child without 1e", [_leaf(1, child=bytes(33))], "S1.2"),
        ("negative seq", [_leaf(1, seq=-1)], "S3.9"),
        ("stats null", [_leaf(1, stats=None)], "S3.9"),
    ]
    refused = [
        refuse(name, pages.encode_page(nonce(23), 0, entries), rule)
        for name, entries, rule in cases
    ]
    data = pages.encode_page(nonce(23), 13, [_leaf(1)])
    large = pages.encode_page(nonce(23), 0, [_leaf(i) for i in range(4400)])
    refused.append(refuse("height 13", data, "S1.3"))
    refused.append(
        {"name": "above 256 KiB: this many zero bytes", "zeros": len(large), "invariant": "S1.3"}
    )
    return refused


def _inner_refusals(inner: list) -> list:
    one: InnerEntry = inner[0]
    cases = [
        ("inner out of order", inner[::-1], "S6.1"),
        ("inner without segments", [one._replace(segments=0)], "S6.6"),
        (
            "inner seq out of order",
            [one._replace(seq=9), one._replace(seq=8, child=name_of("q"))],
            "S6.1",
        ),
        ("inner first above last", [one._replace(first=one.last + 1)], "S6.6"),
        ("more records than rows", [one._replace(records=one.rows + 1)], "S6.6"),
        ("page above 256 KiB", [one._replace(size=262145)], "S1.3"),
        ("inner of 9 parts", [list(one)[:9]], "S3.9"),
    ]
    refused = [
        refuse(name, pages.encode_page(nonce(24), 1, entries), rule)
        for name, entries, rule in cases
    ]
    return refused + [
        refuse("a leaf entry in an inner page", pages.encode_page(nonce(24), 1, [_leaf(1)]), "S3.9")
    ]


def _stats_refusals() -> list:
    cases = [
        ("3 parts", [1, 0, 0]),
        ("present negative", [-1, 0, 0, None]),
        ("bounds of two types", [1, 0, 1.5, None]),
        ("bool and int", [1, False, 1, None]),
        ("bound NaN", [1, _NAN, 1.5, False]),
        ("bound text", [1, "a", "b", None]),
        ("bound of 33 bytes", [1, b"a" * 33, b"b", None]),
        ("float without extra", [1, 0.5, 1.5, None]),
        ("int with extra", [1, 0, 1, True]),
        ("words out of order", [2, b"a", b"b", [b"b", b"a"]]),
        ("word twice", [2, b"a", b"b", [b"a", b"a"]]),
        ("9 words", [9, b"0", b"8", [b"%d" % i for i in range(9)]]),
        ("words of 129 bytes", [1, b"a" * 32, b"a" * 31 + b"b", [b"a" * 129]]),
        ("word as text", [1, b"a", b"a", ["a"]]),
        ("bound above 2^63-1", [1, 0, 2**63, None]),
        ("extra uint", [1, 0, 1, 1]),
        ("int minimum above the maximum", [2, 3, -3, None]),
        ("float minimum above the maximum", [2, 0.5, 0.25, False]),
        ("string minimum above the maximum", [2, b"b", b"a", None]),
    ]
    refused = [
        refuse(
            f"stats: {name}", pages.encode_page(nonce(25), 0, [_leaf(1, stats={1: value})]), "S3.9"
        )
        for name, value in cases
    ]
    return refused + [
        refuse(
            "stats: text key",
            pages.encode_page(nonce(25), 0, [_leaf(1, stats={"a": [0, None, None, None]})]),
            "S3.9",
        )
    ]


def statistics() -> dict:
    long, top = b"x" * 40, b"\xff" * 40
    columns = [
        ("bool", [True, False, True]),
        ("bool", [True]),
        ("int", [3, -7, 3]),
        ("int", [-(2**63), 2**63 - 1]),
        ("timestamp", [5]),
        ("float", [1.5, -2.0]),
        ("float", [1.5, _NAN]),
        ("float", [_NAN]),
        ("float", [float("inf"), float("-inf"), 0.0]),
        ("string", [b"b", b"a", b"b"]),
        ("string", [b""]),
        ("categorical", [b"%d" % i for i in range(8)]),
        ("categorical", [b"%d" % i for i in range(9)]),
        ("string", [b"y" * 32]),
        ("string", [long]),
        ("string", [b"a", long]),
        ("string", [b"y" * 31 + b"\xff" + b"tail"]),
        ("string", [b"q" + b"\xff" * 31 + b"tail"]),
        ("string", [b"\xff" * 32]),
        ("string", [top]),
        ("string", [b"a", top]),
        ("string", ["\u00e4".encode() * 20]),
        ("string", [b"a" * 64, b"b" * 64]),
        ("string", [b"a" * 64, b"b" * 65]),
    ]
    accept = []
    for kind, values in columns:
        found = stats.of_values(kind, values)
        accept.append(
            {
                "name": f"{kind} {values!r}"[:70],
                "type": kind,
                "values": plain(values),
                "hex": cbor.encode(found).hex(),
                "value": plain(found),
            }
        )
    return {
        "title": "Statistics of a column's values (6.3), and merged ones; hex encodes the value",
        "accept": accept,
        "refuse": [],
        "merge": _merges(),
    }


def _merges() -> list:
    ints, unknown = Stats(2, 1, 5, None), Stats(3, None, None, None)
    words = [Stats(1, word, word, [word]) for word in (b"a", b"b")]
    eight = stats.of_values("string", [b"%d" % i for i in range(8)])
    pairs = [
        ("ints", ints, Stats(1, -4, 3, None)),
        ("an unknown bound", ints, Stats(1, None, 9, None)),
        ("unknown", ints, unknown),
        ("an empty side", ints, Stats(0, None, None, None)),
        ("words", *words),
        ("nine words", eight, words[0]),
        ("no words known", words[0], Stats(4, b"q", None, None)),
        ("an empty side of words", words[1], Stats(0, None, None, [])),
        (
            "words of 128 bytes",
            stats.of_values("string", [b"a" * 64]),
            stats.of_values("string", [b"b" * 64]),
        ),
        (
            "words of 129 bytes",
            stats.of_values("string", [b"a" * 64]),
            stats.of_values("string", [b"b" * 65]),
        ),
        ("NaN", Stats(1, 0.5, 0.5, False), Stats(2, 0.25, 0.25, True)),
        ("only NaN", Stats(1, 0.5, 0.5, False), Stats(2, None, None, True)),
        ("bools", Stats(1, False, False, None), Stats(1, True, True, None)),
    ]
    result = []
    for name, left, right in pairs:
        merged = stats.merge(left, right)
        assert merged == stats.merge(right, left)
        result.append(
            {"name": name, "left": plain(left), "right": plain(right), "value": plain(merged)}
        )
    return result


def ledger() -> dict:
    accept = []
    for key, rows, seq in (
        ("job-1/chunk-0", 0, 0),
        ("job-1/chunk-1", 1000, 3),
        ("", 1, 1),
        ("\u00fc\u6c34", 2**40, 2**63),
    ):
        entry = pages.ledger_entry(key, rows, seq)
        data = pages.encode_page(nonce(30), 0, [entry])
        pages.parse_page(data)
        accept.append(
            {
                "name": repr(key),
                "key": key,
                "rows": rows,
                "seq": seq,
                "hex": data.hex(),
                "value": plain(entry),
            }
        )
    entry = pages.ledger_entry("job", 10, 1)
    top = LeafEntry(2**64 - 2, 2**64 - 2, 1, 1, 0, 1, b"\x1e" + b"\xff" * 32, 0, 0, {})
    data = pages.encode_page(nonce(30), 0, [top])
    accept.append(
        {
            "name": "hash begins with 2^64-1",
            "key": None,
            "rows": 0,
            "seq": 1,
            "hex": data.hex(),
            "value": plain(top),
        }
    )
    cases = [
        ("first is not of the hash", entry._replace(first=entry.first + 1, last=entry.first + 1)),
        ("last above first", entry._replace(last=entry.first + 1)),
        ("step 0", entry._replace(step=0)),
        ("records 1", entry._replace(records=1)),
        ("a footer", entry._replace(footer=1)),
        ("statistics", entry._replace(stats={1: Stats(0, None, None, None)})),
    ]
    refused = [
        refuse(name, pages.encode_page(nonce(30), 0, [changed]), "S6.7") for name, changed in cases
    ]
    mixed = sorted([entry, _leaf(1)], key=pages.leaf_key)
    refused.append(refuse("mixed with segments", pages.encode_page(nonce(30), 0, mixed), "S6.7"))
    refused.append(
        refuse("no rows", pages.encode_page(nonce(30), 0, [entry._replace(rows=0)]), "S6.6")
    )
    return {
        "title": "Ledger entries (6.4): hex is a page with the one entry `value`",
        "accept": accept,
        "refuse": refused,
    }
