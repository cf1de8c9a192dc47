"""Addresses, names and CBOR (chapters 1 to 3)."""

from dreamdb_reference import address, cbor

from .notation import exact, refuse


def addresses() -> dict:
    inputs = {
        f"{size} bytes": bytes(i % 251 for i in range(size))
        for size in (0, 1, 3, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3072, 4097)
    }
    accept = []
    for name, data in inputs.items():
        found = address.address_of(data)
        accept.append(
            {
                "name": f"identity bytes i mod 251, {name}",
                "hex": data.hex(),
                "value": {"address": {"hex": found.hex()}, "text": address.to_text(found)},
            }
        )
    good = address.to_text(address.address_of(b""))
    last = "abcdefghijklmnopqrstuvwxyz234567".index(good[-1])
    padded = good[:-1] + "abcdefghijklmnopqrstuvwxyz234567"[last | 1]
    hash_of_sha = "d" + "6" + good[2:]
    refused = {
        "empty": "",
        "52 characters": good[:-1],
        "54 characters": good + "a",
        "upper case": good.upper(),
        "padding bit not zero": padded,
        "other first byte": hash_of_sha,
        "digit outside the alphabet": good[:5] + "1" + good[6:],
        "padding character": good[:-1] + "=",
        "a slash": good[:5] + "/" + good[6:],
        "a space before": " " + good[:-1],
    }
    return {
        "title": "Addresses and their text form (1.2): hex is the identity bytes; "
        "refused are texts",
        "accept": accept,
        "refuse": [
            {"name": name, "text": text, "invariant": "S1.2"} for name, text in refused.items()
        ],
    }


def names() -> dict:
    refs = [
        "main",
        "a",
        "0",
        "main@v1",
        "_",
        "-",
        "@",
        "a/b",
        "team/alice/try-1",
        "x" * 64,
        "/".join("a" * 16),
        "/".join(["y" * 64] * 16),
    ]
    bad = [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "Main",
        "a.b",
        ".",
        "..",
        "a/../b",
        "a b",
        "a\n",
        "a\0",
        "x" * 65,
        "/".join("a" * 17),
        "\u00e4",
        "\uff41",
        "a\\b",
        "a:b",
        "a%2f",
        "~",
        "\u0661",
    ]
    keys = {"genesis": "genesis", "manifest": "manifests", "page": "pages", "segment": "segments"}
    one = address.address_of(b"")
    locators = [
        "file:///data/pets",
        "file:///data/pets@main@v1",
        "file:///data/pets@a/b",
        "memory://pets",
        "memory://pets@v1",
        "s3://bucket/prefix@v1",
        "s3://bucket",
        "http://me@host:80/b/p@x",
        "http://me@host:80/b/p",
    ]
    split = [
        {"name": text, "value": dict(zip(("url", "ref"), address.split_locator(text)))}
        for text in locators
    ]
    return {
        "title": "Ref names (2, S2.3), keys of objects, and locators",
        "accept": [{"name": name, "value": {"key": f"refs/{name}"}} for name in refs],
        "refuse": [{"name": name, "invariant": "S2.3"} for name in bad],
        "keys": [
            {"kind": kind, "address": {"hex": one.hex()}, "key": address.object_key(folder, one)}
            for kind, folder in keys.items()
        ],
        "locators": split,
    }


def _nested(levels: int) -> bytes:
    return b"\x81" * (levels - 1) + b"\x80"


