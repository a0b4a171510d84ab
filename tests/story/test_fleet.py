"""Three replicas on one Redis: they move together, and toward legacy each moves alone."""

import asyncio
import time

from tests.story.fleet import fleet
from tests.story.steering import USERS, Traffic, arms_of, until

SOME = USERS[:100]


async def test_a_move_is_made_everywhere_and_one_that_is_cut_off_brings_all_to_legacy() -> None:
    async with fleet(3, percentage=5) as one:
        first, second, third = one.admins
        await asyncio.to_thread(first.set, "fade", 60)
        await until(lambda: one.agree("percentage", 60), "all have moved")
        arms = [await arms_of(proxy.port, SOME) for proxy in one.proxies]
        assert arms[0] == arms[1] == arms[2]
        assert set(arms[0].values()) == {"legacy", "new"}

        one.links[2].cut()
        await until(lambda: third.rollout("fade")["stale"], "the third knows that it is alone")
        await asyncio.to_thread(third.tell, "fade", "rollback")
        assert set((await arms_of(one.proxies[2].port, SOME)).values()) == {"legacy"}
        assert (await asyncio.to_thread(second.rollout, "fade"))["percentage"] == 60

        one.links[2].mend()
        await until(lambda: one.agree("standing", "rolled_back"), "all are on legacy", 20)
        for proxy in one.proxies:
            assert set((await arms_of(proxy.port, SOME)).values()) == {"legacy"}


async def test_a_redis_that_is_gone_for_a_while_fails_no_request_and_lets_nothing_up() -> None:
    async with fleet(1, percentage=30) as one:
        (proxy,), (admin,) = one.proxies, one.admins
        async with Traffic([proxy.port], rate=200).flowing() as traffic:
            await traffic.for_seconds(0.5)
            one.redis.save()
            one.redis.stop()
            gone = time.monotonic()
            await until(lambda: admin.rollout("fade")["stale"], "it knows that it is alone")
            version = admin.rollout("fade")["version"]
            body = {"percentage": 80, "reason": "a story"}
            path = "/v1/rollouts/fade"
            asked = await asyncio.to_thread(admin.ask, path, "PATCH", body, If_Match=f'"{version}"')
            assert asked[0] == 503
            await asyncio.to_thread(one.redis.start)
            await until(lambda: not admin.rollout("fade")["stale"], "it has found it again", 20)
            await traffic.for_seconds(0.5)
        assert traffic.failed() == []
        assert {one.arm for one in traffic.after(gone)} == {"legacy", "new"}
        assert await asyncio.to_thread(one.agree, "percentage", 30)
