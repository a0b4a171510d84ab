"""Budgets of a fleet on a real Redis: together, without it, and when it is back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from proxy.api import NanoUSD
from proxy.api.testing import FakeServices, JumpingClock
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import RedisServer, redis_server
from tests.kit.running import wait_until
from tests.plugins.cost_meter.budgets.spending import (
    USD,
    Household,
    ListedLedger,
    household,
    row,
)

ALL_FIVE = {"all": {"limit": "5.00", "per": "day"}}
SHARED = {"all": {"limit": "8.00", "per": "day", "on_store_error": "local"}}


async def settled(*houses: Household) -> None:
    """Let what was settled reach Redis."""
    kept = [one for house in houses for one in house.state["fleet"].values()]
    await until(lambda: not any(one["owed"] or one["pending"] for one in kept), "all is told")


async def until(truth: Callable[[], bool], said: str) -> None:
    await asyncio.to_thread(wait_until, truth, said, 5.0)


@asynccontextmanager
async def fleet(
    url: str, budgets: dict[str, Any], size: int = 3, ledger: ListedLedger | None = None
) -> AsyncIterator[list[Household]]:
    """So many processes with one clock; `ledger` is that of the fleet."""
    clock = JumpingClock()
    async with AsyncExitStack() as stack:
        houses = [
            await stack.enter_async_context(
                household(
                    budgets,
                    services=FakeServices(clock, plugin="cost_meter"),
                    ledger=ledger,
                    shared=url,
                    replica=f"replica-{number}",
                    whole=ledger is not None,
                )
            )
            for number in range(size)
        ]
        yield houses


@pytest.fixture
def url(link: RedisLink, running_redis: RedisServer) -> str:
    return f"{running_redis.url}?prefix={link.place.prefix}"


async def test_a_fleet_spends_no_more_than_one(url: str) -> None:
    async with fleet(url, ALL_FIVE) as houses:
        told = await asyncio.gather(*(houses[n % 3].asks(0.07) for n in range(150)))
        assert sum(answer.allowed for _, answer in told) == 71
        for number, (one, answer) in enumerate(told):
            if answer.allowed:
                houses[number % 3].ends(one, 0.06)
        await settled(*houses)
        assert await houses[0].spent("all") == (4.26, 0.0)
        assert await houses[1].allowed(0.07)


async def test_an_attempt_is_one_round_trip_once_its_budgets_are_known(
    url: str, link: RedisLink
) -> None:
    async with fleet(url, ALL_FIVE, 1) as (house,):
        assert await house.allowed(0.01)
        await link.call("CONFIG", "RESETSTAT")
        for _ in range(20):
            assert await house.allowed(0.01)
        stats = await link.client.info("commandstats")
        assert sum(stats[name]["calls"] for name in stats if name.startswith("cmdstat_eval")) == 20


async def test_a_new_hour_begins_for_all_at_once(url: str) -> None:
    hourly = {"all": {"limit": "5.00", "per": "hour"}}
    async with fleet(url, hourly, 2) as (one, other):
        assert await one.spends(5.0)
        await settled(one)
        assert not await other.allowed(0.01)
        await one.services.jumping.jump(3600.0)
        assert await other.spends(5.0)


async def test_closed_means_a_small_allowance_and_then_nothing() -> None:
    async with redis_server() as server, fleet(server.url, ALL_FIVE, 1) as (house,):
        assert await house.spends(1.0)
        await settled(house)
        server.stop()
        assert await house.spends(0.03)
        refused = (await house.asks(0.03))[1]
        assert (refused.allowed, refused.status, refused.retry_after) == (False, 503, 5.0)
        assert await house.spends(0.02)
        assert not await house.allowed(0.001)
        assert "cannot be reached" in house.budgets.health()
        assert house.services.value("budget_store", what="lost") == 1
        assert house.services.value("budget_store", what="closed") == 2


async def test_what_was_left_is_all_the_allowance_there_is() -> None:
    async with redis_server() as server, fleet(server.url, ALL_FIVE, 1) as (house,):
        assert await house.spends(4.99)
        await settled(house)
        assert not await house.allowed(0.02)
        server.stop()
        assert not await house.allowed(0.02)
        assert await house.spends(0.01)
        assert not await house.allowed(0.001)


async def test_local_means_this_process_share_of_the_limit() -> None:
    async with redis_server() as server, fleet(server.url, SHARED, 4) as houses:
        await asyncio.gather(*(house.services.jumping.jump(0) for house in houses))
        await houses[0].services.jumping.jump(5.1)
        await houses[0].budgets.standing()
        assert await houses[0].spends(1.5)
        await settled(*houses)
        known = houses[0].state["fleet"][server.url]
        await until(lambda: known.get("replicas") == 4, "all four are known")
        server.stop()
        assert not await houses[0].allowed(0.6)
        assert await houses[0].spends(0.5)
        assert await houses[1].budgets.reserve(houses[1].plan(), 2 * USD)  # type: ignore[arg-type]
        assert not await houses[0].allowed(0.1)


async def test_what_was_spent_without_redis_is_told_when_it_is_back() -> None:
    async with redis_server() as server, fleet(server.url, SHARED, 2) as (one, other):
        assert await one.spends(1.0)
        under_way, _ = await one.asks(0.5)
        await settled(one)
        await asyncio.to_thread(server.restart)
        await asyncio.to_thread(server.save)
        server.stop()
        one.ends(under_way, 0.4)
        assert await one.spends(1.0)
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(5):
            while one.budgets.health() or other.budgets.health():
                await one.services.jumping.jump(1.1)
                await asyncio.sleep(0.01)
        await settled(one)
        assert await other.spent("all") == (2.4, 0.0)
        assert one.services.value("budget_store", what="back") == 1


async def test_a_redis_that_hangs_holds_nobody_up_for_long() -> None:
    async with redis_server() as server, fleet(server.url, SHARED, 1) as (house,):
        assert await house.spends(1.0)
        await settled(house)
        server.pause()
        answers = await asyncio.wait_for(
            asyncio.gather(*(house.asks(0.01) for _ in range(50))), timeout=3
        )
        assert all(answer.allowed for _, answer in answers)
        server.resume()


async def test_a_redis_that_has_lost_all_learns_it_from_the_journals() -> None:
    async with redis_server() as server, fleet(server.url, ALL_FIVE, 2) as (one, other):
        assert await one.spends(2.0)
        assert await other.spends(1.5)
        await settled(one, other)
        server.say("FLUSHALL")
        assert not await one.allowed(3.5)
        await settled(one)
        assert await other.allowed(0.5)
        assert await one.spent("all") == (3.5, 0.5)


async def test_what_a_killed_process_had_not_told_it_tells_when_it_is_back(url: str) -> None:
    journal = ListedLedger()
    async with household(ALL_FIVE, shared=url, ledger=journal) as house:
        assert await house.spends(1.0)
        await settled(house)
        killed = row(house.plan(), 2 * USD)
    journal.lines.append(killed)
    async with fleet(url, ALL_FIVE, 1) as (other,):
        assert await other.spent("all") == (1.0, 0.0)
        async with household(ALL_FIVE, shared=url, ledger=journal) as house:
            known = house.budgets._comparing._known
            await until(lambda: bool(known), "it has compared without having been asked")
            assert await other.spent("all") == (3.0, 0.0)


async def test_a_redis_that_has_lost_all_learns_it_from_the_ledger_of_the_fleet() -> None:
    ledger = ListedLedger()
    async with redis_server() as server, fleet(server.url, ALL_FIVE, 3, ledger) as houses:
        for house in houses[:2]:
            assert await house.spends(2.0)
        await settled(*houses)
        server.say("FLUSHALL")
        assert not await houses[2].allowed(1.5)
        await settled(houses[2])
        assert await houses[2].spent("all") == (4.0, 0.0)
        assert await houses[0].spends(1.0)


async def test_what_a_fleets_ledger_has_more_is_added_within_a_minute(url: str) -> None:
    ledger = ListedLedger()
    async with fleet(url, ALL_FIVE, 1, ledger) as (house,):
        assert await house.spends(1.0)
        await settled(house)
        ledger.lines.append(ledger.lines[0]._replace(id="elsewhere"))
        await house.services.jumping.jump(61)
        drift = partial(house.services.value, "budget_drift_nano_usd", budget="all")
        await until(lambda: drift() == USD, "it is corrected")
        assert await house.spent("all") == (2.0, 0.0)


async def test_a_reload_tells_redis_what_the_one_before_could_not() -> None:
    async with redis_server() as server:
        ledger = ListedLedger()
        async with household(SHARED, shared=server.url, ledger=ledger) as before:
            assert await before.spends(1.0)
            await settled(before)
            await asyncio.to_thread(server.restart)
            server.save()
            server.stop()
            assert await before.spends(0.5)
            await asyncio.to_thread(server.start)
            state = before.budgets.memory
            async with household(SHARED, shared=server.url, ledger=ledger, state=state) as after:
                assert await after.spent("all") == (1.5, 0.0)


async def test_a_bucket_with_something_else_in_it_spoils_itself_alone(
    url: str, link: RedisLink
) -> None:
    each = {"each": {"of": "user", "limit": "5", "per": "day", "on_store_error": "local"}}
    async with fleet(url, each, 1) as (house,):
        assert await house.spends(1.0, user="ann")
        assert await house.spends(1.0, user="bob")
        await settled(house)
        place = RedisLink(place_of(url))
        keys = [key async for key in place.client.scan_iter(f"*{place.place.prefix}*:spent:*")]
        keys.sort()
        await place.call("SET", keys[0], "nonsense")
        await place.close()
        answers = [await house.spends(1.0, user=user) for user in ("ann", "bob", "ann", "bob")]
        await settled(house)
        assert answers == [True] * 4
        assert house.services.value("budget_store", what="forgotten") == 2
        assert house.budgets.health() == ""


async def test_what_a_process_cannot_bring_to_the_ledger_stays_spent(
    url: str, running_redis: RedisServer
) -> None:
    ledger, behind = ListedLedger(), [True]
    async with (
        household(ALL_FIVE, ledger=ledger, shared=url, whole=True) as other,
        household(
            ALL_FIVE, ledger=ledger, shared=url, whole=True, behind=lambda: behind[0]
        ) as house,
    ):
        one, _ = await house.asks(2.0)
        house.budgets.settle(one, NanoUSD(2 * USD))
        await settled(house)
        comparing = other.budgets._comparing
        assert not await other.allowed(3.5)
        for _ in range(7):
            await comparing.look()
            await house.budgets._comparing.look()
        assert await other.spent("all") == (2.0, 0.0)
        behind.clear()
        behind.append(False)
        await house.services.jumping.jump(6)
        said = house.services.redis(url).key("behind")
        await until(lambda: running_redis.say(f"ZCARD {said}").startswith(b":0"), "it is told")
        for _ in range(5):
            await comparing.look()
        assert await other.spent("all") == (0.0, 0.0)
