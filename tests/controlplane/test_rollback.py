"""What served once serves again, with its plugins as they were, until somebody says otherwise."""

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.controlplane.changing import Changing, changing
from tests.controlplane.log_lines import logging_into


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    with logging_into(io.StringIO()):
        yield


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Changing]:
    async with changing(tmp_path) as found:
        yield found


async def test_an_older_generation_comes_back_with_its_plugins_as_they_were(
    proxy: Changing,
) -> None:
    proxy.write_plugin("2")
    await proxy.changed(expose=False)
    (proxy.plugins / "hello.py").unlink()
    proxy.file.unlink()
    outcome = await proxy.reloader.rollback(1, "ops")
    assert (outcome.done, outcome.changed, outcome.generation) == (True, True, 3)
    assert proxy.version == "1"
    assert proxy.door.generation.exposes
    entries = proxy.reloader.history.entries()
    assert [entry.number for entry in entries] == [1, 2, 3]
    assert entries[2].digest == entries[0].digest
    assert entries[2].note == "generation 1 was brought back by ops"
    [problem] = proxy.reloader.status.problems
    assert problem == (
        f"generation 1 was brought back by an operator; {proxy.file} holds something else; "
        "reload to serve the file"
    )


async def test_what_was_brought_back_stays_until_something_changes_or_somebody_reloads(
    proxy: Changing,
) -> None:
    await proxy.changed(expose=False)
    await proxy.reloader.rollback(1, "ops")
    assert not (await proxy.event()).changed, "an event without other content"
    assert proxy.reloader.status.stale
    assert proxy.reloader.status.brought_back
    assert (await proxy.reload()).changed
    assert not proxy.reloader.status.stale
    assert not proxy.door.generation.exposes
    await proxy.reloader.rollback(1, "ops")
    proxy.write_plugin("2")
    assert (await proxy.event()).changed
    assert (proxy.version, proxy.door.generation.exposes) == ("2", False)


async def test_a_file_that_comes_to_hold_what_was_brought_back_is_stale_no_more(
    proxy: Changing,
) -> None:
    await proxy.changed(expose=False)
    await proxy.reloader.rollback(1, "ops")
    proxy.write()
    assert not (await proxy.event()).changed
    assert not proxy.reloader.status.stale


async def test_going_back_to_what_the_file_holds_is_not_stale(proxy: Changing) -> None:
    await proxy.changed(expose=False)
    await proxy.reloader.rollback(1, "ops")
    await proxy.reloader.rollback(2, "ops")
    assert not proxy.reloader.status.stale
    assert proxy.number == 4


async def test_a_broken_file_behind_a_generation_that_was_brought_back_is_told(
    proxy: Changing,
) -> None:
    await proxy.changed(expose=False)
    await proxy.reloader.rollback(1, "ops")
    proxy.file.write_text("listen: 7")
    assert not (await proxy.event()).done
    assert "brought back" not in proxy.reloader.status.problems[0]
    proxy.write(expose=False)
    assert (await proxy.event()).changed
    assert not proxy.reloader.status.stale


async def test_a_move_by_going_back_is_the_operators(proxy: Changing) -> None:
    proxy.write_rollout(percentage=75)
    await proxy.reload()
    await proxy.reloader.rollback(1, "ops")
    assert proxy.diary[-1] == ("fade", 75.0, 50.0, "ops", "generation 1 was brought back")


async def test_a_generation_that_is_not_remembered_cannot_come_back(proxy: Changing) -> None:
    outcome = await proxy.reloader.rollback(7, "ops")
    assert outcome.problems == ("generation 7 is not remembered; 1 are",)
    assert not proxy.reloader.status.stale
    assert proxy.accounting.reloads_failed == 0


async def test_the_serving_generation_is_not_brought_back_again(proxy: Changing) -> None:
    proxy.file.write_text("listen: 7")
    await proxy.event()
    refused = proxy.reloader.status
    outcome = await proxy.reloader.rollback(1, "ops")
    assert (outcome.done, outcome.changed) == (True, False)
    assert proxy.reloader.status == refused


async def test_going_back_to_another_salt_is_refused_unless_that_generation_wants_it(
    proxy: Changing,
) -> None:
    proxy.write_rollout(percentage=50, salt="pepper", rebucket=True)
    await proxy.reload()
    outcome = await proxy.reloader.rollback(1, "ops")
    assert "rebucket" in outcome.problems[0]
    assert proxy.number == 2
    assert not proxy.reloader.status.stale
