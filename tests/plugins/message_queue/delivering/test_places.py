"""Whatever keeps all of a user's messages waiting, they go in the order in which they were due."""

from collections.abc import AsyncIterator, Callable

import pytest

from proxy.api.limits import Standing
from tests.kit.onlyfans import status
from tests.plugins.message_queue.delivering.desk import Desk, ScriptedLimits, desk, refused, window


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


def _limited(*standings: Standing) -> Callable[[Desk], None]:
    def prepare(at: Desk) -> None:
        assert isinstance(at.limits, ScriptedLimits)
        at.limits.script.extend(standings)

    return prepare


def _platform_down(at: Desk) -> None:
    at.there.script("*", status(401))


def _platform_limits(at: Desk) -> None:
    at.there.script("*", status(429, retry_after=9))


def _nobody_counts(at: Desk) -> None:
    at.limits = None


def _store_fails(at: Desk) -> None:
    at.store.fails.append("begin")


REASONS: dict[str, Callable[[Desk], None]] = {
    "a limit of the user": _limited(refused(window(12.0, "user"))),
    "a limit of everybody": _limited(refused(window(12.0))),
    "a share of a limit": _limited(refused(window(0.2, "user"), degraded="local")),
    "no limits to be asked": _limited(refused(window(0.5, "recipient"), degraded="closed")),
    "nobody who counts": _nobody_counts,
    "a platform that is down": _platform_down,
    "a limit of the platform": _platform_limits,
    "a store that fails": _store_fails,
}


@pytest.mark.parametrize("reason", REASONS)
async def test_who_waits_for_what_concerns_all_of_a_user_keeps_the_place(
    at: Desk, reason: str
) -> None:
    first = await at.claimed()
    await at.services.jumping.jump(0.5)
    second = await at.put()
    REASONS[reason](at)
    assert (await at.deliverer.deliver(first)).outcome == "throttled"
    assert await at.claims() == ()
    await at.services.jumping.jump(60.0)
    assert [one.receipt.id for one in await at.claims()] == [first.receipt.id, second]


async def test_one_of_those_that_found_the_platform_down_keeps_it_too(at: Desk) -> None:
    _platform_down(at)
    await at.deliverer.deliver(await at.claimed(user="b"))
    first = await at.claimed()
    await at.services.jumping.jump(0.5)
    second = await at.put()
    assert (await at.deliverer.deliver(first)).rest > 0
    await at.services.jumping.jump(60.0)
    mine = [one.receipt.id for one in await at.claims() if one.record.message.user == "a"]
    assert mine == [first.receipt.id, second]


async def test_who_waits_for_a_narrower_limit_lets_the_others_pass(at: Desk) -> None:
    first = await at.claimed()
    await at.services.jumping.jump(0.5)
    second = await at.put()
    _limited(refused(window(12.0, "user", "recipient")))(at)
    await at.deliverer.deliver(first)
    assert [one.receipt.id for one in await at.claims()] == [second]
