"""Commands show what an operator needs to decide, and do what they say."""

import asyncio
from typing import Any

import orjson
import pytest

from plugins.cost_meter.advising.admin import AdviceAnswers
from plugins.cost_meter.advising.commands import provide_commands
from proxy.api.testing.offers import AdminOffers, CommandOffers
from tests.plugins.cost_meter.advising.followed import FILE, followed


async def told(capsys: pytest.CaptureFixture[str], *runs: tuple[str, dict[str, Any]]) -> list[str]:
    """Run commands one after another, where ``ID`` is the id of what is found."""
    said = []
    async with followed() as found:
        advice = found.advice()
        admin = AdminOffers()
        AdviceAnswers(advice, found.services).offer(admin)
        commands = CommandOffers(admin)
        provide_commands(commands)
        await advice.look()
        name = await found.model_id(advice)
        for command, options in runs:
            given = {key: name if value == "ID" else value for key, value in options.items()}
            await commands.run(f"advice {command}", **given)
            said.append(capsys.readouterr().out.replace(name, "ID"))
        said.append(found.services.file.decode())
    return said


def test_commands_are_a_group_of_their_own() -> None:
    commands = CommandOffers(AdminOffers())
    provide_commands(commands)
    assert sorted(commands) == ["advice approve", "advice list", "advice show", "advice undo"]


async def test_the_list_says_what_is_saved_and_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed, looked, _ = await told(capsys, ("list", {}), ("list", {"look": True}))
    assert "USD a month" in listed
    assert "open" in listed
    assert "no advice: cache (equal intents): missing: attempts that tell" in listed
    assert looked == listed


async def test_one_is_shown_approved_and_undone(capsys: pytest.CaptureFixture[str]) -> None:
    shown, approved, again, undone, file = await told(
        capsys,
        ("show", {"id": "ID"}),
        ("approve", {"id": "ID", "share": 2.0}),
        ("show", {"id": "ID"}),
        ("undo", {"id": "ID"}),
    )
    assert "changes    plugins.orchestrator.rules[0]: nothing -> {" in shown
    assert "ID is followed for 2 % of users" in approved
    assert "crossfade advice undo ID" in approved
    assert "approved by operator, 2 % of users" in again
    assert undone == "ID is undone; the file is as it was\n"
    assert file == FILE.decode()


async def test_machines_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    listed, _ = await told(capsys, ("list", {"json": True}))
    assert orjson.loads(listed)["advice"][0]["rule"] == "model"
    await asyncio.sleep(0)
