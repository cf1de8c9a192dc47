"""Manifests (chapters 5 and 12.8)."""

from dreamdb_reference import cbor, structures
from dreamdb_reference.structures import Index, Root

from .notation import name_of, nonce, refuse, without
from .versions import accepted, ancestor_chain, envelope_refusals


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
            accepted(
                name, structures.encode_manifest(nonce(12), **keys), structures.parse_manifest
            )
        )
    accept += _with_indexes() + _with_tombstones()
    few = {"fields": [every_field()[0], every_field()[7]], "next": 14}
    base = cbor.decode(
        structures.encode_manifest(nonce(12), **full | {"schema": few, "tracks": roots[:2]})
    )
    return {
        "title": "Manifests (5)",
        "accept": accept,
        "refuse": envelope_refusals(base, "manifest")
        + _manifest_refusals(base)
        + _index_refusals()
        + _tombstone_refusals()
        + _schema_refusals(),
    }


def _index(field: int, **changes) -> Index:
    """An index of 1,024 cells over a field with codes of all but its last rows."""
    codes = Root(field, name_of(f"codes {field}"), 5000, 1, 0, 899, 900, 900, 30, 2**20)
    covered = Root(field, name_of(f"covered {field}"), 4000, 1, 0, 899, 900, 900, 36, 2**30)
    spatial = name_of(f"spatial {field}")
    return Index(field, spatial, 2**21 + 4800, 4640, codes, covered)._replace(**changes)


def _two_embeddings(**changes) -> dict:
    """A version with two embeddings, a scalar and a blob, of which the first has a track."""
    fields = [every_field()[4], every_field()[5], every_field()[7]]
    fields.append(_field(20, "sketch", "embedding", dim=3, dtype="f16", algorithm=""))
    tracks = [
        Root(0, name_of("page 0"), 300, 0, 0, 999, 1000, 1000, 2, 70000),
        Root(6, name_of("page 6"), 4000, 1, 0, 999, 1000, 1000, 40, 2**40),
    ]
    return _first(schema={"fields": fields, "next": 21}, tracks=tracks) | changes


def _with_indexes() -> list:
    keys = _two_embeddings()
    none = {"codes": None, "covered": None}
    largest = _index(6, spatial=name_of("large"), size=2**32, footer=2**24)
    cases = [
        ("an index", keys, [_index(6)]),
        ("an index without codes", keys, [_index(6, **none)]),
        ("an index with codes that cover no segment", keys, [_index(6, covered=None)]),
        ("indexes of two fields, of one without a track", keys, [_index(6), _index(20, **none)]),
        ("an index of the largest sizes", keys, [largest]),
        (
            "an index later",
            _later(7, schema=keys["schema"], tracks=keys["tracks"]),
            [_index(6)],
        ),
    ]
    return [
        accepted(
            name,
            structures.encode_manifest(nonce(13), indexes=indexes, **keys),
            structures.parse_manifest,
        )
        for name, keys, indexes in cases
    ]


def _index_refusals() -> list:
    none = {"codes": None, "covered": None}
    fields = [_field(1, "a", "blob"), _field(2, "b", "int")]
    fields += [_field(i, str(i), "embedding", dim=3, dtype="f32", algorithm="") for i in (6, 20)]
    keys = _first(schema={"fields": fields, "next": 21}, indexes=[_index(6, **none)])
    base = cbor.decode(structures.encode_manifest(nonce(13), **keys))
    six = base["indexes"][0]
    other, codes = six | {"field": 20}, list(_index(6).codes)
    name, size, footer = six["spatial"]

    def one(**changes) -> dict:
        return {"indexes": [six | changes]}

    def of(field: int) -> dict:
        return one(field=field)

    cases = [
        ("version 1 with indexes", {"v": 1}, "S5.6"),
        ("version 3 with indexes alone", {"v": 3}, "S5.6"),
        ("indexes empty", {"indexes": []}, "S3.9"),
        ("indexes null", {"indexes": None}, "S3.9"),
        ("indexes a map", {"indexes": six}, "S3.9"),
        ("indexes descending", {"indexes": [other, six]}, "S12.9"),
        ("two indexes of a field", {"indexes": [six, six]}, "S12.9"),
        ("index of field 0", of(0), "S12.9"),
        ("index of no field", of(14), "S12.9"),
        ("index of a blob", of(1), "S12.9"),
        ("index of a scalar", of(2), "S12.9"),
        ("index of a negative field", one(field=-1), "S3.9"),
        ("codes of another field", one(codes=[20] + codes[1:]), "S12.9"),
        ("codes of field 0", one(codes=[0] + codes[1:]), "S12.9"),
        ("covered of another field", one(covered=[2] + codes[1:]), "S12.9"),
        ("index without spatial", {"indexes": [without(six, "spatial")]}, "S3.8"),
        ("index without codes", {"indexes": [without(six, "codes")]}, "S3.8"),
        ("index without covered", {"indexes": [without(six, "covered")]}, "S3.8"),
        ("index without a field", {"indexes": [without(six, "field")]}, "S3.8"),
        ("unknown key of an index", one(zzz=0), "S3.8"),
        ("spatial an address alone", one(spatial=name), "S3.9"),
        ("spatial null", one(spatial=None), "S3.9"),
        ("spatial of two parts", one(spatial=[name, size]), "S3.9"),
        ("spatial of four parts", one(spatial=[name, size, footer, 0]), "S3.9"),
        ("spatial no address", one(spatial=[bytes(33), size, footer]), "S1.2"),
        ("spatial of no bytes", one(spatial=[name, 0, 0]), "S6.6"),
        ("spatial without room for its footer", one(spatial=[name, footer + 79, footer]), "S6.6"),
        ("spatial above 4 GiB", one(spatial=[name, 2**32 + 1, footer]), "S1.3"),
        ("spatial footer above 16 MiB", one(spatial=[name, 2**30, 2**24 + 1]), "S1.3"),
        ("codes of 9 parts", one(codes=codes[:9]), "S3.9"),
        ("codes page above 256 KiB", one(codes=codes[:2] + [262145] + codes[3:]), "S1.3"),
        ("covered of height 13", one(covered=codes[:3] + [13] + codes[4:]), "S1.3"),
        ("covered first above last", one(covered=codes[:4] + [9, 8] + codes[6:]), "S6.6"),
    ]
    refused = [
        refuse(name, cbor.encode(base | changes), rule) for name, changes, rule in cases
    ]
    bare = without(base, "indexes")
    return refused + [refuse("version 2 without indexes", cbor.encode(bare), "S5.6")]


