"""What a generation was read from, as far as a change of it can be seen from outside.

The configuration file and the plugins, by what their paths lead to. Whether a change
matters is for the reload to say.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from proxy.pluginhost import sources
from proxy.settings.problems import ConfigError

__all__ = ["Fingerprint", "Folder", "Seen", "folders"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a path leads to: its real path, and the SHA-256 of what is there in hex."""

    real_path: str
    digest: str

    @classmethod
    def of(cls, path: Path) -> "Fingerprint | None":
        """Look at a file; None when no file can be read there."""
        try:
            real = path.resolve(strict=True)
            return cls(str(real), hashlib.sha256(real.read_bytes()).hexdigest())
        except (OSError, RuntimeError):  # RuntimeError: a loop of symbolic links
            return None

    @classmethod
    def of_plugins(cls, path: Path) -> "Fingerprint | None":
        """Look at the plugins in a directory; None when there is no such directory.

        Plugins that cannot be read have a fingerprint too: it changes once they can.
        """
        try:
            real = path.resolve(strict=True)
            return cls(str(real), sources.discover((real,), {}).digest)
        except ConfigError as error:
            return cls(str(real), hashlib.sha256(str(error).encode()).hexdigest())
        except (OSError, RuntimeError):
            return None


@dataclass(frozen=True, slots=True)
class Seen:
    """The configuration file and the directories of plugins, as they were at one moment."""

    path: Path
    file: Fingerprint | None
    plugins: dict[Path, Fingerprint | None]

    @classmethod
    def at(cls, path: Path, plugins: Iterable[Path] = ()) -> "Seen":
        """Look at all of it. Reads every file: not for the loop."""
        return cls(path, Fingerprint.of(path), {p: Fingerprint.of_plugins(p) for p in plugins})

    def again(self) -> "Seen":
        """Look at the same paths once more."""
        return Seen.at(self.path, self.plugins)

    def beside(self, plugins: Iterable[Path]) -> "Seen":
        """Look at these directories of plugins; the file stays as it was seen."""
        return Seen(self.path, self.file, {p: Fingerprint.of_plugins(p) for p in plugins})


class Folder(NamedTuple):
    """A directory to watch; one that took the place of another is another one."""

    path: Path
    device: int
    inode: int


def folders(seen: Seen) -> frozenset[Folder]:
    """Return the directories in which an event may mean a change; each by itself.

    What is not there is awaited in the nearest directory above it that is.
    """
    paths = {seen.path.absolute().parent, *_of_plugins(seen.plugins)}
    return frozenset(folder for path in paths if (folder := _nearest(path)) is not None)


def _of_plugins(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield path
        try:
            if path.is_symlink():  # it may be made to lead somewhere else
                yield path.absolute().parent
            yield from sources.folders((path,))
        except (OSError, RuntimeError):
            continue


def _nearest(path: Path) -> Folder | None:
    for candidate in (path, *path.absolute().parents):
        try:
            if candidate.is_dir():
                known = candidate.stat()
                return Folder(candidate, known.st_dev, known.st_ino)
        except OSError:
            continue
    return None
