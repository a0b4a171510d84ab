"""A new configuration takes the delivering over, and gives it back where it comes to nothing."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import plugins.message_queue
from plugins.message_queue import Dispatch, MessageQueue
from plugins.message_queue.assembly import Assembled
from proxy.api.endpoints import iso
from proxy.api.messages import Messages
from tests.plugins.message_queue.queueing import Queueing, queueing


async def later(on: Queueing, seconds: float) -> str:
    reply = await on.send(scheduleFor=iso(on.now + seconds))
    return str(reply.json()["data"]["messageId"])


async def stopped(on: Queueing, parts: Any) -> None:
    """Wait until an instance has stopped to claim."""

    async def closing() -> bool:
        await on.plugin.clock.jump(0.5)
        return bool(parts.workers._closing and not parts.workers.under_way)

    await on.until(closing, lambda: "the old workers have stopped")


async def test_the_older_one_delivers_no_more_and_the_newer_one_does() -> None:
    async with queueing() as on:
        old, services = on.parts, on.plugin.services
        waiting = await later(on, 60)
        new = Assembled(old._settings, services)
        await new.open()
        await stopped(on, old)
        await on.plugin.clock.jump(60)
        await on.becomes(waiting, "sent")
        assert not new.workers._closing
        assert len(on.there.executions) == 1
        await new.close(1)


@pytest.fixture
def anew() -> Iterator[Any]:
    """Give the plugin's code, loaded once more: all of its types are others."""
    [folder] = plugins.message_queue.__path__
    spec = importlib.util.spec_from_file_location("anew", Path(folder) / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules["anew"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    yield importlib.import_module("anew.assembly")
    for name in [name for name in sys.modules if name.partition(".")[0] == "anew"]:
        del sys.modules[name]


async def test_one_whose_code_was_loaded_anew_takes_over_as_well(anew: Any) -> None:
    async with queueing() as on:
        old, services = on.parts, on.plugin.services
        old.watch.raised.add("messages_dead")
        new = anew.Assembled(old._settings, services)
        assert not isinstance(new, Assembled)
        assert new.watch.raised == {"messages_dead"}
        await new.open()
        await stopped(on, old)
        assert not new.workers._closing
        await new.close(1)


async def test_where_the_newer_one_goes_away_the_older_one_goes_on() -> None:
    async with queueing() as on:
        old, services = on.parts, on.plugin.services
        new = Assembled(old._settings, services)
        services.share(Messages, new.watch)
        first = old.workers
        await stopped(on, old)
        services._offers.remove((Messages, new.watch))
        waiting = await later(on, 10)
        await on.plugin.clock.jump(12)
        await on.becomes(waiting, "sent")
        assert old.workers is not first


async def test_an_alert_that_was_raised_is_not_raised_again_by_the_newer_one() -> None:
    async with queueing() as on:
        on.parts.watch.raised.add("messages_dead")
        new = Assembled(on.parts._settings, on.plugin.services)
        assert new.watch.raised == {"messages_dead"}


async def test_what_was_never_started_can_be_ended() -> None:
    async with queueing() as on:
        never = MessageQueue(on.plugin.application.settings)
        await never.shutdown()
        assert not hasattr(never, "parts")
        assert Dispatch.__annotations__["application"] is MessageQueue
