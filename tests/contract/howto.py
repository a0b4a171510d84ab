"""Reads a page of the documentation that is a story: files to write, commands to run.

A `python`, `yaml` or `toml` block is a file: the last name of such a file that the text before
it names (`yaml` is `config.yaml` where there is none). A `console` block
holds commands behind `$ ` with what they print; `...` stands for anything.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w./-]+\.(?:py|yaml|toml))`")
_FILES = {"python": ".py", "yaml": ".yaml", "toml": ".toml"}


class File(NamedTuple):
    """A file as the page has it at this place."""

    line: int
    name: str
    text: str


class Command(NamedTuple):
    """A command, and a pattern for what it prints; None where nothing is shown."""

    line: int
    text: str
    prints: str | None


class Shown(NamedTuple):
    """Lines that somebody prints; a pattern for each."""

    line: int
    patterns: tuple[str, ...]


Step = File | Command | Shown


def steps(page: str) -> Iterator[Step]:
    """The steps of a page, in order."""
    end = 0
    for found in _FENCE.finditer(page):
        before, end_before = page[end : found.start()], found.end()
        line = page[: found.start()].count("\n") + 2
        language, text = found[1], found[2]
        if language in _FILES:
            named = [one for one in _FILE.findall(before) if one.endswith(_FILES[language])]
            yield File(line, named[-1] if named else f"config{_FILES[language]}", text)
        elif language == "console":
            yield from _commands(line, text)
        elif language == "text":
            yield Shown(line, tuple(pattern(one) for one in text.splitlines()))
        end = end_before


def pattern(text: str) -> str:
    """A regular expression for text in which `...` stands for anything."""
    return ".*".join(re.escape(part) for part in text.split("..."))


def _commands(line: int, text: str) -> Iterator[Command]:
    command, start = "", line
    printed: list[str] = []
    for number, one in enumerate(text.splitlines(), line):
        if one.startswith("$ "):
            if command:
                yield _command(start, command, printed)
            command, printed, start = one[2:], [], number
        else:
            printed.append(one)
    if command:
        yield _command(start, command, printed)


def _command(line: int, command: str, printed: list[str]) -> Command:
    return Command(line, command, pattern("\n".join(printed)) if printed else None)
