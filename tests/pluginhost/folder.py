"""Writes plugins into folders, and loads them; whatever was loaded is forgotten afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from proxy.pluginhost.importing import forget, load, loaded
from proxy.pluginhost.sources import Source, discover
from proxy.pluginhost.verify import PluginCode, inspect
from proxy.settings.problems import ConfigError, Problem

HELLO = """\
from proxy.api import ReplyHead, Request, Settings, Use, hook

class Greeting(Settings):
    text: str = "hello"

class Hello(Use):
    settings: Greeting

    @hook
    def edit_response(self, request: Request, reply: ReplyHead) -> None:
        reply.headers.set("X-Greeting", self.settings.text)
"""


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder; text is dedented. Returns the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
    return folder


def found(folder: Path) -> Mapping[str, Source]:
    """The plugins of a folder by name, without installed ones."""
    return discover((folder,), {}).sources


def source_of(folder: Path, text: str | bytes, name: str = "hello") -> Source:
    """A plugin of one file with this text."""
    return found(write(folder, {f"{name}.py": text}))[name]


def package_of(folder: Path, files: Mapping[str, str | bytes], name: str = "hello") -> Source:
    """A plugin that is a package of these files."""
    return found(write(folder / name, files).parent)[name]


@contextmanager
def imported(source: Source) -> Iterator[ModuleType]:
    """The module of a plugin, which is forgotten at the end."""
    try:
        yield load(source)
    finally:
        forget(source)


def verified(folder: Path, text: str) -> PluginCode:
    """The verified code of a plugin of one file; its modules are forgotten."""
    source = source_of(folder, text)
    with imported(source) as module:
        return inspect(source, module)


def problems_of(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    """What is wrong with a plugin of one file; the test fails if nothing is."""
    with pytest.raises(ConfigError) as caught:
        verified(folder, text if isinstance(text, str) else text.decode())
    return caught.value.problems


def problem_of(source: Source) -> Problem:
    """The one problem that importing a plugin has; nothing of it is left."""
    with pytest.raises(ConfigError) as caught:
        load(source)
    [problem] = caught.value.problems
    assert not [name for name in loaded() if name.startswith(source.module)]
    return problem
