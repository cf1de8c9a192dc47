"""Keys of a space in a folder: objects are plain files, mutable keys have versions (chapter 9)."""

import pathlib
import re

from . import padded_file, version_file
from .errors import Violation, require
from .limits import U64_MAX

_VERSIONS = ".swap"
_VERSION_NAME = re.compile(r"~(\d{20})", re.ASCII)
_KEY_SEGMENT = re.compile(r"[A-Za-z0-9_@=-][A-Za-z0-9._@=-]{0,254}", re.ASCII)
_KEY_BYTES = 1024
_PLAIN_SUFFIX = ".ref"
_LOOKS = 3


def check_key(key: str) -> str:
    """`key` itself, if it is one (S9.1)."""
    good = len(key) <= _KEY_BYTES and all(
        _KEY_SEGMENT.fullmatch(segment) and not segment.endswith(_PLAIN_SUFFIX)
        for segment in key.split("/")
    )
    if not good:
        raise Violation("S9.1", f"{key!r:.80} is no key", code="InvalidArgument")
    return key


class Folder:
    """Reads the keys below one folder; counts what it read."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.objects = 0
        self.bytes = 0
        if not self.root.is_dir():
            raise Violation("9", "there is no such folder", code="NotFound", where=str(self.root))

    def _read(self, path: pathlib.Path, size_max: int) -> bytes:
        size = path.stat().st_size
        require(size <= size_max, "S1.3", f"{size} bytes, at most {size_max}")
        return path.read_bytes()

    def _count(self, data: bytes) -> bytes:
        self.objects += 1
        self.bytes += len(data)
        return data

    def get(self, key: str, size_max: int) -> bytes:
        """The bytes of an immutable object (9.2)."""
        try:
            return self._count(self._read(self.root / check_key(key), size_max))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Violation("9.2", "the object is missing", code="NotFound", where=key) from None
        except Violation as error:
            raise error.at(key) from None

    def _highest(self, folder: pathlib.Path) -> int:
        """The number of the current version, 0 if there is none (S9.6, S9.11)."""
        for _ in range(_LOOKS):
            names = (
                [_VERSION_NAME.fullmatch(path.name) for path in folder.iterdir()]
                if folder.is_dir()
                else []
            )
            numbers = {int(name[1]) for name in names if name and 1 <= int(name[1]) <= U64_MAX}
            highest = max(numbers, default=0)
            if highest <= 1 or highest - 1 in numbers:
                break
        return highest

    def mutable_keys(self, prefix: str) -> list:
        """Keys `prefix/<one segment>` that have versions; some may be deleted (9.3)."""
        check_key(prefix)
        if not (self.root / _VERSIONS).is_dir():
            files = sorted((self.root / prefix).glob(f"*{_PLAIN_SUFFIX}"))
            return [f"{prefix}/{path.name.removesuffix(_PLAIN_SUFFIX)}" for path in files]
        folder = self.root / _VERSIONS / prefix
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [f"{prefix}/{name}" for name in names if not name.startswith("~")]

    def get_plain(self, key: str, size_max: int) -> bytes:
        """The body of a mutable key as web servers give it out (9.7, S10.11)."""
        name = check_key(key) + _PLAIN_SUFFIX
        try:
            data = self._count(
                self._read(self.root / name, size_max + padded_file.EXTRA_BYTES_MAX)
            )
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Violation("9.7", "there is no plain name", code="NotFound", where=key) from None
        try:
            if padded_file.is_one(data):
                data = padded_file.parse(data)
            elif version_file.is_one(data):
                version = version_file.parse(data, None)
                data = padded_file.DELETED if version.deleted else version.body
        except Violation as error:
            raise error.at(name) from None
        if data == padded_file.DELETED:
            raise Violation("S10.11", "the key is deleted", code="NotFound", where=key)
        return data

    def get_mutable(self, key: str, size_max: int) -> bytes:
        """The body of the current version of a mutable key (9.3), or where no folder store keeps
        the space but a web server, of its file (10.4)."""
        if not (self.root / _VERSIONS).is_dir():
            return self.get_plain(key, size_max)
        folder = self.root / _VERSIONS / check_key(key)
        for _ in range(_LOOKS):
            number = self._highest(folder)
            if number == 0:
                break
            try:
                data = self._read(folder / f"~{number:020d}", size_max + version_file.HEAD_BYTES)
                version = version_file.parse(data, number)
            except FileNotFoundError:
                continue  # pruned between the two looks
            except Violation as error:
                raise error.at(f"{key} ({_VERSIONS}/{key}/~{number:020d})") from None
            if version.deleted:
                break
            return self._count(version.body)
        raise Violation("S9.6", "there is no such ref", code="NotFound", where=key)
