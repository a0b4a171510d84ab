"""Whatever happens in whatever order, a ramp goes up by healthy time alone, and back at once."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from proxy.api.judging import Verdict
from proxy.core.commands import Pause
from proxy.core.rollout_state import Phase, Standing
from proxy.stores.memory import MemoryStore
from tests.controlplane.rollouts.looped import RAMP, Clock, Looped, declared, looped
from tests.kit.properties import examples

FAILS = [Verdict("fail", "new fails")]

EVENTS = st.lists(
    st.sampled_from(
        [
            "run",
            "run",
            "run",
            "fails",
            "sick",
            "silent",
            "well",
            "lost",
            "found",
            "restart",
            "pause",
        ]
    ),
    max_size=25,
)


class Schedule:
    """A ramp through good and bad times; what must always be so is looked at each second."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(lambda: self.clock.now)
        self.baked = 0.0
        """Seconds since the step was taken in which all was well."""
        self.lost = ""

    async def play(self, events: list[str]) -> None:
        config = declared(ramp=RAMP | {"bake": "5s", "settle": "1s", "min_requests": 1})
        rest = list(events)
        while rest:
            async with looped(config, store=self.store.another(), clock=self.clock) as one:
                if one.state.phase is Phase.DRAFT and not one.state.rolled_back:
                    await one.start()
                await self._play(one, rest)

    async def _play(self, one: Looped, rest: list[str]) -> None:
        store = one.rollouts._store
        assert isinstance(store, MemoryStore)
        while rest:
            event = rest.pop(0)
            if event == "restart" and not store.lost:
                return
            if event == "fails":
                one.judge.brake = FAILS
            elif event == "sick":
                one.judge.brake = [Verdict("freeze", "legacy fails")]
            elif event == "silent":
                one.new = (0, 0)
            elif event == "well":
                one.judge.brake, one.new = [Verdict("pass", "well")], (10, 0)
            elif event in ("lost", "found"):
                store.lost = "nobody answers" if event == "lost" else ""
                await one.rollouts.refresh()
            elif event == "pause":
                await one.ask(Pause())
            for _ in range(4):
                await self._second(one, store)
        store.lost = ""
        await one.rollouts.refresh()

    async def _second(self, one: Looped, store: MemoryStore) -> None:
        before, verdict = one.state, one.judge.brake[0].kind
        await one.run(1)
        after = one.state
        if after.step != before.step:
            self.baked = 0.0
        self.baked += verdict == "pass" and not store.lost
        if after.share > before.share:
            assert (verdict, store.lost, before.standing) == ("pass", "", Standing.GATE)
            assert after.step == before.step + 1
        if verdict == "fail":
            assert after.share == 0
        if before.standing in (Standing.PAUSED, Standing.FROZEN, Standing.ROLLED_BACK):
            assert after.percentage <= before.percentage
        if before.phase is Phase.BAKE and after.phase is Phase.GATE:
            assert self.baked >= 5


@given(events=EVENTS)
@examples(40)
def test_whatever_happens_a_ramp_goes_up_only_by_healthy_time_and_back_at_once(
    events: list[str],
) -> None:
    schedule = Schedule()
    begun = schedule.clock.now
    asyncio.run(schedule.play(events))
    assert schedule.clock.now - begun >= sum(event != "restart" for event in events)