def _tombstones(field: int, **changes) -> Root:
    """Tombstones of 90 records, or of values of a field."""
    name = name_of(f"tombstones {field}")
    return Root(field, name, 700, 0, 5, 890, 90, 90, 2, 2000)._replace(**changes)


_REPLACED = Root(0, name_of("replaced"), 400, 0, 7, 2**63, 6, 0, 3, 0)


def _with_tombstones() -> list:
    keys = _two_embeddings()
    purged = _tombstones(0, records=0)
    later = _later(7, schema=keys["schema"], tracks=keys["tracks"])
    cases = [
        ("deleted records", keys | {"tombstones": [_tombstones(0)]}, []),
        ("deleted records, purged", keys | {"tombstones": [purged]}, []),
        ("all records deleted and purged", keys | {"tombstones": [purged], "tracks": []}, []),
        (
            "deleted values of a scalar and of an embedding",
            later | {"tombstones": [_tombstones(6), _tombstones(8)]},
            [],
        ),
        ("replaced entries", keys | {"replaced": _REPLACED}, []),
        (
            "deleted records and values, replaced entries, an index",
            later | {"tombstones": [_tombstones(0), _tombstones(5)], "replaced": _REPLACED},
            [_index(6)],
        ),
    ]
    return [
        accepted(
            name,
            structures.encode_manifest(nonce(14), indexes=indexes, **keys),
            structures.parse_manifest,
        )
        for name, keys, indexes in cases
    ]


def _tombstone_refusals() -> list:
    fields = [_field(1, "a", "blob"), _field(2, "b", "int")]
    tracks = [Root(0, name_of("page 0"), 300, 0, 0, 999, 100, 100, 2, 70000)]
    both = [_tombstones(0), _tombstones(2)]
    more = _tombstones(0, rows=101, records=101)
    keys = {"schema": {"fields": fields, "next": 3}, "tracks": tracks}
    deleted = _first(**keys, tombstones=both)
    replaced = _first(**keys, replaced=_REPLACED)
    cases = [
        ("version 1 with tombstones", deleted | {"v": 1}, "S5.6"),
        ("version 2 with tombstones", deleted | {"v": 2}, "S5.6"),
        ("version 1 with replaced entries", replaced | {"v": 1}, "S5.6"),
        ("version 2 with replaced entries", replaced | {"v": 2}, "S5.6"),
        ("version 3 with neither", _first(**keys) | {"v": 3}, "S5.6"),
        ("tombstones empty", deleted | {"tombstones": []}, "S5.6"),
        ("tombstones a root", deleted | {"tombstones": both[0]}, "S3.9"),
        ("tombstones a map", deleted | {"tombstones": {}}, "S3.9"),
        ("tombstones descending", deleted | {"tombstones": both[::-1]}, "S5.5"),
        ("tombstones of a field twice", deleted | {"tombstones": both[:1] * 2}, "S5.5"),
        ("tombstones of no field", deleted | {"tombstones": [_tombstones(3)]}, "S5.5"),
        ("tombstones of 9 parts", deleted | {"tombstones": [both[0][:9]]}, "S3.9"),
        ("no tombstones", without(deleted, "tombstones"), "S3.8"),
        ("more deleted than there are", deleted | {"tombstones": [more]}, "S5.3"),
        ("deleted records of no track", deleted | {"tracks": []}, "S5.3"),
        ("replaced null", replaced | {"replaced": None}, "S3.9"),
        ("replaced an array of roots", replaced | {"replaced": [_REPLACED]}, "S3.9"),
        ("replaced of field 1", replaced | {"replaced": _REPLACED._replace(field=1)}, "S5.5"),
        ("replaced of height 13", replaced | {"replaced": _REPLACED._replace(height=13)}, "S1.3"),
    ]
    envelope = {"kind": "manifest", "v": 3, "nonce": nonce(14)}
    return [refuse(name, cbor.encode(envelope | value), rule) for name, value, rule in cases]


def _manifest_refusals(base: dict) -> list:
    tracks, chain = base["tracks"], base["ancestors"]
    zero = bytes(33)
    cases = [
        ("tombstones of a number", {"tombstones": [1]}, "S3.9"),
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
