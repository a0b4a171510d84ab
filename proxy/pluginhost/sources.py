"""Where plugins come from: directories that the configuration names, and installed packages.

A plugin in a directory is read once, whole: what is hashed is what is imported, whatever
happens to the files in between. Nothing is imported here. Files that editors leave lying
about are passed over, symbolic links are followed (Kubernetes makes a directory of them).
"""

import contextlib
import functools
import hashlib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from proxy.pluginhost.snapshot import (
    MAX_BYTES,
    MAX_FILES,
    TooMuchError,
    digest_of,
    folders_below,
    read_files,
)
from proxy.settings.problems import ConfigError, Problem, shown

__all__ = [
    "GROUP",
    "MAX_PLUGINS",
    "NAMESPACE",
    "Catalogue",
    "Source",
    "discover",
    "folders",
    "installed_sources",
]

GROUP = "crossfade.plugins"
"""The entry-point group in which installed packages name their plugins."""

NAMESPACE = "crossfade_plugins"
"""The package below which plugins out of directories are imported."""

MAX_PLUGINS = 1000
"""The most plugins in one directory."""

HOME = Path(__file__).resolve().parents[2]
"""The folder of `proxy` and of `plugins`, the package of the plugins that come with it."""

SHIPPED = "plugins"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_PACKAGE = "__init__.py"


@dataclass(frozen=True, slots=True)
class Source:
    """The code of one plugin as it was at one moment; equal if name and content are."""

    name: str
    kind: Literal["directory", "installed"] = field(compare=False)
    place: Path = field(compare=False)
    """The ``.py`` file, or the folder of the package."""
    module: str
    """The name under which it is imported; with a directory, the content decides it."""
    digest: str
    """SHA-256 over the names and contents of all files, in hex."""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """All files by their path below `place`; empty for an installed plugin."""
    version: str = field(default="", compare=False)
    """The version of the distribution that it was installed with."""

    @property
    def is_package(self) -> bool:
        """Whether it is a folder, and not one file; known for directories only."""
        return _PACKAGE in self.files

    @property
    def main(self) -> Path:
        """The file that is imported first."""
        is_folder = self.is_package or self.place.is_dir()
        return self.place / _PACKAGE if is_folder else self.place

    def path_of(self, relative: str) -> Path:
        """Where the file of `files` lies."""
        return self.place / relative if self.is_package else self.place


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All plugins that there are, by name: those out of directories before installed ones."""

    sources: Mapping[str, Source]

    @property
    def digest(self) -> str:
        """Changes when any plugin does, comes or goes; SHA-256 in hex."""
        pairs = sorted((source.name, source.digest) for source in self.sources.values())
        return hashlib.sha256(repr(pairs).encode()).hexdigest()


def discover(paths: Sequence[Path], installed: Mapping[str, Source] | None = None) -> Catalogue:
    """Read all plugins in these directories, and add the installed ones.

    Raises ConfigError with all that is wrong: a directory that is not there, a file that
    cannot be read, a plugin beyond the bounds, a name that is not one or that is taken.
    """
    problems: list[Problem] = []
    found: dict[str, Source] = {}
    for directory in _distinct(paths):
        for source in _Directory(directory, problems).sources():
            first = found.setdefault(source.name, source)
            if first is not source:
                problems.append(_taken(source, first))
    if installed is None:
        try:
            installed = installed_sources()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return Catalogue(MappingProxyType({**(installed or {}), **found}))


def folders(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The folders in which a change may change a plugin; those of them that are there.

    Each is to be watched by itself, without those below it. Besides the directories and the
    folders of packages these are the ones that symbolic links lead to.
    """
    found: set[Path] = set()
    for directory in _distinct(paths):
        if not directory.is_dir():
            continue
        found |= {directory, directory.resolve()}
        with contextlib.suppress(OSError):  # `discover` says so
            for place in _listed(directory):
                found |= set(_folders_of(place))
    return tuple(sorted(found))


@functools.cache
def installed_sources() -> Mapping[str, Source]:
    """The plugins of installed packages, by name; looked at once in the life of a process.

    They are imported the normal way, once too: a new version of them needs a new process.
    Raises ConfigError where two distributions have a plugin of the same name.
    """
    problems: list[Problem] = []
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        first = found.setdefault(point.name, point)
        if first is not point:
            problems.append(_installed_twice(point, first))
    if problems:
        raise ConfigError(problems)
    return MappingProxyType({name: _installed(point) for name, point in sorted(found.items())})


def _distinct(paths: Iterable[Path]) -> list[Path]:
    by_real = {path.resolve(): path.absolute() for path in reversed(list(paths))}
    return list(reversed(by_real.values()))


