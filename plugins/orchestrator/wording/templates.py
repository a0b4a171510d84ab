"""The templates of the prompts: found, compiled, tried, and taken up again when they change.

A set of templates is good as a whole or not at all: what is used is either what lies on the
disk now, or what lay there when it was last good.
"""

import os
from collections.abc import Callable, Mapping, MutableMapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateError
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["LARGEST", "MOST_FILES", "OWN", "TemplateFaultError", "Templates", "TemplatesOnDisk"]

OWN: Final = Path(__file__).parent.with_name("prompts")
"""Those that come with the plugin."""

SHARED: Final = "shared/"
"""The folder whose templates the others include; only there may a folder have names of its own."""

MOST_FILES: Final = 100
"""Templates that a folder may have."""

LARGEST: Final = 64 * 1024
"""Bytes that one of them may have."""

_LONGEST_WORDS: Final = 200

_Stamp = tuple[int, int, int] | None
"""Of a file: when it was written (ns), its size, its number; None: it is not there."""


class TemplateFaultError(ValueError):
    """A template cannot be used; the text begins with its file and line."""

    def __init__(self, place: Path | str, line: int, says: str) -> None:
        super().__init__(f"{place}:{line}: {' '.join(says.split())[:_LONGEST_WORDS]}")


class TemplateFile(NamedTuple):
    """A template as it was read."""

    path: Path
    text: str


class _Environment(ImmutableSandboxedEnvironment):
    """Globals in one dict: a chain of two is slow to copy, and each rendering copies it."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


class Templates(BaseLoader):
    """One set of templates, compiled: each known by a name like ``content_planning/user.md``."""

    def __init__(self, files: Mapping[str, TemplateFile]) -> None:
        """Compile them all. Raises TemplateFaultError."""
        self._files = files
        self._paths = {str(file.path) for file in files.values()}
        environment = _Environment(
            loader=self,
            undefined=StrictUndefined,
            autoescape=False,  # what is made is no HTML; `prompting` fences the data
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._compiled: dict[str, Template] = {}
        for name, file in files.items():
            try:
                self._compiled[name] = environment.get_template(name)
            except TemplateSyntaxError as error:
                raise TemplateFaultError(file.path, error.lineno, str(error.message)) from None

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the text of a template with these values. Raises TemplateFaultError."""
        try:
            return self._compiled[name].render(values)
        except Exception as error:  # a template can raise whatever Python can
            raise self._fault(name, error) from None

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Give a text to Jinja. Raises TemplateNotFound."""
        del environment
        if template not in self._files:
            raise TemplateNotFound(template, f"there is no template {template!r}")
        path, text = self._files[template]
        return text, str(path), lambda: True

    def _fault(self, name: str, error: Exception) -> TemplateFaultError:
        """Say at which line of which template it was; Jinja puts them among the frames."""
        place, line, trace = str(self._files[name].path), 1, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in self._paths:
                place, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
        # The text of another exception may hold what a customer sent.
        says = str(error) if isinstance(error, TemplateError) else type(error).__name__
        return TemplateFaultError(place, line, says)


class TemplatesOnDisk:
    """The templates in the plugin's folder, and in one whose files go first."""

    def __init__(self, folder: Path | None, trial: Callable[[Templates], None]) -> None:
        """Read them; `trial` raises TemplateFaultError for a set that does not do.

        Raises TemplateFaultError for what cannot be read, compiled or rendered.
        """
        self._folders = [OWN] if folder is None else [OWN, folder]
        self._trial = trial
        self._paths: list[str] = []
        self._stamps: list[_Stamp] = []
        self._good = self._read()
        self.problem = ""
        """Why what lies on the disk is not used; empty if it is."""

    def current(self) -> Templates:
        """Return the set to use. Whether a file has changed is looked up each time."""
        if [_stamp(path) for path in self._paths] != self._stamps:
            try:
                self._good, self.problem = self._read(), ""
            except TemplateFaultError as error:
                self.problem = f"{error}; the templates of before are used"
        return self._good

    def _read(self) -> Templates:
        self._stamps = []  # while not even their names can be known, each look tries again
        names = {name for folder in self._folders for name in _names_in(folder)}
        paths = [folder / name for folder in self._folders for name in sorted(names)]
        self._paths = [str(path) for path in paths]
        # Before they are read: what changes meanwhile is found to have changed the next time.
        self._stamps = [_stamp(path) for path in self._paths]
        files: dict[str, TemplateFile] = {}
        for path, stamp in zip(paths, self._stamps, strict=True):
            if stamp is not None:
                files[f"{path.parent.name}/{path.name}"] = _file(path)
        self._trial(templates := Templates(files))
        return templates


def _stamp(path: str) -> _Stamp:
    try:
        told = os.stat(path)  # noqa: PTH116 (half the time of Path.stat, each time)
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino


def _names_in(folder: Path) -> list[str]:
    """Return the names of a folder's templates. Raises TemplateFaultError for one that is none."""
    if not folder.is_dir():
        raise TemplateFaultError(folder, 1, "this is no folder; wanted one with templates")
    paths = [path for path in folder.glob("*/*.md") if not path.parent.name.startswith(".")]
    if len(paths) > MOST_FILES:
        raise TemplateFaultError(folder, 1, f"it has {len(paths)} templates, at most {MOST_FILES}")
    for path in paths:
        name = f"{path.parent.name}/{path.name}"
        if folder != OWN and not name.startswith(SHARED) and not (OWN / name).exists():
            near = ", ".join(get_close_matches(name, _names_in(OWN), n=2)) or "those of the plugin"
            raise TemplateFaultError(path, 1, f"this replaces no template; did you mean {near}?")
    return sorted(f"{path.parent.name}/{path.name}" for path in paths)


def _file(path: Path) -> TemplateFile:
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise TemplateFaultError(path, 1, f"it has more than {LARGEST} bytes")
        return TemplateFile(path, data.decode())
    except UnicodeDecodeError:
        raise TemplateFaultError(path, 1, "it is not written in UTF-8") from None
    except OSError as error:
        raise TemplateFaultError(path, 1, error.strerror or type(error).__name__) from None
