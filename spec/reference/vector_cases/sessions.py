"""Sessions (chapter 11)."""

from dreamdb_reference import cbor, structures

from .notation import name_of, nonce, refuse, without
from .versions import accepted, envelope_refusals


def session() -> dict:
    def checked(value: dict) -> bytes:
        rest = without(value, "check")
        return cbor.encode(rest | {"check": structures._ref_check(rest)})

    pins = sorted(name_of(f"version {i}") for i in range(65))
    writer = structures.encode_session(
        nonce(1),
        role="writer",
        ref="exp/run-1",
        epoch=3,
        pins=[],
        host="trainer-7",
        process=4711,
        program="dreamdb/0.1",
        start_ns=1_700_000_000_000_000_000,
        beat_ns=1_700_000_120_000_000_001,
        fenced=False,
        write=nonce(2),
    )
    value = cbor.decode(writer)
    reader = checked(
        value | {"role": "reader", "ref": "", "pins": pins[:64], "host": "", "program": ""}
    )
    fenced = checked(
        value
        | {"fenced": True, "epoch": 2**64 - 1, "process": 2**64 - 1, "start_ns": 0, "beat_ns": 0}
    )
    collector = checked(value | {"role": "collector", "ref": ""})
    largest = checked(value | {"host": "h" * 64, "program": "p" * 1024, "ref": "r" * 1039})
    cases = [
        ("role of no one", value | {"role": "guest"}, "S3.9"),
        ("role as bytes", value | {"role": b"writer"}, "S3.9"),
        ("no ref", without(value, "ref"), "S3.8"),
        ("ref null", value | {"ref": None}, "S3.9"),
        ("epoch negative", value | {"epoch": -1}, "S3.9"),
        ("pins null", value | {"pins": None}, "S3.9"),
        ("pin of 32 bytes", value | {"pins": [bytes(32)]}, "S1.2"),
        ("pin without 1e", value | {"pins": [bytes(33)]}, "S1.2"),
        ("pin twice", value | {"pins": [pins[0], pins[0]]}, "S11.1"),
        ("pins descending", value | {"pins": [pins[1], pins[0]]}, "S11.1"),
        ("65 pins", value | {"pins": pins}, "S1.3"),
        ("host of 65 bytes", value | {"host": "h" * 65}, "S1.3"),
        ("program of 1025 bytes", value | {"program": "p" * 1025}, "S1.3"),
        ("ref of 1040 bytes", value | {"ref": "r" * 1040}, "S1.3"),
        ("process negative", value | {"process": -1}, "S3.9"),
        ("fenced as uint", value | {"fenced": 0}, "S3.9"),
        ("short write", value | {"write": bytes(15)}, "S3.9"),
        ("beat as float", value | {"beat_ns": 0.5}, "S3.9"),
    ]
    refused = [refuse(name, checked(changed), rule) for name, changed, rule in cases]
    flipped = bytes([value["check"][0] ^ 1]) + value["check"][1:]
    broken = [
        ("check flipped", value | {"check": flipped}),
        ("fenced changed", value | {"fenced": True}),
        ("beat changed", value | {"beat_ns": value["beat_ns"] + 1}),
        ("epoch changed", value | {"epoch": 4}),
        ("host changed", value | {"host": "trainer-8"}),
    ]
    refused += [refuse(name, cbor.encode(changed), "S11.1") for name, changed in broken]
    refused.append(refuse("no check", cbor.encode(without(value, "check")), "S3.8"))
    return {
        "title": "Sessions (11.1)",
        "accept": [
            accepted("a writer", writer, structures.parse_session),
            accepted("a reader with 64 pins", reader, structures.parse_session),
            accepted("a collector", collector, structures.parse_session),
            accepted("a fenced one", fenced, structures.parse_session),
            accepted("the longest labels", largest, structures.parse_session),
        ],
        "refuse": refused + envelope_refusals(value, "session"),
    }
