"""What waits is brought to a channel until it is taken, in order, within its cap."""

from plugins.notify.delivering.courier import POLL
from tests.kit.waiting import until
from tests.plugins.notify.receiving import Answer
from tests.plugins.notify.telling import Telling, alert, telling


async def jump_until(on: Telling, count: int, seconds: float = 5.0) -> None:
    """Let time pass until so many requests have come."""
    await on.quiet()
    await until(
        lambda: len(on.there.got) >= count,
        lambda: f"{count} requests came, not {len(on.there.got)}",
        between=lambda: on.jump(seconds),
    )


async def test_an_alert_is_told_and_its_end_after_it() -> None:
    async with telling() as on:
        on.raised(alert(severity="critical"))
        on.raised(alert(resolves=True, text="Well again."))
        await on.received(2)
        await on.settled()
        actions = [one.json["alerts"][0]["action"] for one in on.there.got]
        assert actions == ["raised", "resolved"]
        assert on.plugin.services.value("deliveries", channel="hook", outcome="told") == 2


async def test_what_fails_is_tried_again_under_the_same_key_until_it_is_taken() -> None:
    async with telling() as on:
        on.there.answers = [Answer(503), Answer(500), Answer(429, headers={"Retry-After": "60"})]
        on.raised(alert())
        await jump_until(on, 3)
        third_at = on.plugin.clock.now()
        await jump_until(on, 4)
        await on.settled()
        assert on.plugin.clock.now() - third_at >= 60 - POLL
        assert len({one.headers["idempotency-key"] for one in on.there.got}) == 1
        assert on.plugin.services.value("deliveries", channel="hook", outcome="failed") == 3
        assert on.parts.couriers["hook"].failing_since is None


async def test_what_failed_once_is_tried_again_within_seconds_and_not_at_the_next_look() -> None:
    async with telling() as on:
        on.there.answers = [Answer(503)]
        on.raised(alert())
        await on.received(1)
        begun = on.plugin.clock.now()
        await jump_until(on, 2, 1.0)
        await on.settled()
        assert on.plugin.clock.now() - begun < POLL / 2


async def test_a_channel_that_fails_is_left_alone_for_as_long_as_it_asks() -> None:
    async with telling() as on:
        on.there.answers = [Answer(503, headers={"Retry-After": "600"})]
        on.raised(alert(subject="one"))
        await on.received(1)
        on.raised(alert(subject="two"))
        await on.stored()
        for _ in range(9):
            await on.jump(60)
        assert len(on.there.got) == 1
        await jump_until(on, 3)
        await on.settled()


async def test_what_will_never_be_taken_is_dead_at_once() -> None:
    async with telling() as on:
        on.there.answers = [Answer(422, "no such key")]
        on.raised(alert())
        await on.received(1)
        await on.settled()
        [dead] = await on.parts.store.outbox(dead=True, channel=None, limit=9)
        assert (dead.why, dead.attempts) == ("answered 422 no such key", 1)
        [line] = on.plugin.services.logged("notification_dead")
        assert line["channel"] == "hook"
        await on.parts.watch.look()
        assert "1 deliveries are dead" in on.plugin.application.health()


async def test_what_is_above_the_cap_is_summarised_in_one_message() -> None:
    async with telling(rate="3/h") as on:
        on.there.answers = [Answer(503, headers={"Retry-After": "30"})]
        for number in range(10):
            on.raised(alert(subject=f"s{number}"))
        await jump_until(on, 4)
        await on.settled()
        assert [len(one.json["alerts"]) for one in on.there.got] == [1, 1, 1, 8]
        on.raised(alert(subject="late"))
        await on.stored()
        await on.jump(1800)
        assert len(on.there.got) == 4
        await jump_until(on, 5, 300)
        assert on.there.got[4].json["alerts"][0]["subject"] == "late"


async def test_a_fault_of_ours_loses_no_alert() -> None:
    async with telling() as on:
        courier = on.parts.couriers["hook"]
        sound, courier.channel = courier.channel, None
        on.raised(alert())
        await on.until(lambda: courier.failures, "the courier has failed")
        courier.channel = sound
        await jump_until(on, 1)
        await on.settled()
        assert on.plugin.services.logged("notification_fault") != []


async def test_no_secret_is_in_the_log_whatever_is_answered() -> None:
    async with telling() as on:
        on.there.answers = [Answer(404, f"no hook at {on.there.url}")]
        on.raised(alert())
        await on.received(1)
        await on.until(lambda: on.plugin.services.logged("notification_failed"), "it is logged")
        assert "s3cr3t" not in str(on.plugin.services.lines)
        assert "s3cr3t" not in on.parts.couriers["hook"].why
