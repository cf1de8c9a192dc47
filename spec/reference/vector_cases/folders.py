"""Version files of a folder (chapter 9), padded files of a web server (10.6)."""

from dreamdb_reference import padded_file, version_file
from dreamdb_reference.version_file import Version

from .notation import nonce, plain, refuse


def version_files() -> dict:
    example = Version(258, bytes(range(1, 17)), bytes(range(0xF0, 0x100)), False, b"hello")
    cases = [
        ("the example of 9.4", example),
        ("the first", Version(1, nonce(140), bytes(16), False, b"body")),
        ("an empty body", Version(2, nonce(141), nonce(140), False, b"")),
        ("deleted", Version(3, nonce(142), nonce(141), True, b"")),
        ("the last number", Version(2**64 - 1, nonce(143), nonce(142), False, bytes(range(256)))),
    ]
    accept = []
    for name, version in cases:
        data = version_file.encode(version)
        assert version_file.parse(data, version.number) == version
        accept.append(
            {
                "name": name,
                "file": f"~{version.number:020d}",
                "hex": data.hex(),
                "value": plain(version._asdict()),
            }
        )
    good = version_file.encode(example)
    head, body = good[:64], good[72:]

    def sealed(at: int, value: bytes, more: bytes = b"") -> bytes:
        return version_file.seal(head[:at] + value + head[at + len(value) :], body + more)

    def flipped(at: int) -> bytes:
        return good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]

    broken = [
        ("empty", b""),
        ("head cut", good[:71]),
        ("body cut", good[:-1]),
        ("a byte more", good + b"\0"),
        ("a byte more, checksum right", sealed(0, b"", b"\0")),
        ("magic, checksum right", sealed(0, b"E")),
        ("format version 0", sealed(8, b"\0")),
        ("flag 2", sealed(12, b"\2")),
        ("another number", sealed(16, b"\3")),
        ("size above the body", sealed(56, b"\6")),
        ("size of 2^64-1", sealed(56, b"\xff" * 8)),
    ]
    broken += [
        (f"byte {at} flipped", flipped(at))
        for at in (0, 8, 12, 16, 24, 39, 40, 55, 56, 63, 64, 71, 72, 76)
    ]
    refused = [refuse(name, data, "S9.12", file="~00000000000000000258") for name, data in broken]
    refused.append(
        refuse("deleted, with a body", sealed(12, b"\1"), "S9.9", file="~00000000000000000258")
    )
    refused.append(
        refuse(
            "format version 2",
            sealed(8, b"\2"),
            "S9.12",
            file="~00000000000000000258",
            code="Unsupported",
        )
    )
    return {
        "title": "Version files of mutable keys in a folder (9.4); file is the name",
        "accept": accept,
        "refuse": refused,
    }


def padded_files() -> dict:
    cases = [
        ("the example of 10.6", b"hello", 0),
        ("in place of a file of one step less", b"hello", 4095),
        ("a shorter body in place of a longer", b"body", 5_001),
        ("an empty body", b"", 0),
        ("the mark of deletion", padded_file.DELETED, 31),
        ("in place of the mark", bytes(range(256)) * 20, 66),
        ("no byte of padding", bytes(23), 45),
    ]
    accept = []
    for name, body, replaced_bytes in cases:
        data = padded_file.encode(body, replaced_bytes)
        assert padded_file.parse(data) == body
        accept.append(
            {
                "name": name,
                "body": body.hex(),
                "replaced_bytes": replaced_bytes,
                "bytes": len(data),
                "head": data[: padded_file.HEAD_BYTES].hex(),
            }
        )
    good = padded_file.encode(b"hello", 24)

    def flipped(at: int) -> bytes:
        return good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]

    broken = [
        ("empty", b""),
        ("head cut", good[:23]),
        ("body cut", good[:28]),
        ("size of 2^64-1", good[:8] + b"\xff" * 8 + good[16:]),
    ]
    broken += [
        (f"byte {at} flipped", flipped(at)) for at in (0, 7, 8, 15, 16, 23, 24, 28, 29, len(good) - 1)
    ]
    return {
        "title": "Padded files of mutable keys on a web server (10.6): the body, the size of the "
        "file that it replaces, the file's own size and its first 24 bytes",
        "accept": accept,
        "refuse": [refuse(name, data, "S10.17") for name, data in broken],
    }
