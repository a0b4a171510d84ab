"""Calls that are paid for: who is asked before, who hears of the end, and what if that fails."""

import asyncio
from pathlib import Path
from typing import Any

from proxy.api.spending import PlannedSpend, PriceKey, SettledSpend, SpendAnswer, Usage
from proxy.pluginhost.services import Surroundings
from tests.pluginhost.hosting import Hosting, application

METER = """
class Meter(Application):
    @hook
    async def startup(self, services):
        self.services, self.heard, self.settled = services, [], []

    @hook
    async def shutdown(self):
        self.heard.append("ended")

    @hook
    async def spend_planned(self, attempt):
        self.heard.append(attempt.attempt_id)
        BODY

    @hook
    def spend_settled(self, entry):
        self.heard.append(f"{entry.outcome} {entry.source}")
"""
REFUSES = 'return SpendAnswer(False, budget="day", says="spent")'
ATTEMPT = PlannedSpend(
    "wf_1-1", 1.0, 31.0, "wf_1", "r-1", "anna", "pro", "campaigns", "new", "content_planning",
    PriceKey("openai", "gpt-4o"), Usage(10, output_text=20),
)  # fmt: skip
ENTRY = SettledSpend(ATTEMPT, 2.0, "answered", usage=Usage(9, output_text=5))


class Metered:
    """A host that serves some meters."""

    def __init__(self, folder: Path, **bodies: str) -> None:
        self.hosting = Hosting(folder)
        self.names = list(bodies)
        for name, body in bodies.items():
            self.hosting.write(name, METER.replace("BODY", body))

    @property
    def around(self) -> Surroundings:
        return self.hosting.host._around

    async def serve(self) -> None:
        self.plugins = await self.hosting.serve(*map(application, self.names))

    def heard(self, name: str) -> list[str]:
        one: Any = self.plugins.applications[self.names.index(name)].application
        heard: list[str] = one.heard
        return heard


async def test_an_attempt_that_all_allow_may_be_sent_and_all_hear_of_its_end(
    tmp_path: Path,
) -> None:
    warns = 'return SpendAnswer(warnings=("day; spent=81%",))'
    metered = Metered(tmp_path, one="return None", two=warns)
    await metered.serve()
    answer = await metered.around.spending.plan(ATTEMPT)
    metered.around.spending.settle(ENTRY)
    assert answer == SpendAnswer(warnings=("day; spent=81%",))
    assert metered.heard("one") == metered.heard("two") == ["wf_1-1", "answered provider"]


async def test_a_refusal_ends_it_and_who_had_allowed_it_hears_that_nothing_was_used(
    tmp_path: Path,
) -> None:
    metered = Metered(tmp_path, one="return None", two=REFUSES, three="return None")
    await metered.serve()
    answer = await metered.around.spending.plan(ATTEMPT)
    assert (answer.allowed, answer.budget) == (False, "day")
    assert metered.heard("one") == ["wf_1-1", "failed none"]
    assert (metered.heard("two"), metered.heard("three")) == (["wf_1-1"], [])


async def test_what_cannot_be_metered_is_not_sent(tmp_path: Path) -> None:
    for number, body in enumerate(("raise KeyError", "return 7")):
        (folder := tmp_path / str(number)).mkdir()
        metered = Metered(folder, one=body)
        await metered.serve()
        answer = await metered.around.spending.plan(ATTEMPT)
        assert (answer.allowed, answer.status) == (False, 503)
        assert answer.says == "What the request costs cannot be metered: plugin one failed."
        assert metered.plugins.applications[0].guard.count == 1


async def test_a_meter_in_quarantine_lets_nothing_pass(tmp_path: Path) -> None:
    metered = Metered(tmp_path, one="raise KeyError")
    await metered.serve()
    guard = metered.plugins.applications[0].guard
    while not guard.quarantined:
        await metered.around.spending.plan(ATTEMPT)
    answer = await metered.around.spending.plan(ATTEMPT)
    assert answer.says == "What the request costs cannot be metered: plugin one is quarantined."


async def test_who_asks_before_a_configuration_serves_waits_for_it(tmp_path: Path) -> None:
    metered = Metered(tmp_path, one=REFUSES)
    asked = asyncio.ensure_future(metered.around.spending.plan(ATTEMPT))
    await asyncio.sleep(0)
    assert not asked.done()
    await metered.serve()
    assert (await asked).budget == "day"


async def test_an_attempt_that_is_given_up_while_it_is_planned_was_never_sent(
    tmp_path: Path,
) -> None:
    metered = Metered(tmp_path, one="return None", two="import asyncio; await asyncio.sleep(99)")
    await metered.serve()
    asked = asyncio.ensure_future(metered.around.spending.plan(ATTEMPT))
    await asyncio.sleep(0)
    assert metered.heard("two") == ["wf_1-1"]
    asked.cancel()
    await asyncio.wait((asked,))
    assert asked.cancelled()
    assert metered.heard("one") == metered.heard("two") == ["wf_1-1", "failed none"]


async def test_who_meters_ends_after_those_who_spend(tmp_path: Path) -> None:
    metered = Metered(tmp_path, meter="return None")
    metered.hosting.write(
        "spender",
        """
        from tests.pluginhost.test_spending import ENTRY

        class Spender(Application):
            @hook
            async def startup(self, services): self.services = services

            @hook
            async def shutdown(self): self.services.settle_spend(ENTRY)
        """,
    )
    metered.names = ["spender", "meter"]
    await metered.serve()
    heard = metered.heard("meter")
    await metered.hosting.host.close()
    assert heard == ["answered provider", "ended"]


async def test_without_a_meter_everything_may_be_sent(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    await metered.serve()
    assert await metered.around.spending.plan(ATTEMPT) == SpendAnswer()
