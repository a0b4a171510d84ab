"""New begins to fail: everybody is back on legacy, and nobody saw an error."""

import asyncio
import json
import time

from tests.story.echo import EchoUpstream
from tests.story.operator import Admin
from tests.story.steering import Traffic, serving, steered, until


async def test_when_new_fails_everybody_is_soon_on_legacy_and_nobody_saw_an_error() -> None:
    async with (
        EchoUpstream("legacy") as legacy,
        EchoUpstream("new") as new,
        serving(steered((legacy, new), percentage=25)) as (proxy,),
    ):
        admin = Admin(proxy)
        async with Traffic([proxy.port], rate=250).flowing() as traffic:
            await traffic.for_seconds(1)
            new.sick, failing = True, time.monotonic()
            await until(lambda: admin.rollout("fade")["share"] == 0, "it is rolled back")
            back = time.monotonic()
            await traffic.for_seconds(0.5)
        assert traffic.failed() == []
        before = [one for one in traffic.seen if one.got < failing]
        assert 0.15 < sum(one.arm == "new" for one in before) / len(before) < 0.35
        rescued = [one for one in traffic.after(failing) if one.reason == "failover"]
        assert rescued
        late = traffic.after(back)
        assert late
        assert {(one.arm, one.reason) for one in late} == {("legacy", "rolled_back")}

        found = await asyncio.to_thread(admin.rollout, "fade")
        assert (found["standing"], found["share"]) == ("rolled_back", 0)
        entries = json.loads((await asyncio.to_thread(admin.ask, "/v1/audit"))[1])["entries"]
        brake = next(one for one in entries if one["action"] == "brake")
        assert brake["role"] == "automation"
        assert brake["after"]["percentage"] == 0
        assert brake["reason"]
        assert brake["evidence"]


async def test_when_legacy_is_sick_too_nobody_is_sent_to_it() -> None:
    async with (
        EchoUpstream("legacy") as legacy,
        EchoUpstream("new") as new,
        serving(steered((legacy, new), percentage=50)) as (proxy,),
    ):
        admin = Admin(proxy)
        async with Traffic([proxy.port], rate=200).flowing() as traffic:
            await traffic.for_seconds(1)
            legacy.sick = new.sick = True
            await until(lambda: admin.rollout("fade")["standing"] == "frozen", "it is frozen")
        assert (await asyncio.to_thread(admin.rollout, "fade"))["share"] == 50
