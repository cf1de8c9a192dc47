"""Genesis, refs and ancestor lists (chapters 4 and 5), and refusals of every envelope."""

from dreamdb_reference import cbor, structures

from .notation import name_of, nonce, plain, refuse, without


def envelope_refusals(value: dict, kind: str) -> list:
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
    future = value | {"v": 4, "new in version 4": [1, 2]}
    refused.append(refuse("version 4", cbor.encode(future), "S3.7", code="Unsupported"))
    refused.append(refuse("an array", cbor.encode([value]), "S3.9"))
    refused.append(refuse("a byte follows", cbor.encode(value) + b"\0", "S3.5"))
    refused.append(refuse("last byte cut", cbor.encode(value)[:-1], "S3.5"))
    return refused


def accepted(name: str, data: bytes, parse) -> dict:
    parse(data)
    return {"name": name, "hex": data.hex(), "value": plain(cbor.decode(data))}


def genesis() -> dict:
    plain_one = structures.encode_genesis(nonce(1), 0, 1_700_000_000_000_000_000)
    accept = [accepted("origin 0", plain_one, structures.parse_genesis)]
    for name, origin in (
        ("before 1970", -1_000_000_000),
        ("least origin", -(2**63)),
        ("largest origin", 2**63 - 1),
    ):
        data = structures.encode_genesis(nonce(2), origin, 2**64 - 1)
        accept.append(accepted(name, data, structures.parse_genesis))
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
        "refuse": envelope_refusals(value, "genesis")
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
    passed = [(name_of("before"), 1_700_000_000_000_000_000), (name_of("later"), 2**64 - 1)]
    moved_on = structures.encode_ref(
        nonce(7), name_of("manifest"), 2, nonce(8), False, 1_700_000_000_000_000_002, passed
    )
    value = cbor.decode(branch)
    cases = [
        ("snapshot as uint", value | {"snapshot": 0}, "S3.9"),
        ("no write", without(value, "write"), "S3.8"),
        ("short write", value | {"write": bytes(15)}, "S3.9"),
        ("manifest of 32 bytes", value | {"manifest": bytes(32)}, "S1.2"),
        ("manifest without 1e", value | {"manifest": bytes(33)}, "S1.2"),
        ("epoch negative", value | {"epoch": -1}, "S3.9"),
        ("unknown key", value | {"zzz": 1}, "S3.8"),
        ("nothing passed", value | {"passed": []}, "S4.4"),
        ("257 versions passed", value | {"passed": [[name_of("before"), 1]] * 257}, "S4.4"),
        ("passed at no time", value | {"passed": [[name_of("before")]]}, "S3.9"),
        ("passed no version", value | {"passed": [[bytes(33), 1]]}, "S1.2"),
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
            accepted("a branch", branch, structures.parse_ref),
            accepted("a snapshot", snapshot, structures.parse_ref),
            accepted("a branch that has moved on", moved_on, structures.parse_ref),
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