class _Directory:
    """Reads the plugins of one directory; what is wrong goes to `problems`."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems

    def sources(self) -> Iterator[Source]:
        """The plugins in alphabetical order."""
        try:
            places = _listed(self.path)
        except OSError as error:
            self._problem(
                _place_of(error, self.path), "", _unreadable(error, "directory"), *_NO_DIRECTORY
            )
            return
        if len(places) > MAX_PLUGINS:
            said = f"{len(places)} plugins in one directory"
            hint = "a directory of plugins holds nothing else"
            self._problem(self.path, "", said, f"at most {MAX_PLUGINS}", hint)
            return
        for place in places:
            source = self._source(place)
            if source is not None:
                yield source

    def _source(self, place: Path) -> Source | None:
        name = place.name if place.is_dir() else place.stem
        where = f"plugin {shown(name)}"
        if not _NAME.fullmatch(name):
            self._problem(place, where, f"the name {shown(name)}", *_NO_NAME)
            return None
        try:
            files = read_files(place)
        except TooMuchError:
            said, hint = "more than that", "keep data outside of the plugin's folder"
            self._problem(place, where, said, _BOUNDS, hint)
            return None
        except OSError as error:
            wanted, hint = "files that the proxy can read", "check who owns it and may read it"
            self._problem(_place_of(error, place), where, _unreadable(error, "file"), wanted, hint)
            return None
        if files.keys().isdisjoint({_PACKAGE, place.name}):
            return None  # gone since it was listed
        digest = digest_of(files)
        module = f"{NAMESPACE}.{name}_{digest[:16]}"
        return Source(name, "directory", place, module, digest, MappingProxyType(files))

    def _problem(self, place: Path, where: str, said: str, wanted: str, hint: str) -> None:
        self.problems.append(Problem(str(place), 1, 1, where, said, wanted, hint))


_BOUNDS = f"a plugin of at most {MAX_BYTES >> 20} MiB in at most {MAX_FILES} files"
_NO_DIRECTORY = ("a directory of plugins", "make it, or take it out of plugins.path")
_NO_NAME = (
    "a name of letters, digits and _, at most 64, beginning with a letter",
    "rename it, or put what is no plugin somewhere else",
)


def _listed(directory: Path) -> list[Path]:
    """What looks like a plugin, by name; hidden and private names do not."""
    found = []
    for place in sorted(directory.iterdir()):
        if place.name.startswith(("_", ".", "#")):
            continue
        if (place / _PACKAGE).is_file() or (place.suffix == ".py" and place.is_file()):
            found.append(place)
    return found


def _folders_of(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place.resolve().parent
        return
    with contextlib.suppress(TooMuchError):
        for folder in folders_below(place):
            yield from (folder, folder.resolve())


def _place_of(error: OSError, otherwise: Path) -> Path:
    return Path(error.filename) if isinstance(error.filename, str) else otherwise


def _unreadable(error: OSError, what: str) -> str:
    return f"a {what} that cannot be read ({error.strerror or type(error).__name__})"


def _taken(source: Source, first: Source) -> Problem:
    said = f"the name {source.name}, which {first.place} has too"
    hint = "rename one of them"
    where = f"plugin {source.name}"
    return Problem(str(source.place), 1, 1, where, said, "one plugin of each name", hint)


def _installed_twice(point: EntryPoint, first: EntryPoint) -> Problem:
    said = f"the name {shown(point.name)}, which {_distribution(first)} has too"
    hint = f"uninstall {_distribution(point)} or {_distribution(first)}"
    where = f"plugin {shown(point.name)}"
    return Problem(point.module, 1, 1, where, said, "one plugin of each name", hint)


def _distribution(point: EntryPoint) -> str:
    return shown(point.dist.name) if point.dist else "another distribution"


def _installed(point: EntryPoint) -> Source:
    """A plugin whose module cannot be found is one all the same: importing it says so."""
    version = point.dist.version if point.dist else ""
    spec = find_installed(point.module)
    place = Path(spec.origin) if spec and spec.origin else Path(point.module)
    if spec and spec.submodule_search_locations:
        place = place.parent
    files = {}
    with contextlib.suppress(OSError, TooMuchError):
        files = read_files(place)
    # Where there is nothing to read, what it is called must do.
    digest = digest_of(files or {point.value: version.encode()})
    return Source(point.name, "installed", place, point.module, digest, version=version)


def find_installed(module: str) -> ModuleSpec | None:
    """Find an installed module without importing anything; None where there is none."""
    top, *inner = module.split(".")
    spec: ModuleSpec | None
    try:
        # The working directory may be on the path, and have a folder "plugins" of its own.
        spec = PathFinder.find_spec(top, [str(HOME)]) if top == SHIPPED else None
        spec = spec or importlib.util.find_spec(top)
        for name in inner:
            top = f"{top}.{name}"
            spec = spec and PathFinder.find_spec(top, spec.submodule_search_locations)
    except (ImportError, ValueError, KeyError):  # KeyError: a folder that is no package
        return None
    return spec
