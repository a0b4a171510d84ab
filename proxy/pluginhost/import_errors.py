"""What a failed import was about: one problem, at the line of the plugin that failed."""

import re
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from proxy.pluginhost.sources import NAMESPACE, Source
from proxy.settings.problems import Problem, nearest, shown

__all__ = ["Own", "import_problem"]

Own = Callable[[str], Path | None]
"""The file of the plugin that a code object's file name stands for; None for other code."""

_LONGEST = 300
_MODULE = re.compile(rf"\b{NAMESPACE}\.(\w+?)_[0-9a-f]{{16}}\b")
_NO_NAME = re.compile(r"cannot import name '(\w+)' from (partially initialized module )?'([\w.]+)'")
_IMPORTABLE = "a module that can be imported"


class _Place(NamedTuple):
    file: Path
    line: int
    column: int


class _Words(NamedTuple):
    said: str
    wanted: str
    hint: str


def import_problem(source: Source, error: BaseException, own: Own) -> Problem:
    """The problem that an exception out of the import of a plugin comes down to."""
    place = _syntax_place(error, own) or _innermost(error.__traceback__, own)
    place = place or _Place(source.main, 1, 1)
    words = _words(source, error, own)
    where = f"plugin {source.name}"
    return Problem(str(place.file), place.line, place.column, where, *words)


def _words(source: Source, error: BaseException, own: Own) -> _Words:
    if isinstance(error, SyntaxError) and _syntax_place(error, own):
        return _Words(f"a syntax error ({_readable(str(error.msg))})", "valid Python", "")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing(source, error.name)
    found = _NO_NAME.match(_message(error)) if isinstance(error, ImportError) else None
    if found:
        return _nameless(source, found[1], found[3], is_circle=bool(found[2]))
    message = _readable(_message(error))
    said = f"{type(error).__name__}{': ' if message else ''}{message}"
    hint = "" if isinstance(error, Exception) else "leave it to the proxy to end the process"
    return _Words(said, _IMPORTABLE, hint)


def _missing(source: Source, name: str) -> _Words:
    root = name.partition(".")[0]
    if name.startswith(f"{source.module}."):
        part = name.removeprefix(f"{source.module}.")
        said = f"an import of .{shown(part)}, which the plugin does not have"
        return _Words(said, "a file of the plugin", nearest(part, _parts(source)))
    if root == NAMESPACE:
        return _one_file(source, name.rpartition(".")[2])
    said = f"an import of {shown(name)}, which cannot be found"
    if root in {*_parts(source), source.name} and source.is_package:
        hint = "files of the plugin are imported with from . import ..."
    elif source.kind == "directory" and _is_beside(source, root):
        hint = f"{_as_package(source, root)}, and write from . import {root}"
    else:
        hint = "install it where the proxy is, or write from . import ... for the plugin's files"
    return _Words(said, "modules that are installed", hint)


def _nameless(source: Source, name: str, module: str, *, is_circle: bool) -> _Words:
    """Python takes everything for a circle that a package lacks while it is imported."""
    if module == NAMESPACE:
        return _one_file(source, name)
    known = [word for word in dir(sys.modules.get(module)) if not word.startswith("_")]
    if module == source.module:
        known += _parts(source)
    yet = " yet" if is_circle else ""
    said = f"an import of {shown(name)}, which {shown(_readable(module))} does not have{yet}"
    circle = "files that import each other may go in a circle" if is_circle else ""
    return _Words(said, "a name that is there", nearest(name, known) or circle)


def _one_file(source: Source, name: str) -> _Words:
    said = f"an import of .{shown(name)} in a plugin of one file"
    return _Words(said, "modules that are installed", _as_package(source, shown(name)))


def _as_package(source: Source, name: str) -> str:
    return f"make the plugin a folder {source.name} with __init__.py and {name}.py"


def _is_beside(source: Source, name: str) -> bool:
    folder = source.place.parent
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()


def _parts(source: Source) -> list[str]:
    """The modules of a package, as they are written after the dot."""
    paths = (path.removesuffix(".py") for path in source.files if path.endswith(".py"))
    names = (path.removesuffix("__init__").rstrip("/").replace("/", ".") for path in paths)
    return sorted(name for name in names if name)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception class of the plugin's own
        return ""


def _readable(text: str) -> str:
    """One bounded line, in which modules are called as the plugin is."""
    return shown(_MODULE.sub(r"\1", text[: 2 * _LONGEST]), _LONGEST)


def _syntax_place(error: BaseException, own: Own) -> _Place | None:
    """Where the plugin's text is no Python; None for syntax errors of other code."""
    if not isinstance(error, SyntaxError):
        return None
    file = own(str(error.filename))
    return _Place(file, max(error.lineno or 1, 1), max(error.offset or 1, 1)) if file else None


def _innermost(traceback: TracebackType | None, own: Own) -> _Place | None:
    """The last line of the plugin's own on the way to where it failed."""
    place = None
    for step in _steps(traceback):
        file = own(step.tb_frame.f_code.co_filename)
        if file:
            place = _Place(file, step.tb_lineno, _column(step))
    return place


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _column(step: TracebackType) -> int:
    positions = step.tb_frame.f_code.co_positions()
    _, _, column, _ = next(islice(positions, step.tb_lasti // 2, None), (0, 0, 0, 0))
    return (column or 0) + 1