def cbor_items() -> dict:
    integers = [
        0,
        1,
        23,
        24,
        255,
        256,
        65535,
        65536,
        2**32 - 1,
        2**32,
        2**63 - 1,
        2**63,
        2**64 - 1,
        -1,
        -24,
        -25,
        -256,
        -257,
        -65536,
        -65537,
        -(2**32),
        -(2**32) - 1,
        -(2**63),
    ]
    floats = [
        0.0,
        -0.0,
        1.0,
        1.5,
        65504.0,
        65505.0,
        65536.0,
        100000.0,
        3.4028234663852886e38,
        1e39,
        1.1,
        -4.1,
        2.0**-24,
        2.0**-25,
        2.0**-14,
        2.0**-149,
        2.0**-150,
        5e-324,
        1.7976931348623157e308,
        float("inf"),
        float("-inf"),
        float("nan"),
        1 + 2.0**-10,
        1 + 2.0**-11,
        1 + 2.0**-23,
        1 + 2.0**-24,
    ]
    texts = [
        "",
        "a",
        "IETF",
        '"\\',
        "\u00fc",
        "\u6c34",
        "\U00010151",
        "x" * 23,
        "x" * 24,
        "x" * 256,
        "a\0b",
    ]
    strings = [b"", b"\0", bytes(range(24)), bytes(256)]
    nested = 0
    for _ in range(15):
        nested = [nested]
    others = [
        False,
        True,
        None,
        [],
        [1, [2, 3]],
        list(range(25)),
        {},
        {"a": 1},
        {0: 0, 1: 1, 24: 2, "": 3, "a": 4, "b": 5, "aa": 6},
        {10: 1, 100: 2, "z": 3, "aa": 4},
        {"a": {"b": [{"c": None}]}},
        [nested],
    ]
    accept = []
    for value in integers + floats + texts + strings + others:
        data = cbor.encode(value)
        accept.append(
            {"name": repr(value)[:60], "hex": data.hex(), "value": exact(cbor.decode(data))}
        )
    cases = [
        ("uint 23 in two bytes", "1817", "S3.1"),
        ("uint 255 in three bytes", "1900ff", "S3.1"),
        ("uint 65535 in five bytes", "1a0000ffff", "S3.1"),
        ("uint 2^32-1 in nine", "1b00000000ffffffff", "S3.1"),
        ("negative in two bytes", "3800", "S3.1"),
        ("text length in two bytes", "780161", "S3.1"),
        ("bytes length in two bytes", "580100", "S3.1"),
        ("array count in two bytes", "980100", "S3.1"),
        ("map count in two bytes", "b801616100", "S3.1"),
        ("indefinite bytes", "5f4100ff", "S3.1"),
        ("indefinite text", "7f6161ff", "S3.1"),
        ("indefinite array", "9f00ff", "S3.1"),
        ("indefinite map", "bf616100ff", "S3.1"),
        ("below -2^63", "3b8000000000000000", "S3.1"),
        ("least negative of CBOR", "3bffffffffffffffff", "S3.1"),
        ("1.0 as f32", "fa3f800000", "S3.2"),
        ("1.0 as f64", "fb3ff0000000000000", "S3.2"),
        ("100000.0 as f64", "fb40f86a0000000000", "S3.2"),
        ("infinity as f32", "fa7f800000", "S3.2"),
        ("NaN as f32", "fa7fc00000", "S3.2"),
        ("NaN as f64", "fb7ff8000000000000", "S3.2"),
        ("NaN with a payload", "f97e01", "S3.2"),
        ("negative NaN", "f9fe00", "S3.2"),
        ("signalling NaN", "f97d00", "S3.2"),
        ("f64 NaN with a payload", "fb7ff0000000000001", "S3.2"),
        ("keys out of order", "a2616200616100", "S3.3"),
        ("key twice", "a2616100616100", "S3.3"),
        ("longer key first", "a262616100616200", "S3.3"),
        ("text key before uint", "a26161000000", "S3.3"),
        ("negative key", "a12000", "S3.3"),
        ("bytes key", "a1410000", "S3.3"),
        ("array key", "a18000", "S3.3"),
        ("bool key", "a1f500", "S3.3"),
        ("null key", "a1f600", "S3.3"),
        ("float key", "a1f93c0000", "S3.3"),
        ("text ff", "61ff", "S3.4"),
        ("overlong text", "62c080", "S3.4"),
        ("surrogate", "63eda080", "S3.4"),
        ("cut character", "61c3", "S3.4"),
        ("above U+10FFFF", "64f4908080", "S3.4"),
        ("tag 0", "c000", "S3.4"),
        ("tag 2 bignum", "c24101", "S3.4"),
        ("self-described", "d9d9f700", "S3.4"),
        ("undefined", "f7", "S3.4"),
        ("simple 0", "e0", "S3.4"),
        ("simple 19", "f3", "S3.4"),
        ("simple 32", "f820", "S3.4"),
        ("false in two bytes", "f814", "S3.4"),
        ("17 levels", _nested(17).hex(), "S3.5"),
        ("1000 levels", _nested(1000).hex(), "S3.5"),
        ("17 levels of maps", (b"\xa1\x00" * 16 + b"\xa0").hex(), "S3.5"),
        ("nothing", "", "S3.5"),
        ("a byte follows", "0000", "S3.5"),
        ("cut uint", "19ff", "S3.5"),
        ("cut bytes", "4200", "S3.5"),
        ("cut text", "6261", "S3.5"),
        ("cut array", "8200", "S3.5"),
        ("cut map", "a16161", "S3.5"),
        ("cut float", "fb3ff0", "S3.5"),
        ("34 GB of bytes", "5b0000000800000000", "S3.5"),
        ("34 G items", "9b0000000800000000", "S3.5"),
        ("2^64-1 pairs", "bbffffffffffffffff", "S3.5"),
        ("2^64-1 bytes of text", "7bffffffffffffffff", "S3.5"),
        ("reserved 28", "1c", "S3.6"),
        ("reserved 29", "5d", "S3.6"),
        ("reserved 30", "9e", "S3.6"),
        ("reserved simple 28", "fc", "S3.6"),
        ("lone break", "ff", "S3.6"),
        ("indefinite uint", "1f", "S3.6"),
        ("indefinite negative", "3f", "S3.6"),
        ("indefinite tag", "df", "S3.6"),
        ("break in an array", "81ff", "S3.6"),
    ]
    return {
        "title": "Deterministic CBOR (3): every item accepted encodes to the same bytes again",
        "accept": accept,
        "refuse": [refuse(name, bytes.fromhex(data), rule) for name, data, rule in cases],
    }
