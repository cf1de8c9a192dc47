"""Genesis, refs, manifests and ancestor lists (chapters 4 and 5)."""

from dreamdb_reference import cbor, structures
from dreamdb_reference.structures import Root

from .notation import name_of, nonce, plain, refuse, without


def _envelope_refusals(value: dict, kind: str) -> list:
    other = "page" if kind != "page" else "ref"
    cases = [
        ("kind of another", value | {"kind": other}, "S3.7"),
        ("version 0", value | {"v": 0}, "S3.7"),
        ("no kind", without(value, "kind"), "S3.8"),
        ("no nonce", without(value, "nonce"), "S3.8"),
        ("unknown key", value | {"zzz": 0}, "S3.8"),
        ("unknown uint key", value | {7: 0}, "S3.8"),
        ("short nonce", value | {"nonce": value["nonce"][:15]}, "S3.9"),
        ("long nonce", value | {"nonce": value["nonce"] + b"\0"}, "S3.9"),
        ("nonce as text", value | {"nonce": "0123456789abcdef"}, "S3.9"),
    ]
    refused = [refuse(name, cbor.encode(changed), rule) for name, changed, rule in cases]
    future = value | {"v": 2, "new in version 2": [1, 2]}
    refused.append(refuse("version 2", cbor.encode(future), "S3.7", code="Unsupported"))
    refused.append(refuse("an array", cbor.encode([value]), "S3.9"))
    refused.append(refuse("a byte follows", cbor.encode(value) + b"\0", "S3.5"))
    refused.append(refuse("last byte cut", cbor.encode(value)[:-1], "S3.5"))
    return refused


def _accepted(name: str, data: bytes, parse) -> dict:
    parse(data)
    return {"name": name, "hex": data.hex(), "value": plain(cbor.decode(data))}


def genesis() -> dict:
    plain_one = structures.encode_genesis(nonce(1), 0, 1_700_000_000_000_000_000)
    accept = [_accepted("origin 0", plain_one, structures.parse_genesis)]
    for name, origin in (
        ("before 1970", -1_000_000_000),
        ("least origin", -(2**63)),
        ("largest origin", 2**63 - 1),
    ):
        data = structures.encode_genesis(nonce(2), origin, 2**64 - 1)
        accept.append(_accepted(name, data, structures.parse_genesis))
    value = cbor.decode(plain_one)
    cases = [
        ("no origin", without(value, "origin_ns"), "S3.8"),
        ("no time", without(value, "time_ns"), "S3.8"),
        ("origin above 2^63-1", value | {"origin_ns": 2**63}, "S3.9"),
        ("origin as float", value | {"origin_ns": 0.0}, "S3.9"),
        ("negative time", value | {"time_ns": -1}, "S3.9"),
        ("time null", value | {"time_ns": None}, "S3.9"),
    ]
    return {
        "title": "Genesis (4.1)",
        "accept": accept,
        "refuse": _envelope_refusals(value, "genesis")
        + [refuse(name, cbor.encode(changed), rule) for name, changed, rule in cases],
    }


