"""Nothing that was raised is lost while its store cannot be had, within the bound of memory."""

import asyncio
from contextlib import AsyncExitStack

from plugins.notify import Notify
from plugins.notify.delivering.intake import INBOX
from plugins.notify.store import Filter
from proxy.api.testing import FakeServices, isolated
from proxy.api.testing.checks import read_settings
from tests.kit.redis import RedisServer
from tests.kit.waiting import until
from tests.plugins.notify.receiving import receiver
from tests.plugins.notify.telling import SECRET, Telling, alert, telling


async def test_the_same_alert_again_and_again_is_told_once() -> None:
    async with telling() as on:
        for _ in range(20):
            on.raised(alert())
        await on.settled()
        [listed] = await on.parts.listing.list(None)
        assert (listed.times, len(on.there.got)) == (20, 1)
        assert on.plugin.services.value("alerts", what="again") == 19


async def test_what_is_raised_before_the_start_is_told_after_it() -> None:
    plugin = Notify(read_settings(Notify, {"store": "memory://"}))  # type: ignore[arg-type]
    plugin.alert_raised(alert())
    services = FakeServices()
    await plugin.startup(services)
    await plugin.parts.intake.empty()
    assert [one.name for one in await plugin.parts.listing.list(None)] == ["messages_dead"]
    await plugin.shutdown()
    await services.close()


async def test_alerts_wait_in_memory_while_the_store_is_away() -> None:
    server = RedisServer()
    async with AsyncExitStack() as last, receiver() as there:
        last.push_async_callback(asyncio.to_thread, server.__exit__, None, None, None)
        hook = {"webhook": {"url": there.url, "secret": SECRET}}
        said = {"store": server.url, "channels": {"hook": hook}}
        async with isolated(application=Notify, application_settings=said) as plugin:
            on = Telling(plugin, there)
            on.raised(alert(subject="one"))
            await on.until(lambda: on.parts.intake.trouble, "the store is missed")
            assert "alerts are kept in memory" in plugin.application.health()
            on.raised(alert(subject="two"))
            await asyncio.to_thread(server.start)
            await until(
                lambda: not on.parts.intake.waiting,
                "alerts are in the store",
                between=lambda: plugin.clock.jump(5),
            )
            await on.received(2)
            assert len(await on.parts.store.list(Filter(), 9)) == 2
            assert on.parts.intake.trouble == ""


async def test_memory_has_a_bound_and_what_is_lost_is_counted() -> None:
    async with telling() as on:
        for number in range(INBOX + 3):
            on.raised(alert(subject=str(number)))
        assert on.parts.intake.lost == 3
        assert "3 alerts were lost" in on.plugin.application.health()
        assert on.plugin.services.value("alerts", what="lost") == 3


async def test_what_was_raised_last_is_stored_at_the_end() -> None:
    async with telling() as on:
        on.raised(alert())
        await on.plugin.application.shutdown()
        assert len(await on.parts.store.list(Filter(), 9)) == 1
