"""A change is served whole or not at all, whatever asks for it and however it fails."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.controlplane.rollouts.authority import Actor
from proxy.core.commands import Rollback, SetPercentage
from proxy.core.decide import decide
from proxy.core.identity import Identity
from proxy.dataplane.decided import Decided
from tests.controlplane import changing as changing_module
from tests.controlplane.changing import CONFIG, Changing, changing, modules
from tests.controlplane.log_lines import logging_into


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    with logging_into(io.StringIO()) as out:
        yield out


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Changing]:
    async with changing(tmp_path) as found:
        yield found


def hold(proxy: Changing) -> None:
    """Put a request that does not end on the generation that serves."""
    proxy.door.generation.in_flight += 1


# what makes a new generation


async def test_what_has_not_changed_makes_no_new_generation(proxy: Changing) -> None:
    outcome = await proxy.reload()
    assert (outcome.done, outcome.changed, outcome.generation) == (True, False, 1)


async def test_another_file_makes_a_new_generation(proxy: Changing) -> None:
    outcome = await proxy.changed(expose=False)
    assert outcome.generation == proxy.number == 2
    assert not proxy.door.generation.exposes


async def test_a_plugin_that_changed_alone_makes_a_new_generation(proxy: Changing) -> None:
    proxy.write_plugin("2")
    outcome = await proxy.event()
    assert outcome.changed
    assert proxy.version == "2"
    assert proxy.reloader.history.entries()[-1].note == "the plugin hello changed"


async def test_a_plugin_that_nobody_uses_makes_no_new_generation(proxy: Changing) -> None:
    proxy.write_plugin("1", name="other")
    assert not (await proxy.event()).changed


async def test_many_reloads_leave_nothing_behind(proxy: Changing) -> None:
    before = modules()
    for turn in range(40):
        proxy.write_plugin(str(turn % 2))
        assert (await proxy.event()).changed
    await released(proxy)
    assert modules() == before
    assert proxy.host.sets == 1
    assert len(proxy.reloader.history.entries()) == 10


# refusals

BROKEN = {
    "syntax": "def hello(:",
    "import": "import there_is_no_such_module",
    "startup": "",
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_plugin_leaves_the_old_one_serving(proxy: Changing, kind: str) -> None:
    if kind == "startup":
        proxy.write_plugin("2", startup="raise ConnectionError('no')")
    else:
        (proxy.plugins / "hello.py").write_text(BROKEN[kind])
    outcome = await proxy.event()
    assert not outcome.done
    assert "hello" in outcome.problems[0]
    assert (proxy.number, proxy.version) == (1, "1")
    assert proxy.reloader.status.stale
    assert proxy.reloader.status.problems == outcome.problems
    assert proxy.accounting.reloads_failed == 1
    assert proxy.host.sets == 1
    proxy.write_plugin("1")
    assert (await proxy.event()).done
    assert not proxy.reloader.status.stale
    assert proxy.number == 1


async def test_a_refusal_is_told_once_until_it_is_another_one(proxy: Changing) -> None:
    async def told(text: str) -> list[Any]:
        proxy.file.write_text(text)
        await proxy.event()
        return [line[0] for line in proxy.diary]

    assert await told("listen: 7") == ["config_refused"]
    assert await told("listen: 7 # again") == ["config_refused"]
    assert await told("listen: 8080.5") == ["config_refused"] * 2
    proxy.write()
    await proxy.reload()
    assert await told("listen: 8080.5") == ["config_refused"] * 3
    assert f"{proxy.file}:1:9: listen: said 7; wanted an address" in proxy.diary[0][2]


async def test_an_address_that_cannot_be_had_ends_what_was_started(proxy: Changing) -> None:
    proxy.no_listener = True
    proxy.write_plugin("2")
    outcome = await proxy.reload()
    assert outcome.problems == ("listen 127.0.0.1:1: cannot listen there: taken",)
    assert (proxy.host.sets, proxy.version, proxy.number) == (1, "1", 1)


async def test_the_folders_of_a_refused_file_are_watched_too(proxy: Changing) -> None:
    more = proxy.file.parent / "more"
    more.mkdir()
    proxy.write(plugins={"path": ["plugins", "more"]}, routes=uses("hello", "later"))
    assert not (await proxy.event()).done
    assert list(proxy.followed[-1].plugins) == [proxy.plugins, more]
    (more / "later.py").write_text((proxy.plugins / "hello.py").read_text())
    assert proxy.followed[-1].again() != proxy.followed[-1], "this is what the watcher waits for"
    assert (await proxy.event()).done


def uses(*plugins: str) -> list[dict[str, Any]]:
    return [{**CONFIG["routes"][0], "plugins": list(plugins)}]


# moves


async def test_plugins_are_told_who_moved_and_by_how_much(proxy: Changing) -> None:
    proxy.write_rollout(percentage=75)
    await proxy.reload()
    proxy.write_rollout(percentage=75, enabled=False)
    await proxy.reload()
    proxy.write_rollout(percentage=30, enabled=False)
    await proxy.reload()
    moves = [line[:4] for line in proxy.diary]
    assert moves == [
        ("fade", 50.0, 75.0, "configuration"),
        ("fade", 75.0, 0.0, "configuration"),
    ]


async def test_a_rollout_that_comes_or_goes_moves_from_or_to_nobody(proxy: Changing) -> None:
    await proxy.changed(rollouts={"other": {"percentage": 10}})
    assert sorted(line[:3] for line in proxy.diary) == [("fade", 50.0, 0.0), ("other", 0.0, 10.0)]


async def test_the_outcome_and_the_log_tell_whom_a_change_moves(
    proxy: Changing, log: io.StringIO
) -> None:
    for number in range(100):
        identity = Identity(b"key %d" % number, "cookie:sid", verified=True)
        generation = proxy.door.generation
        decision = decide(generation.rollouts["fade"], identity)
        state, config = generation.learned["fade"], generation.config
        proxy.door.decided.append(
            Decided(str(number), 0.0, "all", "fade", identity, decision, 1, config, state)
        )
    proxy.write_rollout(percentage=100)
    [move] = (await proxy.reload()).moves
    assert (move.rollout, move.seen, move.to_legacy) == ("fade", 100, 0)
    assert move.to_new > 0
    assert f"{move.to_new} to new and 0 to legacy of 100 callers" in log.getvalue()


async def test_another_salt_is_refused_unless_it_is_wanted(proxy: Changing) -> None:
    proxy.write_rollout(percentage=50, salt="pepper")
    outcome = await proxy.reload()
    assert not outcome.done
    assert "rebucket" in outcome.problems[0]
    assert (proxy.number, proxy.host.sets) == (1, 1)
    proxy.write_rollout(percentage=50, salt="pepper", rebucket=True)
    assert (await proxy.reload()).changed


# what was learned

OPERATOR = Actor("alice", "operator")


async def test_a_reload_that_says_nothing_new_of_a_rollout_leaves_it_where_it_is(
    proxy: Changing,
) -> None:
    await proxy.rollouts.change("fade", SetPercentage(80), OPERATOR, "all is well")
    proxy.write(expose=False)
    assert (await proxy.reload()).changed
    assert proxy.rollouts.state("fade").percentage == 80
    assert proxy.door.generation.learned["fade"].percentage == 80


async def test_another_percentage_in_the_file_is_a_move_by_the_configuration(
    proxy: Changing,
) -> None:
    await proxy.rollouts.change("fade", SetPercentage(80), OPERATOR, "all is well")
    proxy.write_rollout(percentage=30)
    await proxy.reload()
    assert proxy.door.generation.learned["fade"].percentage == 30
    assert [line[1:4] for line in proxy.diary] == [
        (50.0, 80.0, "alice"),
        (80.0, 30.0, "configuration"),
    ]
    newest = (await proxy.rollouts.audit(limit=1))[0]
    assert (newest.actor, newest.action, newest.after["percentage"]) == (
        "configuration",
        "declare",
        30.0,
    )


async def test_a_file_cannot_lift_a_rollback(proxy: Changing) -> None:
    await proxy.rollouts.change("fade", Rollback(), OPERATOR, "it fails")
    proxy.write_rollout(percentage=75)
    assert (await proxy.reload()).changed
    assert proxy.door.generation.learned["fade"].share == 0


async def test_who_brings_a_generation_back_moves_its_rollouts(proxy: Changing) -> None:
    proxy.write_rollout(percentage=75)
    await proxy.reload()
    assert (await proxy.reloader.rollback(1, "ops")).changed
    assert proxy.diary[-1][:4] == ("fade", 75.0, 50.0, "ops")
    assert (await proxy.rollouts.audit(limit=1))[0].actor == "ops"


async def test_another_salt_is_refused_for_a_share_that_was_learned(proxy: Changing) -> None:
    await proxy.changed(rollouts={"fade": {"percentage": 100}})
    await proxy.rollouts.change("fade", SetPercentage(40), OPERATOR, "slowly")
    proxy.write_rollout(percentage=100, salt="pepper")
    outcome = await proxy.reload()
    assert not outcome.done
    assert "rebucket" in outcome.problems[0]


async def test_another_store_is_refused_until_a_restart(proxy: Changing) -> None:
    proxy.write(state="redis://:hunter2@127.0.0.1:6379/0")
    for dry_run in (True, False):
        [problem] = (await proxy.reload(dry_run=dry_run)).problems
        assert "state: said another store than the one that is open" in problem
        assert "restart Crossfade" in problem
        assert "hunter2" not in problem
    assert proxy.number == 1


# only trying


async def test_a_dry_run_tells_all_and_changes_nothing(proxy: Changing) -> None:
    proxy.write_rollout(percentage=75)
    proxy.write_plugin("2")
    outcome = await proxy.reload(dry_run=True)
    assert (outcome.done, outcome.changed, outcome.generation) == (True, True, 1)
    assert outcome.dry_run
    assert [move.rollout for move in outcome.moves] == ["fade"]
    assert (proxy.number, proxy.version, proxy.host.sets) == (1, "1", 1)
    assert proxy.followed == [], "the watcher has yet to find this change"
    assert (await proxy.reload(dry_run=True)).changed, "it tells the same again"


async def test_a_dry_run_of_what_would_be_refused_is_no_refusal(proxy: Changing) -> None:
    proxy.file.write_text("listen: 7")
    outcome = await proxy.reload(dry_run=True)
    assert not outcome.done
    assert outcome.problems
    assert not proxy.reloader.status.stale
    assert proxy.accounting.reloads_failed == 0
    assert proxy.diary == []


async def test_a_dry_run_may_take_another_file_of_the_same_folder(proxy: Changing) -> None:
    serving = proxy.file.read_text()
    proxy.write_rollout(percentage=75)
    proxy.file.rename(proxy.file.with_name("next.yaml"))
    proxy.file.write_text(serving)
    tried = await proxy.reloader.reload(dry_run=True, release=True, file="next.yaml")
    assert (tried.done, tried.changed) == (True, True)
    missing = await proxy.reloader.reload(dry_run=True, release=True, file="none.yaml")
    assert "none.yaml" in missing.problems[0]
    assert not (await proxy.reload()).changed


async def test_a_dry_run_of_nothing_new_says_so(proxy: Changing) -> None:
    outcome = await proxy.reload(dry_run=True)
    assert (outcome.done, outcome.changed) == (True, False)


# quarantine


async def test_who_asks_for_a_reload_releases_what_is_quarantined(proxy: Changing) -> None:
    [step] = proxy.serving.chains["all"].edit_response
    for _ in range(20):
        step.guard.calls += 1
        step.guard.fault("edit_response", ValueError())
    assert proxy.serving.chains["all"].edit_response == ()
    assert (await proxy.event()).released == ()
    assert proxy.serving.chains["all"].edit_response == ()
    outcome = await proxy.reload()
    assert not outcome.changed
    assert [name.split()[0] for name in outcome.released] == ["hello"]
    assert len(proxy.serving.chains["all"].edit_response) == 1


# draining


async def test_a_retired_generation_keeps_its_plugins_until_its_requests_are_over(
    proxy: Changing,
) -> None:
    first = proxy.door.generation
    hold(proxy)
    proxy.write_plugin("2")
    await proxy.reload()
    assert [one.number for one in proxy.draining.statuses()] == [1]
    assert (proxy.host.sets, modules()) == (2, 2)
    first.left()
    await released(proxy)
    assert (proxy.host.sets, modules()) == (1, 1)
    assert proxy.draining.statuses() == ()


async def released(proxy: Changing) -> None:
    """Let the plugins end whose last request is over."""
    for _ in range(100):
        if proxy.host.sets > 1:
            await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_fourth_draining_generation_ends_the_oldest(proxy: Changing) -> None:
    for turn in range(4):
        hold(proxy)
        proxy.write_plugin(f"turn {turn}")
        await proxy.changed(limits={"drain": "0s"}, expose=bool(turn % 2))
    assert [one.number for one in proxy.draining.statuses()] == [2, 3, 4]
    assert proxy.number == 5


async def test_a_refused_change_cuts_nobody(proxy: Changing) -> None:
    for turn in range(3):
        hold(proxy)
        await proxy.changed(limits={"drain": "0s"}, expose=bool(turn % 2))
    (proxy.plugins / "hello.py").write_text("def")
    assert not (await proxy.reload()).done
    assert len(proxy.draining.statuses()) == 3


# the end


async def test_the_end_of_the_process_gives_up_a_change_that_is_being_prepared(
    proxy: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.write_plugin("2", startup="import asyncio; await asyncio.Event().wait()")
    begun = asyncio.Event()
    monkeypatch.setattr(changing_module, "on_startup", begun.set)
    change = asyncio.create_task(proxy.reload())
    async with asyncio.timeout(20):
        await begun.wait()
    await proxy.reloader.stop()
    outcome = await change
    assert outcome.problems == ("Crossfade is stopping; nothing is changed any more.",)
    assert (proxy.number, proxy.host.sets, modules()) == (1, 1, 1)
    assert not (await proxy.reload()).done


async def test_two_changes_at_a_time_are_made_one_after_the_other(proxy: Changing) -> None:
    proxy.write(expose=False)
    first, second = await asyncio.gather(proxy.reload(), proxy.event())
    assert (first.changed, second.changed) == (True, False)
    assert proxy.number == 2