def ref() -> dict:
    def checked(value: dict) -> bytes:
        rest = without(value, "check")
        return cbor.encode(rest | {"check": structures._ref_check(rest)})

    branch = structures.encode_ref(
        nonce(3), name_of("manifest"), 0, nonce(4), False, 1_700_000_000_000_000_001
    )
    snapshot = structures.encode_ref(nonce(5), name_of("manifest"), 2**64 - 1, nonce(6), True, 0)
    value = cbor.decode(branch)
    cases = [
        ("snapshot as uint", value | {"snapshot": 0}, "S3.9"),
        ("no write", without(value, "write"), "S3.8"),
        ("short write", value | {"write": bytes(15)}, "S3.9"),
        ("manifest of 32 bytes", value | {"manifest": bytes(32)}, "S1.2"),
        ("manifest without 1e", value | {"manifest": bytes(33)}, "S1.2"),
        ("epoch negative", value | {"epoch": -1}, "S3.9"),
        ("unknown key", value | {"zzz": 1}, "S3.8"),
    ]
    refused = [refuse(name, checked(changed), rule) for name, changed, rule in cases]
    flipped = bytes([value["check"][0] ^ 1]) + value["check"][1:]
    broken = [
        ("check flipped", value | {"check": flipped}),
        ("epoch changed", value | {"epoch": 1}),
        ("manifest changed", value | {"manifest": name_of("another")}),
        ("snapshot changed", value | {"snapshot": True}),
        ("time changed", value | {"time_ns": 0}),
    ]
    refused += [refuse(name, cbor.encode(changed), "S4.1") for name, changed in broken]
    refused.append(refuse("no check", cbor.encode(without(value, "check")), "S3.8"))
    refused.append(refuse("version 2", checked(value | {"v": 2}), "S3.7", code="Unsupported"))
    return {
        "title": "Refs (4.2)",
        "accept": [
            _accepted("a branch", branch, structures.parse_ref),
            _accepted("a snapshot", snapshot, structures.parse_ref),
        ],
        "refuse": refused,
    }


def ancestor_chain(depth: int) -> list:
    """The ancestor list of the version at `depth`, version d having the address of "version d"."""
    ancestors = []
    for parent in range(depth):
        ancestors = structures.child_ancestors(parent, name_of(f"version {parent}"), ancestors)
    return ancestors


def ancestors() -> dict:
    accept = []
    for depth in list(range(41)) + [1000, 65536]:
        chain = ancestor_chain(depth)
        accept.append(
            {
                "name": f"depth {depth}",
                "depth": depth,
                "hex": cbor.encode(chain).hex(),
                "value": [one[0] for one in chain],
            }
        )
    return {
        "title": "Ancestor lists (5.3): value is the depths; the address of the version at depth d "
        'is that of the identity bytes "version d"; hex encodes the array of [depth, address]',
        "accept": accept,
        "refuse": [],
    }


def _field(number: int, name: str, kind: str, **more) -> dict:
    return {"id": number, "name": name, "type": kind, "required": False, **more}


def every_field() -> list:
    """A schema with a field of each type."""
    return [
        _field(1, "photo", "image", mime="image/png") | {"required": True},
        _field(2, "sound", "audio", mime="audio/wav"),
        _field(3, "clip", "video", mime=""),
        _field(4, "caption", "text", info={"language": "de"}),
        _field(5, "raw", "blob"),
        _field(6, "vector", "embedding", dim=512, dtype="f32", algorithm="dreamdb.ivf-cosine"),
        _field(7, "pose", "array", dtype="f64", shape=[4, 4], info={"frame": "world", "unit": "m"}),
        _field(8, "ok", "bool"),
        _field(10, "count", "int"),
        _field(9, "score", "float"),
        _field(11, "na\u00efve n\u00e4me", "string"),
        _field(12, "label", "categorical"),
        _field(13, "seen", "timestamp"),
    ]


def _first(**changes) -> dict:
    return {
        "timeline": name_of("genesis"),
        "generation": 0,
        "depth": 0,
        "parents": [],
        "ancestors": [],
        "schema": {"fields": [], "next": 1},
        "tracks": [],
        "ledger": None,
        "tombstones": None,
        "operation": "create",
        "writer": "reference 1",
        "write": nonce(11),
        "time_ns": 5,
        "meta": {},
    } | changes


def _later(depth: int, **changes) -> dict:
    chain = [list(one) for one in ancestor_chain(depth)]
    return (
        _first(
            generation=depth,
            depth=depth,
            parents=[chain[0][1]],
            ancestors=chain,
            operation="append",
        )
        | changes
    )


