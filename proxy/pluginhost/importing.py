"""Imports plugins, several versions of one at a time, and forgets them again.

A plugin out of a directory is imported from its snapshot, never from the disk, as a module
whose name carries the digest of its content: another content is another module, and
nothing is ever reloaded in place. No compiled file is read or written. `__file__` leads to
the real files; `importlib.resources` and tracebacks show those of the snapshot.

What cannot be guarded against: code that never returns from its import. Importing runs in
the thread that loads, and Python can interrupt no thread.
"""

import importlib
import linecache
import sys
from collections.abc import Sequence
from functools import partial
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, spec_from_file_location
from itertools import count
from pathlib import Path
from threading import Lock
from types import CodeType, ModuleType

from proxy.pluginhost.import_errors import import_problem
from proxy.pluginhost.snapshot import SnapshotResources
from proxy.pluginhost.sources import HOME, NAMESPACE, SHIPPED, Source
from proxy.settings.problems import ConfigError, Problem

__all__ = ["forget", "load", "loaded"]


def load(source: Source) -> ModuleType:
    """Import a plugin; one whose content is loaded already is the very same module.

    Raises ConfigError with the one problem that ended the import; it leaves nothing behind
    in `sys.modules` then. An installed plugin is imported the normal way, once.
    """
    version = _versions.enter(source) if source.kind == "directory" else None
    own = version.own if version else partial(_own_of_installed, source.place)
    problem: Problem
    try:
        if version is None:
            _import_shipped_home(source.module)
        return importlib.import_module(source.module)
    except KeyboardInterrupt:
        forget(source)
        raise
    except BaseException as error:  # SystemExit too: a plugin does not end the process
        problem = import_problem(source, error, own)
        forget(source)
    # Out here, so that no traceback hangs on it, and with that what the import made.
    raise ConfigError([problem])


def forget(plugin: Source | str) -> None:
    """Take the modules of a plugin out of the interpreter; installed ones stay.

    A plugin is named by its source or its module's name. Who holds an instance goes on
    using it; new imports of its parts fail.
    """
    module = plugin.module if isinstance(plugin, Source) else plugin
    if module.startswith(f"{NAMESPACE}."):
        for name in _names_below(module):
            sys.modules.pop(name, None)
        _versions.leave(module)


def loaded() -> tuple[str, ...]:
    """The names of all modules of plugins out of directories that are in the interpreter."""
    return tuple(sorted(_names_below(NAMESPACE)))


def _names_below(module: str) -> list[str]:
    names = [name for name in list(sys.modules) if name.startswith(f"{module}.")]
    return [*names, module] if module != NAMESPACE else names


def _import_shipped_home(module: str) -> None:
    """Import the package of our own plugins from beside `proxy`.

    The working directory may be on the path, and have a folder of that name.
    """
    if module.startswith(f"{SHIPPED}.") and SHIPPED not in sys.modules:
        sys.path.insert(0, str(HOME))
        try:
            importlib.import_module(SHIPPED)
        finally:
            sys.path.remove(str(HOME))


def _own_of_installed(place: Path, filename: str) -> Path | None:
    path = Path(filename)
    return path if path.is_relative_to(place) else None


class _Version:
    """One content of a plugin, and how its modules and files are called."""

    def __init__(self, source: Source, spelling: str) -> None:
        self.source = source
        self.spelling = spelling

    def relative(self, name: str) -> str | None:
        """The file of a module by its path in the snapshot; empty for a folder without code."""
        files = self.source.files
        if not self.source.is_package:
            return self.source.place.name if name == self.source.module else None
        below = name.removeprefix(self.source.module).replace(".", "/").removeprefix("/")
        package = f"{below}/__init__.py" if below else "__init__.py"
        for candidate in (package, f"{below}.py"):
            if candidate in files:
                return candidate
        return "" if any(path.startswith(f"{below}/") for path in files) else None

    def spelled(self, relative: str) -> str:
        """The file as code objects and tracebacks call it."""
        return f"{self.spelling}/{relative}" if self.source.is_package else self.spelling

    def own(self, filename: str) -> Path | None:
        """The file that a code object or a syntax error speaks of, if it is one of ours."""
        for relative in self.source.files:
            if filename == self.spelled(relative):
                return self.source.path_of(relative)
        return None


