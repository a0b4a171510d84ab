"""What every command that changes a rollout takes, beside what is its own."""

from typing import Annotated, Any

import orjson
import pytest
import typer

from proxy.cli.asked import Asked, changing
from tests.cli.asking import Ran, run
from tests.cli.told import Told, rollout

PATH = "/v1/rollouts/hybrid"
app = typer.Typer()


@app.callback()
def _group() -> None:
    """So that the only command has a name."""


@changing(app, "nudge")
def nudge(
    asked: Asked,
    far: Annotated[int, typer.Argument(help="How far.")],
    *,
    hard: Annotated[bool, typer.Option("--hard", help="As hard as can be.")] = False,
) -> Any:
    """Nudge it."""
    return asked.act("nudge", {"far": far, "hard": hard}, version=asked.version(None))


async def asked(*words: str) -> tuple[Ran, Told]:
    told = Told()
    told.tell(f"GET {PATH}", rollout())
    told.tell(f"POST {PATH}/nudge", rollout("paused"))
    async with told.serving() as url:
        return await run(app, "nudge", *words, "--admin", url), told


async def test_its_own_arguments_come_after_the_name() -> None:
    ran, told = await asked("hybrid", "3", "--hard", "-m", "because")
    assert (ran.code, ran.out.partition(",")[0]) == (0, "hybrid: 25 % on new")
    [one] = told.changes
    assert one.body == {"reason": "because", "far": 3, "hard": True}
    assert one.headers["If-Match"] == '"7"'


async def test_a_machine_is_told_all() -> None:
    ran, _ = await asked("hybrid", "3", "--json", "-m", "because")
    assert orjson.loads(ran.out) == rollout("paused")


@pytest.mark.parametrize("words", [(), ("hybrid",), ("hybrid", "3"), ("hybrid", "far", "-m", "x")])
async def test_nothing_is_sent_where_something_is_missing(words: tuple[str, ...]) -> None:
    ran, told = await asked(*words)
    assert (ran.code, told.changes) == (2, [])


async def test_the_help_has_what_is_its_own_and_what_is_shared() -> None:
    ran = await run(app, "nudge", "--help")
    assert "Nudge it." in ran.out
    for word in ("--hard", "--reason", "--config", "--admin", "--json"):
        assert word in ran.out
