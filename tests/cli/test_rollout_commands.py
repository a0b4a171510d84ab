"""The commands of rollouts against the real admin listener, real rollouts and a real store."""

from collections.abc import AsyncIterator, Callable

import pytest
import typer

from proxy.cli import audit, decide, ramp, replay, rollouts
from proxy.controlplane.rollouts.authority import Actor, Effects, Rollouts
from proxy.core.commands import Pause
from proxy.stores.memory import MemoryStore
from tests.cli.asking import Ran, run
from tests.controlplane.admin_view import NOW, View, admin_serving

WHY = ("--reason", "because")


@pytest.fixture
async def view() -> AsyncIterator[View]:
    """A proxy with the rollout `hybrid` at 5 per cent."""
    view = View()
    effects = Effects(view.generation.steer, lambda _: None, lambda _: None)
    view.opened = Rollouts(MemoryStore(lambda: NOW), effects, {}, lambda: NOW)
    await view.opened.open(view.config)
    yield view
    await view.opened.close()


@pytest.fixture
async def url(view: View) -> AsyncIterator[str]:
    async with admin_serving(view) as url:
        yield url


async def done(url: str, *words: str) -> str:
    """What a command of `rollouts` prints that is done."""
    ran = await run(rollouts.app, *words, *WHY, "--admin", url)
    assert (ran.code, ran.err) == (0, "")
    return ran.out


async def asked(url: str, command: Callable[..., None] | typer.Typer, *words: str) -> Ran:
    return await run(command, *words, "--admin", url)


async def test_every_change_that_the_commands_offer_is_understood(url: str) -> None:
    assert "5 % on new, step 1 of 4, settle" in await done(url, "start", "hybrid")
    assert "paused" in await done(url, "pause", "hybrid")
    assert "settle" in await done(url, "resume", "hybrid")
    assert "25 % on new, step 2 of 4, settle" in await done(url, "promote", "hybrid")
    assert "step 2 of 4" in await done(url, "approve", "hybrid")
    assert "100 % on new" in await done(url, "promote", "hybrid", "--full")
    assert "10 % on new" in await done(url, "set", "hybrid", "10")
    assert "cohort acme" in await done(url, "rollback", "hybrid", "--cohort", "acme")
    assert "cohort" not in await done(url, "release", "hybrid", "--cohort", "acme")
    assert "The brake only watches" in await done(url, "override-safety", "hybrid", "10m")
    assert "Killed by loopback" in await done(url, "kill", "hybrid")
    assert "Killed" not in await done(url, "unkill", "hybrid")
    assert "0 % on new, rolled back" in await done(url, "rollback", "hybrid")
    assert "0 % on new" in await done(url, "acknowledge", "hybrid")
    assert "  me" in await done(url, "lists", "add", "hybrid", "-w", "me")
    assert "  me" not in await done(url, "lists", "remove", "hybrid", "-w", "me")


async def test_a_ramp_of_ones_own_keeps_the_declared_gates_and_is_followed_when_asked_again(
    url: str, view: View
) -> None:
    words = ("hybrid", "--steps", "10,30,100", "--bake", "2m")
    assert "10 % on new, step 1 of 3" in (await asked(url, ramp.command, *words, *WHY)).out
    plan = view.rollouts.state("hybrid").plan
    assert plan is not None
    assert [step.gates.approval for step in plan.steps] == [False, True, False]
    assert {step.bake for step in plan.steps} == {120.0}
    version = view.rollouts.state("hybrid").version
    again = await asked(url, ramp.command, *words)
    assert (again.code, view.rollouts.state("hybrid").version) == (0, version)


async def test_whoever_was_overtaken_is_told_by_whom(url: str, view: View) -> None:
    seen = str(view.rollouts.state("hybrid").version)
    await view.rollouts.change("hybrid", Pause(), Actor("ana", "operator"), "it burns")
    ran = await asked(url, rollouts.app, "set", "hybrid", "9", "--if-version", seen, *WHY)
    assert ran.code == 1
    assert "pause by ana: it burns" in ran.err
    assert "5 % on new, paused" in ran.err


async def test_what_is_not_possible_is_told_with_what_is(url: str) -> None:
    ran = await asked(url, rollouts.app, "promote", "hybrid", *WHY)
    assert ran.code == 1
    assert "`start` begins the ramp" in ran.err


async def test_what_was_done_stands_in_the_audit(url: str) -> None:
    await done(url, "set", "hybrid", "7.5")
    ran = await asked(url, audit.command, "--rollout", "hybrid", "--limit", "1")
    assert "set_percentage" in ran.out
    assert "percentage 5 > 7.5" in ran.out
    assert "because" in ran.out


async def test_a_caller_is_decided_as_it_stands(url: str) -> None:
    ran = await asked(url, decide.command, "hybrid", "ann", "--route", "campaigns")
    assert (ran.code, ran.err) == (0, "")
    assert "arm        new" in ran.out
    assert "reason     whitelist" in ran.out


async def test_a_decision_that_nobody_made_is_not_replayed(url: str) -> None:
    ran = await asked(url, replay.command, "no-such-request")
    assert ran.code == 1
    assert "No decision of this request is kept." in ran.err


async def test_how_they_stand_is_listed_and_shown(url: str) -> None:
    assert "5 %" in (await asked(url, rollouts.app, "list")).out
    assert "5 % on new, draft" in (await asked(url, rollouts.app, "show", "hybrid")).out
