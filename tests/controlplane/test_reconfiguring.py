"""What a plugin changes of the configuration is served, written and audited, or nothing is."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from proxy.api import Change, ChangeRefusedError
from tests.controlplane import changing as changing_module
from tests.controlplane.changing import Changing, changing
from tests.controlplane.log_lines import logging_into

HIDE = (Change(("expose",), False),)


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    with logging_into(io.StringIO()) as out:
        yield out


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Changing]:
    async with changing(tmp_path) as found:
        yield found


async def refused(proxy: Changing, *changes: Change) -> Sequence[str]:
    """Ask for a change that is refused, and see that all is as it was."""
    before, number = proxy.file.read_bytes(), proxy.number
    with pytest.raises(ChangeRefusedError) as error:
        await proxy.reloader.reconfigure(changes, "ada", "cheaper")
    assert proxy.file.read_bytes() == before
    assert proxy.number == number
    assert not [one for one in proxy.file.parent.iterdir() if one.name.startswith(".")]
    return error.value.problems


async def test_a_change_is_in_the_file_and_in_force(proxy: Changing, log: io.StringIO) -> None:
    before = proxy.file.read_text()
    undo = await proxy.reloader.reconfigure(HIDE, "ada", "nobody needs it")
    assert proxy.file.read_text() == f"{before}expose: false\n"
    assert not proxy.door.generation.exposes
    assert proxy.reloader.history.entries()[-1].note == "nobody needs it (by ada)"
    assert not proxy.reloader.status.stale
    lines = map(json.loads, log.getvalue().splitlines())
    [line] = [line for line in lines if line["event"] == "reconfigured"]
    assert (line["by"], line["why"], line["places"]) == ("ada", "nobody needs it", ["expose"])
    await proxy.reloader.reconfigure(undo, "ada", "undone")
    assert proxy.file.read_text() == before
    assert proxy.door.generation.exposes


async def test_the_file_that_was_written_is_no_further_change(proxy: Changing) -> None:
    await proxy.reloader.reconfigure(HIDE, "ada", "why")
    assert not (await proxy.event()).changed
    assert proxy.number == 2
    assert proxy.followed[-1].file == proxy.followed[-1].again().file


async def test_a_move_that_it_makes_is_audited_with_who_and_why(proxy: Changing) -> None:
    change = Change(("rollouts", "fade", "percentage"), 60, 50)
    await proxy.reloader.reconfigure([change], "ada", "enough was seen")
    entry = (await proxy.rollouts.audit(rollout="fade"))[0]
    assert (entry.actor, entry.reason) == ("ada", "enough was seen")


async def test_a_configuration_that_would_be_refused_is_not_written(proxy: Changing) -> None:
    problems = await refused(proxy, Change(("exposed",), True))
    assert str(proxy.file) in problems[0]
    assert "did you mean" in problems[0] or "expose" in problems[0]


async def test_a_plugin_that_does_not_start_leaves_the_file_as_it_was(proxy: Changing) -> None:
    proxy.write_plugin("1", "other", startup='raise OSError("no store")')
    problems = await refused(proxy, Change(("plugins", "other"), {}))
    assert "no store" in problems[0]


async def test_what_fails_after_the_file_was_written_puts_it_back(proxy: Changing) -> None:
    proxy.no_listener = True
    assert "cannot listen" in (await refused(proxy, *HIDE))[0]


async def test_a_file_that_holds_something_else_than_what_serves_is_not_changed(
    proxy: Changing,
) -> None:
    proxy.write(rollouts={"fade": {"percentage": 70}})
    assert "reload it first" in (await refused(proxy, *HIDE))[0]


async def test_a_file_that_is_changed_meanwhile_stays_as_somebody_has_written_it(
    proxy: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.write_plugin("1", "other")
    monkeypatch.setattr(
        changing_module, "on_startup", lambda: proxy.write(rollouts={"fade": {"percentage": 70}})
    )
    with pytest.raises(ChangeRefusedError, match="changed meanwhile"):
        await proxy.reloader.reconfigure([Change(("plugins", "other"), {})], "ada", "why")
    assert "70" in proxy.file.read_text()
    assert proxy.number == 1


async def test_a_change_that_somebody_else_has_made_is_refused(proxy: Changing) -> None:
    change = Change(("rollouts", "fade", "percentage"), 60, 55)
    assert "somebody has changed it since" in (await refused(proxy, change))[0]


async def test_when_the_process_ends_nothing_is_changed_any_more(proxy: Changing) -> None:
    await proxy.reloader.stop()
    assert "is stopping" in (await refused(proxy, *HIDE))[0]


async def test_changes_at_the_same_time_are_made_one_after_another(proxy: Changing) -> None:
    await asyncio.gather(
        *(
            proxy.reloader.reconfigure([Change(("limits", key), "16KiB")], "ada", "why")
            for key in ("header_bytes", "url_bytes")
        )
    )
    limits = proxy.door.generation.limits
    assert limits.header_bytes == limits.url_bytes == 16384
    assert proxy.number == 3