def manifest() -> dict:
    roots = [
        Root(0, name_of("page 0"), 300, 0, 0, 999, 1500, 1000, 2, 70000),
        Root(1, name_of("page 1"), 4000, 1, 0, 999, 1000, 1000, 40, 2**40),
        Root(6, name_of("page 6"), 262144, 12, 3, 2**64 - 2, 2**63, 2**63, 2**33, 2**63),
    ]
    schema = {"fields": every_field(), "next": 20}
    ledger = Root(0, name_of("ledger"), 200, 0, 5, 5, 11, 0, 1, 0)
    full = _later(
        7,
        schema=schema,
        tracks=roots,
        ledger=ledger,
        meta={"owner": "me", "": "", "k": "v"},
        generation=9,
        parents=[name_of("version 6"), name_of("another branch")],
    )
    accept = []
    for name, keys in (
        ("the first", _first()),
        ("every type, tracks, ledger, two parents", full),
        ("depth 40", _later(40)),
        ("depth 1000", _later(1000, generation=2000)),
        (
            "limits of text",
            _first(
                operation="x" * 64,
                writer="y" * 1024,
                schema={"fields": [_field(1, "n" * 255, "int")], "next": 2},
            ),
        ),
        (
            "arrays of zero bytes and of no dimension",
            _first(
                schema={
                    "fields": [
                        _field(1, "a", "array", dtype="u8", shape=[3, 0]),
                        _field(2, "b", "array", dtype="bf16", shape=[]),
                    ],
                    "next": 3,
                }
            ),
        ),
    ):
        accept.append(
            _accepted(
                name, structures.encode_manifest(nonce(12), **keys), structures.parse_manifest
            )
        )
    few = {"fields": [every_field()[0], every_field()[7]], "next": 14}
    base = cbor.decode(
        structures.encode_manifest(nonce(12), **full | {"schema": few, "tracks": roots[:2]})
    )
    return {
        "title": "Manifests (5)",
        "accept": accept,
        "refuse": _envelope_refusals(base, "manifest")
        + _manifest_refusals(base)
        + _schema_refusals(),
    }


def _manifest_refusals(base: dict) -> list:
    tracks, chain = base["tracks"], base["ancestors"]
    zero = bytes(33)
    cases = [
        ("tombstones not null", {"tombstones": [1]}, "S3.9"),
        ("meta not text", {"meta": {"a": 1}}, "S3.9"),
        ("ledger of field 1", {"ledger": [1] + base["ledger"][1:]}, "S5.5"),
        ("timeline no address", {"timeline": zero}, "S1.2"),
        ("write of 15 bytes", {"write": bytes(15)}, "S3.9"),
        ("operation of 65 bytes", {"operation": "x" * 65}, "S1.3"),
        ("writer above 1 KiB", {"writer": "x" * 1025}, "S1.3"),
        ("257 keys of meta", {"meta": {str(i): "" for i in range(257)}}, "S1.3"),
        ("tracks descending", {"tracks": tracks[::-1]}, "S5.5"),
        ("track twice", {"tracks": [tracks[0]] * 2}, "S5.5"),
        ("track of a scalar", {"tracks": [[8] + tracks[0][1:]]}, "S5.5"),
        ("track of no field", {"tracks": [[14] + tracks[0][1:]]}, "S5.5"),
        ("root of 9 parts", {"tracks": [tracks[0][:9]]}, "S3.9"),
        ("root of 11 parts", {"tracks": [tracks[0] + [0]]}, "S3.9"),
        ("root of height 13", {"tracks": [tracks[0][:3] + [13] + tracks[0][4:]]}, "S1.3"),
        ("root page above 256 KiB", {"tracks": [tracks[0][:2] + [262145] + tracks[0][3:]]}, "S1.3"),
        ("root first above last", {"tracks": [tracks[0][:4] + [9, 8] + tracks[0][6:]]}, "S6.6"),
        ("root last 2^64-1", {"tracks": [tracks[0][:5] + [2**64 - 1] + tracks[0][6:]]}, "S1.1"),
        ("no parents at depth 7", {"parents": []}, "S5.5"),
        ("parent twice", {"parents": [base["parents"][0]] * 2}, "S5.5"),
        ("generation below depth", {"generation": 6}, "S5.5"),
        ("no ancestors", {"ancestors": []}, "S5.4"),
        ("ancestor left out", {"ancestors": chain[:-1]}, "S5.4"),
        (
            "depth of an ancestor",
            {"ancestors": chain[:-1] + [[chain[-1][0] + 1, chain[-1][1]]]},
            "S5.4",
        ),
        (
            "ancestor is not the parent",
            {"ancestors": [[chain[0][0], name_of("x")]] + chain[1:]},
            "S5.4",
        ),
    ]
    refused = [refuse(name, cbor.encode(base | changes), rule) for name, changes, rule in cases]
    first = cbor.decode(structures.encode_manifest(nonce(12), **_first()))
    more = [
        ("generation 1 at depth 0", {"generation": 1}, "S5.5"),
        ("a parent at depth 0", {"parents": [name_of("x")]}, "S5.5"),
        ("an ancestor at depth 0", {"ancestors": [[0, name_of("x")]]}, "S5.4"),
    ]
    return refused + [
        refuse(name, cbor.encode(first | changes), rule) for name, changes, rule in more
    ]


