"""Commands run as a user would, against a real admin listener on this loop."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import typer
from typer.testing import CliRunner

from proxy.cli.admin_client import TOKEN_VARIABLE
from tests.controlplane.log_lines import logging_into
from tests.kit.running import free_port


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


async def run(
    command: Callable[..., None] | typer.Typer, *arguments: str, token: str | None = None
) -> Ran:
    """Run one command, or one of a group, with arguments; `token` becomes the environment's."""
    if isinstance(command, typer.Typer):
        app = command
    else:
        app = typer.Typer()
        app.command()(command)
    env = {TOKEN_VARIABLE: token, "NO_COLOR": "1", "TERM": "dumb"}
    # The listener runs in this process too: its log lines are not the command's output.
    with logging_into(io.StringIO()):
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        pytest.fail(f"the command raised {result.exception!r}")
    return Ran(result.exit_code, result.stdout, result.stderr)


def unused_address() -> str:
    """An address on which nobody listens."""
    return f"127.0.0.1:{free_port()}"
