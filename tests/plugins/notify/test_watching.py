"""Figures and health; alerts about telling, which tell of themselves to others alone."""

import asyncio

from plugins.notify.watching import FAILS_LONG
from tests.plugins.notify.receiving import Answer
from tests.plugins.notify.telling import alert, telling


async def test_what_waits_is_shown_in_figures() -> None:
    async with telling() as on:
        on.there.answers = [Answer(503, headers={"Retry-After": "600"})]
        on.raised(alert())
        await on.received(1)
        await on.plugin.clock.jump(20)
        await on.parts.watch.look()
        value = on.plugin.services.value
        assert value("waiting", channel="hook") == 1
        assert value("oldest_seconds", channel="hook") == 20
        assert value("dead", channel="hook") == 0


async def test_a_channel_that_fails_for_long_is_an_alert_until_it_takes_something() -> None:
    async with telling() as on:
        courier = on.parts.couriers["hook"]
        courier.failing_since, courier.why = on.plugin.clock.clock(), "answered 404"
        await on.plugin.clock.jump(FAILS_LONG - 10)
        await on.parts.watch.look()
        assert on.plugin.services.alerts == []
        await on.plugin.clock.jump(10)
        await on.parts.watch.look()
        await on.parts.watch.look()
        [raised] = on.plugin.services.alerts
        assert (raised.name, raised.subject) == ("notifications_failing", "hook")
        assert "the channel hook takes nothing: answered 404" in on.plugin.application.health()
        courier.failing_since = None
        await on.parts.watch.look()
        assert on.plugin.services.alerts[1].resolves
        assert on.plugin.services.alerts[1].identity == raised.identity


async def test_alerts_about_telling_do_not_loop() -> None:
    async with telling({"most": 10}) as on:
        on.there.answers = [Answer(503, headers={"Retry-After": "3600"})]
        # As in the proxy, where what a plugin raises is told to it, too.
        setattr(on.plugin.services, "alert", on.raised)  # noqa: B010
        for number in range(40):
            on.raised(alert(subject=str(number)))
        await on.stored()
        await asyncio.sleep(0)
        listed = await on.parts.listing.list(None, limit=1000)
        own = [one for one in listed if one.name == "notifications_dropped"]
        assert [(one.subject, one.times) for one in own] == [("hook", 1)]
        assert (await on.parts.store.stats()).waiting == {"hook": 10}
        assert "too much waits for the channel hook" in on.plugin.application.health()
        assert on.plugin.services.value("deliveries", channel="hook", outcome="dropped") == 30


async def test_memory_is_told_of_by_the_health_and_nothing_else_is_wrong() -> None:
    async with telling() as on:
        await on.plugin.clock.jump(5)
        await on.until(on.plugin.application.health, "the store was looked at")
        assert on.plugin.application.health().startswith("alerts are kept in memory")