def _schema_refusals() -> list:
    one = _field(1, "a", "int")
    embedding = _field(1, "a", "embedding", dim=4, dtype="f32", algorithm="")
    array = _field(1, "a", "array", dtype="f32", shape=[2])
    cases = [
        ("id 0", [one | {"id": 0}], "S5.2"),
        ("id twice", [one, one | {"name": "b"}], "S5.2"),
        ("name twice", [one, one | {"id": 2}], "S5.2"),
        ("id not below next", [one | {"id": 9}], "S5.2"),
        ("empty name", [one | {"name": ""}], "S1.3"),
        ("name of 256 bytes", [one | {"name": "\u00e4" * 128}], "S1.3"),
        ("newline in a name", [one | {"name": "a\nb"}], "S1.3"),
        ("DEL in a name", [one | {"name": "a\x7f"}], "S1.3"),
        ("unknown type", [one | {"type": "decimal"}], "S3.9"),
        ("int with mime", [one | {"mime": ""}], "S3.8"),
        ("image without mime", [one | {"type": "image"}], "S3.8"),
        ("no required", [without(one, "required")], "S3.8"),
        ("required as uint", [one | {"required": 1}], "S3.9"),
        ("info not text", [one | {"info": {"a": 1}}], "S3.9"),
        ("info empty", [one | {"info": {}}], "S3.8"),
        ("embedding of f64", [embedding | {"dtype": "f64"}], "S3.9"),
        ("embedding of dim 0", [embedding | {"dim": 0}], "S1.3"),
        ("embedding above 65,536", [embedding | {"dim": 65537}], "S1.3"),
        ("embedding without algorithm", [without(embedding, "algorithm")], "S3.8"),
        ("unknown dtype", [array | {"dtype": "f128"}], "S3.9"),
        ("33 dimensions", [array | {"shape": [1] * 33}], "S1.3"),
        ("row above 1 GiB", [array | {"shape": [2**14, 2**14, 2]}], "S1.3"),
        ("row beyond 2^64", [array | {"shape": [2**32, 2**32]}], "S1.3"),
        ("a row of none, but 2^64 beside it", [array | {"shape": [2**32, 0, 2**32]}], "S1.3"),
        ("shape negative", [array | {"shape": [-1]}], "S3.9"),
    ]
    first = cbor.decode(structures.encode_manifest(nonce(12), **_first()))
    refused = [
        refuse(name, cbor.encode(first | {"schema": {"fields": fields, "next": 9}}), rule)
        for name, fields, rule in cases
    ]
    many = [_field(i + 1, str(i), "int") for i in range(1025)]
    whole = [
        ("1025 fields", {"fields": many, "next": 2000}, "S1.3"),
        ("next above 32 bits", {"fields": [one], "next": 2**32}, "S5.2"),
        ("id above 32 bits", {"fields": [one | {"id": 2**32}], "next": 2**32 + 1}, "S5.2"),
    ]
    return refused + [
        refuse(name, cbor.encode(first | {"schema": schema}), rule) for name, schema, rule in whole
    ]
