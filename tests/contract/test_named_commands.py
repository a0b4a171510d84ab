"""Each `crossfade ...` that a text of the product or a page names is a command that there is."""

import re
from collections.abc import Iterator

import typer
from typer.core import TyperGroup

from proxy.cli.main import app
from scripts.house_rules import source_files

NAMED = re.compile(r"`crossfade ((?:(?:[a-z][a-z-]*|\{[^}]*\}|[A-Z]+)(?: |(?=`)))+)")

COMMAND = typer.main.get_command(app)
PLUGINS = {"advice", "costs", "hello", "notify", "orchestrator", "queue", "rate_limit"}
"""Commands of plugins: one that the pages make up, and those that are shipped."""


def unknown(words: list[str]) -> bool:
    """Whether words lead to no command, or a command gets more than it takes."""
    command = COMMAND
    while isinstance(command, TyperGroup) and words:
        found = command.commands.get(words[0])
        if found is None:
            return words[0].islower() and words[0] not in PLUGINS and words[0][0] != "{"
        command, words = found, words[1:]
    takes = sum(one.param_type_name == "argument" for one in command.params)
    return not isinstance(command, TyperGroup) and len(words) > takes


def named() -> Iterator[tuple[str, list[str]]]:
    """Where a command is named, and its words up to the first option."""
    for file in source_files():
        if file.path.startswith(("proxy/", "plugins/", "docs/", "README")):
            for found in NAMED.finditer(file.text):
                yield f"{file.path}: {found[0]}", found[1].split()


def test_each_command_that_a_text_names_is_there() -> None:
    found = list(named())
    assert len(found) > 30
    assert [where for where, words in found if unknown(words)] == []
