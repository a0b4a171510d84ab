"""The generated pages of docs/reference: `python -m scripts.reference_pages [--check]`.

Without an argument they are written; with --check nothing is written, and the
exit code is 1 when a page is not what the code says. (The page about the
configuration has a script of its own: scripts/reference.)
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption

from proxy.cli.main import app
from proxy.controlplane.admin.page import admin_page
from proxy.controlplane.metrics import metrics_page
from proxy.core.reason import DECISIONS, FAULTS
from scripts.plugin_pages import api_page, hooks_page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"

REASONS = """\
# Reasons

Why a request went where it went, or why it got no normal answer. The list is closed: these words
stand in `X-Crossfade-Reason`, in the `reason` of error bodies, in logs and in metrics.

## Decisions

| reason | what it says |
|---|---|
"""

FAULTS_HEAD = """
## Faults

The blame is the `blame` label of `crossfade_faults_total`. A fault without a status is only counted
and logged: there was nobody left to answer, or the answer had begun.

| reason | status | blame | what it says |
|---|---|---|---|
"""

COMMANDS = """\
# Commands

`crossfade <command>`, or `python -m proxy <command>`. Exit codes: 0 all is well, 1 it failed while
running, 2 the usage or the configuration is wrong; `crossfade ramp` has more. Commands that ask a
running proxy take the token from `CROSSFADE_ADMIN_TOKEN`.

Plugins may have commands too, `crossfade <plugin> <command>`: those of the plugins that the
configuration names (`--config`, by default `config.yaml`). `crossfade --help` lists them.
"""


def reasons_page() -> str:
    """The closed list of reasons."""
    decisions = (f"| `{reason}` | {says} |\n" for reason, says in DECISIONS.items())
    faults = (
        f"| `{reason}` | {fault.status or ''} | {fault.blame} | {fault.detail} |\n"
        for reason, fault in FAULTS.items()
    )
    return REASONS + "".join(decisions) + FAULTS_HEAD + "".join(faults)


def commands_page() -> str:
    """Every command with its options, as its own --help says."""
    return COMMANDS + "".join(_command_sections())


def _command_sections() -> Iterator[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        yield from _sections(f"crossfade {name}", command)


def _sections(name: str, command: Any) -> Iterator[str]:
    """The section of a command, and those of the commands below it."""
    below = getattr(command, "commands", {})
    arguments = [_argument(p) for p in command.params if not _is_option(p)]
    bare = [] if below and not command.params else ["[options]"]
    yield f"\n## {name}\n\n"
    yield f"`{' '.join([name, *bare, *arguments, *(['COMMAND'] if below else [])])}`\n\n"
    yield "\n".join(line.strip() for line in (command.help or "").splitlines()) + "\n"
    options = [parameter for parameter in command.params if _is_option(parameter)]
    if options:
        yield "\n| option | what it says |\n|---|---|\n"
    for option in options:
        yield f"| `{', '.join(option.opts)}` | {getattr(option, 'help', '') or ''} |\n"
    for last, one in below.items():
        yield from _sections(f"{name} {last}", one)


def _argument(parameter: Any) -> str:
    name = (parameter.name or "").upper()
    return name if parameter.required else f"[{name}]"


def _is_option(parameter: object) -> bool:
    return isinstance(parameter, TyperOption)


PAGES: dict[str, Callable[[], str]] = {
    "admin.md": admin_page,
    "commands.md": commands_page,
    "hooks.md": hooks_page,
    "metrics.md": metrics_page,
    "plugin-api.md": api_page,
    "reasons.md": reasons_page,
}


def stale() -> list[str]:
    """The pages that differ from what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != make()
    ]


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        for name in stale():
            print(f"docs/reference/{name} is stale; run python -m scripts.reference_pages")
        return 1 if stale() else 0
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
