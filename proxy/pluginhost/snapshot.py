"""The files of a plugin as they were at one moment: read, hashed, and shown to its code."""

import hashlib
import io
import os
import stat
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable, TraversableResources
from pathlib import Path
from typing import IO, Any, Literal, overload

__all__ = [
    "MAX_BYTES",
    "MAX_FILES",
    "SnapshotResources",
    "TooMuchError",
    "digest_of",
    "folders_below",
    "read_files",
]

MAX_BYTES = 16 * 1024 * 1024
"""The most that the files of one plugin may hold together."""

MAX_FILES = 1000
"""The most files that one plugin may have, and the most folders."""


class TooMuchError(Exception):
    """A plugin is beyond the bounds."""


def read_files(place: Path) -> dict[str, bytes]:
    """The content of a file, or of all files below a folder, by their paths from there.

    What Python and editors leave behind is no part of it; what disappears meanwhile is
    left out. Raises OSError for what cannot be read, TooMuchError beyond the bounds.
    """
    reading = _Reading()
    if place.is_dir():
        for relative, path in _files_below(place):
            reading.add(relative, path)
    else:
        reading.add(place.name, place)
    return reading.files


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the names and contents of the files, in hex."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode("utf-8", "surrogateescape"), files[name]):
            digest.update(b"%d:" % len(part))
            digest.update(part)
    return digest.hexdigest()


class _Reading:
    """The files of one plugin, within the bounds."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.room = MAX_BYTES

    def add(self, relative: str, path: Path) -> None:
        """Read one; a file that is gone, or no regular one, is not there."""
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return
                content = file.read(self.room + 1)
        except FileNotFoundError:
            return
        self.room -= len(content)
        if self.room < 0 or len(self.files) == MAX_FILES:
            raise TooMuchError
        self.files[relative] = content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for its other end


def _files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    for inner in folders_below(folder):
        for path in _entries(inner):
            if not path.is_dir():
                yield path.relative_to(folder).as_posix(), path


def folders_below(folder: Path) -> Iterator[Path]:
    """The folder and all below it that can hold files of a plugin; links are followed once.

    Raises OSError for a folder that cannot be read, TooMuchError for too many.
    """
    waiting, seen = [folder], set[Path]()
    while waiting:
        inner = waiting.pop()
        real = inner.resolve()
        if real in seen:
            continue
        if len(seen) == MAX_FILES:
            raise TooMuchError
        seen.add(real)
        yield inner
        waiting += [path for path in _entries(inner) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    return [path for path in paths if not _is_litter(path.name)]


def _is_litter(name: str) -> bool:
    return name == "__pycache__" or name.startswith((".", "#")) or name.endswith((".pyc", "~"))


class SnapshotResources(TraversableResources):
    """What `importlib.resources` finds in a package: the snapshot, not today's files."""

    def __init__(self, files: Mapping[str, bytes], below: str, folder: Path) -> None:
        """`below` is the package's path in `files`, empty or ending in ``/``."""
        self._files = files
        self._below = below
        self._folder = folder

    def files(self) -> Traversable:
        """The package's own folder."""
        return _Entry(self._files, self._below.rstrip("/"), self._folder.name)


class _Entry(Traversable):
    """A file or folder of a snapshot, by its path in it."""

    def __init__(self, files: Mapping[str, bytes], path: str, name: str) -> None:
        self._files = files
        self._path = path
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def is_file(self) -> bool:
        return self._path in self._files

    def is_dir(self) -> bool:
        return self._path == "" or any(path.startswith(f"{self._path}/") for path in self._files)

    def iterdir(self) -> Iterator[Traversable]:
        prefix = f"{self._path}/" if self._path else ""
        inside = (path.removeprefix(prefix) for path in self._files if path.startswith(prefix))
        for name in sorted({path.partition("/")[0] for path in inside}):
            yield self.joinpath(name)

    def joinpath(self, *descendants: Any) -> Traversable:
        parts = [part for step in descendants for part in str(step).split("/") if part != "."]
        path = "/".join([self._path, *parts] if self._path else parts)
        return _Entry(self._files, path, parts[-1] if parts else self._name)

    def __truediv__(self, child: Any) -> Traversable:
        return self.joinpath(child)

    @overload
    def open(self, mode: Literal["r"] = "r", **options: Any) -> IO[str]: ...
    @overload
    def open(self, mode: Literal["rb"], **options: Any) -> IO[bytes]: ...
    def open(self, mode: str = "r", **options: Any) -> IO[str] | IO[bytes]:
        """Open the file for reading. Raises FileNotFoundError where there is none."""
        if not self.is_file():
            raise FileNotFoundError(self._path)
        raw = io.BytesIO(self._files[self._path])
        return raw if "b" in mode else io.TextIOWrapper(raw, **options)

    def read_bytes(self) -> bytes:
        with self.open("rb") as file:
            return file.read()

    def read_text(self, encoding: str | None = None) -> str:
        with self.open("r", encoding=encoding) as file:
            return file.read()
