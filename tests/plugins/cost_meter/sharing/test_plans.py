"""What was spent on plans is known by the hour, exactly, and in few questions."""

import random
from collections import defaultdict

from plugins.cost_meter.books import Asked
from plugins.cost_meter.grains import begins
from plugins.cost_meter.row import Dimension, Row
from plugins.cost_meter.sharing.plans import PlanTotals
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import replica

HOUR, DAY = 3600.0, 86400.0
MONTH = Asked(NOON - 14 * DAY, NOON + 17 * DAY)
PLANS = ("pro", "free", "")


def at_random(seed: int, count: int) -> list[Row]:
    chance = random.Random(seed)
    return [
        row(
            f"wf_{seed}_{number}-1",
            at=NOON + chance.uniform(-2, 2) * DAY,
            user=chance.choice(("ann", "bob", "")),
            plan=chance.choice(PLANS),
            route=chance.choice(("campaigns", "messages")),
            model=chance.choice(("gpt-4o", "gpt-4o-mini")),
            nano_usd=NanoUSD(chance.randrange(10**6)),
        )
        for number in range(count)
    ]


async def test_what_is_known_of_plans_is_what_their_rows_come_to(shared: Shared) -> None:
    other = shared.again()
    some, more = at_random(1, 40), at_random(2, 40)
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring(some)
        await two.bring(more)
    known = PlanTotals(shared.table, lambda: NOON)
    for user in (None, "ann", ""):
        where: dict[Dimension, str] = {} if user is None else {"user": user}
        right: dict[tuple[int, str, str, str], int] = defaultdict(int)
        for one_row in (*some, *more):
            if user in (None, one_row.user):
                key = begins(one_row.at, "hour"), one_row.plan, one_row.route, one_row.model
                right[key] += one_row.nano_usd
        found: dict[tuple[int, str, str, str], int] = defaultdict(int)
        for amount in await known.on_plans(MONTH._replace(where=where), PLANS):
            key = amount.begins, amount.plan, amount.by["route"], amount.by["model"]
            found[key] += amount.nano_usd
        assert found == right
    await other.close()


async def test_a_row_that_is_brought_again_adds_nothing(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.journal.write([row("wf_1-1"), row("wf_2-1")])
        await one.shipping._owning.hold()
        rows = await one.outbox.rows(9)
        await one.shipping._bring_rows(rows[:1])
        await one.shipping._bring_rows(rows)  # the note of the first was lost
        await one.bring()
    (amount,) = await PlanTotals(shared.table, lambda: NOON).on_plans(MONTH, ("pro",))
    assert amount.nano_usd == 2 * 39_500


async def test_only_hours_plans_routes_and_users_that_are_asked_for_are_told(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.bring(
            [
                row("wf_1-1", at=NOON - 1),
                row("wf_2-1", at=NOON),
                row("wf_3-1", at=NOON + HOUR),
                row("wf_4-1", at=NOON, plan="free"),
                row("wf_5-1", at=NOON, route="messages"),
                row("wf_6-1", at=NOON, user="bob"),
            ]
        )
    known = PlanTotals(shared.table, lambda: NOON)
    hour = Asked(NOON, NOON + HOUR, {"route": "campaigns"})
    assert [one.nano_usd for one in await known.on_plans(hour, ("pro",))] == [2 * 39_500]
    anns = hour._replace(where={"route": "campaigns", "user": "anna"})
    assert [one.nano_usd for one in await known.on_plans(anns, ("pro",))] == [39_500]


async def test_a_month_takes_a_question_for_each_plan_and_a_users_one_for_each_day(
    shared: Shared,
) -> None:
    june = Asked(NOON - 14.5 * DAY, NOON + 15.5 * DAY)
    known = PlanTotals(shared.table, lambda: NOON)
    await known.on_plans(june, ("pro",))
    assert shared.server.calls == ["Query"]
    await known.on_plans(june._replace(where={"user": "ann"}), ("pro", "free"))
    assert len(shared.server.calls) == 1 + 30


async def test_what_has_expired_is_passed_over(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring([row()])
    assert await PlanTotals(shared.table, lambda: NOON + 89 * DAY).on_plans(MONTH, ("pro",)) != ()
    assert await PlanTotals(shared.table, lambda: NOON + 91 * DAY).on_plans(MONTH, ("pro",)) == ()