class _Versions(MetaPathFinder):
    """The versions of plugins that are loaded; finds their modules before anybody else."""

    def __init__(self) -> None:
        self._by_module: dict[str, _Version] = {}
        self._lock = Lock()  # a thread may load while another forgets

    def enter(self, source: Source) -> _Version:
        """Make a version known to the import system."""
        with self._lock:
            version = self._by_module.get(source.module)
            if version is None:
                version = _Version(source, self._spelling(source.place))
                self._by_module[source.module] = version
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
            if NAMESPACE not in sys.modules:
                sys.modules[NAMESPACE] = _namespace()
            return version

    def leave(self, module: str) -> None:
        """Forget a version; the interpreter is as before when it was the last one."""
        with self._lock:
            version = self._by_module.pop(module, None)
            if not self._by_module and self in sys.meta_path:
                sys.meta_path.remove(self)
        if version is not None:
            for relative in version.source.files:
                linecache.cache.pop(version.spelled(relative), None)
        vars(sys.modules.get(NAMESPACE, ModuleType(""))).pop(module.rpartition(".")[2], None)

    def _spelling(self, place: Path) -> str:
        """A path to the place that no other version has.

        Tracebacks find their lines by the file's path alone, in `linecache`; but two
        versions of a file are different lines. Therefore the second is called
        ``plugins/./hello.py``, which is the same file to everybody else.
        """
        taken = {version.spelling for version in self._by_module.values()}
        spellings = (f"{place.parent}/{'./' * dots}{place.name}" for dots in count())
        return next(spelling for spelling in spellings if spelling not in taken)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 (what it would search is on the disk)
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find a module of a plugin. Raises ModuleNotFoundError for one that it does not have."""
        if not fullname.startswith(f"{NAMESPACE}."):
            return None
        version = self._by_module.get(".".join(fullname.split(".", 2)[:2]))
        relative = version.relative(fullname) if version else None
        if version is None or relative is None:
            # Not None: others would look at the disk, where the files are not these any more.
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return _spec(version, fullname, relative)


def _spec(version: _Version, fullname: str, relative: str) -> ModuleSpec | None:
    if not relative:
        below = fullname.removeprefix(f"{version.source.module}.").replace(".", "/")
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [str(version.source.place / below)]
        return spec
    file = version.source.path_of(relative)
    within = [str(file.parent)] if file.name == "__init__.py" else None
    loader = _SnapshotLoader(version)
    return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=within)


def _namespace() -> ModuleType:
    module = ModuleType(NAMESPACE, "The plugins out of directories; see proxy.pluginhost.")
    module.__path__ = []
    return module


class _SnapshotLoader(ExecutionLoader):
    """Runs the code of one version."""

    def __init__(self, version: _Version) -> None:
        self._version = version

    def get_filename(self, fullname: str) -> str:
        """The real path of a module's file."""
        return str(self._version.source.path_of(self._relative(fullname)))

    def get_source(self, fullname: str) -> str:
        """The text of a module as it runs."""
        return decode_source(self._content(fullname))

    def get_code(self, fullname: str) -> CodeType:
        """Compile a module, and note its lines for tracebacks."""
        content = self._content(fullname)
        spelled = self._version.spelled(self._relative(fullname))
        code = _compiled(content, spelled)
        lines = decode_source(content).splitlines(keepends=True)
        linecache.cache[spelled] = (len(content), None, lines, spelled)
        return code

    def is_package(self, fullname: str) -> bool:
        """Whether the module is a folder's."""
        return self._relative(fullname).endswith("__init__.py")

    def get_data(self, path: str) -> bytes:
        """The content of a file by its real path, for `pkgutil`. Raises OSError for others."""
        source = self._version.source
        for relative, content in source.files.items():
            if source.path_of(relative) == Path(path):
                return content
        raise FileNotFoundError(path)

    def get_resource_reader(self, fullname: str) -> SnapshotResources:
        """The files of a package, for `importlib.resources`."""
        below = self._relative(fullname).removesuffix("__init__.py")
        source = self._version.source
        return SnapshotResources(source.files, below, source.place / below)

    def _relative(self, fullname: str) -> str:
        relative = self._version.relative(fullname)
        if not relative:
            raise ImportError(f"not a module with a file: {fullname!r}", name=fullname)
        return relative

    def _content(self, fullname: str) -> bytes:
        return self._version.source.files[self._relative(fullname)]


def _compiled(content: bytes, spelled: str) -> CodeType:
    try:
        return compile(content, spelled, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, SyntaxError) and error.filename:
            raise
        # NUL bytes and very deep nesting are told without a place.
        raise SyntaxError(str(error) or "too deeply nested", (spelled, 1, 1, None)) from None


_versions = _Versions()
