"""A ramp is no matter of one process: killed in its middle, it goes on where it was."""

import asyncio
import signal

from tests.story.echo import EchoUpstream
from tests.story.operator import Admin
from tests.story.steering import arms_of, serving, steered, until

RAMP = {"steps": [10, 60, 100], "settle": "0s", "bake": "1h", "min_requests": 0}


async def test_a_proxy_that_is_killed_in_mid_ramp_comes_back_at_the_same_step() -> None:
    async with EchoUpstream("legacy") as legacy, EchoUpstream("new") as new:
        config = steered((legacy, new), "sqlite:state.db", ramp=RAMP)
        async with serving(config) as (proxy,):
            admin = Admin(proxy)
            await asyncio.to_thread(admin.tell, "fade", "start")
            await asyncio.to_thread(admin.tell, "fade", "promote")
            await until(lambda: admin.rollout("fade")["phase"] == "bake", "it bakes")
            before, arms = admin.rollout("fade"), await arms_of(proxy.port)
            assert (before["step"], before["percentage"]) == (1, 60)

            proxy.signal(signal.SIGKILL)
            await asyncio.to_thread(proxy.wait)
            await asyncio.to_thread(proxy.start)

            after = await asyncio.to_thread(admin.rollout, "fade")
            kept = ("step", "percentage", "phase", "plan", "since", "marks")
            assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
            assert await arms_of(proxy.port) == arms


async def test_an_edit_of_something_else_and_a_restart_move_nobody() -> None:
    async with EchoUpstream("legacy") as legacy, EchoUpstream("new") as new:
        config = steered((legacy, new), "sqlite:state.db", percentage=5)
        async with serving(config) as (proxy,):
            admin = Admin(proxy)
            await asyncio.to_thread(admin.set, "fade", 40)
            arms = await arms_of(proxy.port)
            edited = {**proxy.config, "limits": {"keep_alive": "60s"}}
            await asyncio.to_thread(admin.reload_and_wait, proxy, edited)
            assert await arms_of(proxy.port) == arms
            await asyncio.to_thread(proxy.stop)
            await asyncio.to_thread(proxy.start)
            assert await arms_of(proxy.port) == arms

            declared = {**edited, "rollouts": {"fade": {"percentage": 6}}}
            await asyncio.to_thread(admin.reload_and_wait, proxy, declared)
            assert (await asyncio.to_thread(admin.rollout, "fade"))["percentage"] == 6
            newest = (await asyncio.to_thread(admin.audit, "fade"))[0]
            assert (newest["actor"], newest["after"]["percentage"]) == ("configuration", 6)
