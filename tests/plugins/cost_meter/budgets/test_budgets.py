"""Budgets of one process, from the question to the answer, and what operators are shown."""

import asyncio
from typing import Any

import pytest

from proxy.api import StoreError
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.budgets.spending import DAY, USD, ListedLedger, household, row

EACH_FIVE = {"daily": {"of": "user", "limit": "5.00", "per": "day"}}


async def test_everybody_spends_their_own_and_no_more() -> None:
    async with household(EACH_FIVE) as house:
        assert [await house.spends(2.0) for _ in range(3)] == [True, True, False]
        assert await house.spends(5.0, user="bob")
        assert await house.spent("daily", "ann") == (4.0, 0.0)
        assert await house.spent("daily", "bob") == (5.0, 0.0)


async def test_all_for_whom_nobody_vouches_have_one_budget_together() -> None:
    async with household(EACH_FIVE) as house:
        assert await house.spends(4.0, user="")
        assert not await house.spends(2.0, user="")
        (view,) = await house.budgets.standing(None)
        assert (view.scope, view.spent) == ("(unverified)", 4 * USD)


async def test_what_is_under_way_is_held_back_until_it_has_ended() -> None:
    async with household(EACH_FIVE) as house:
        one, answer = await house.asks(4.0)
        assert answer.allowed
        refused = (await house.asks(2.0))[1]
        assert not refused.allowed
        assert refused.retry_after == 5.0
        assert "held back" in refused.says
        house.ends(one, 0.5)
        assert await house.spends(4.5)
        assert await house.spent("daily", "ann") == (5.0, 0.0)


async def test_many_at_once_never_spend_more_than_there_is() -> None:
    async with household({"all": {"limit": "5.00", "per": "day"}}) as house:
        told = await asyncio.gather(*(house.asks(0.07) for _ in range(300)))
        assert sum(answer.allowed for _, answer in told) == 71
        for one, answer in told:
            if answer.allowed:
                house.ends(one, 0.07)
        assert await house.spent("all") == (4.97, 0.0)


async def test_a_new_day_begins_with_all_of_it() -> None:
    async with household(EACH_FIVE) as house:
        assert await house.spends(5.0)
        refused = (await house.asks(1.0))[1]
        left = refused.retry_after
        assert left is not None
        assert 0 < left <= DAY
        await house.services.jumping.jump(left)
        assert await house.spends(5.0)


async def test_what_ends_the_next_day_counts_where_it_began() -> None:
    async with household(EACH_FIVE) as house:
        one, _ = await house.asks(5.0)
        yesterday = house.services.now()
        await house.services.jumping.jump(DAY)
        house.ends(one, 5.0)
        assert await house.spends(5.0)
        assert one.at == yesterday


async def test_the_refusal_says_whose_how_much_and_until_when() -> None:
    async with household(EACH_FIVE) as house:
        assert await house.spends(4.9)
        refused = (await house.asks(1.0))[1]
        assert (refused.budget, refused.status, refused.instead) == ("daily", 429, "reject")
        assert refused.says == (
            "The budget daily of 5.00 USD does not allow this: 98 % of it is spent, and there is "
            "more from 2025-06-16 00:00 UTC on."
        )


async def test_amounts_of_all_together_are_not_told_to_one() -> None:
    async with household({"all": {"limit": "5.00", "per": "day", "status": 402}}) as house:
        assert await house.spends(4.9)
        refused = (await house.asks(1.0))[1]
        assert refused.status == 402
        assert "USD" not in refused.says
        assert "98 %" in refused.says


async def test_what_never_fits_is_not_told_to_come_again() -> None:
    async with household(EACH_FIVE) as house:
        refused = (await house.asks(6.0))[1]
        assert refused.retry_after is None
        assert "than is ever allowed" in refused.says


async def test_warnings_begin_where_the_operator_says() -> None:
    async with household(EACH_FIVE) as house:
        assert await house.spends(4.05)
        answer = (await house.asks(0.1))[1]
        assert answer.warnings == ("daily; spent=81%; resets=32000",)


async def test_where_less_is_left_a_cheaper_model_is_asked() -> None:
    actions = {"50": "cheaper_model", "100": "reject"}
    budgets: dict[str, Any] = {"all": {"limit": "10", "per": "day", "actions": actions}}
    async with household(budgets) as house:
        assert await house.spends(4.0, cheaper=True)
        dear = (await house.asks(2.0, cheaper=True))[1]
        assert (dear.allowed, dear.instead) == (False, "cheaper_model")
        assert await house.spends(6.0, cheaper=False)
        full = (await house.asks(0.1, cheaper=True))[1]
        assert (full.allowed, full.instead) == (False, "reject")


async def test_a_budget_that_only_observes_holds_nothing_up() -> None:
    budgets = {"all": {"limit": "1", "per": "day", "actions": {"100": "observe"}}}
    async with household(budgets) as house:
        assert [await house.spends(3.0) for _ in range(3)] == [True] * 3
        (view,) = await house.budgets.standing()
        assert (view.percent, view.reached) == (900, (50, 80, 95, 100))


async def test_of_several_budgets_the_strictest_is_named() -> None:
    budgets: dict[str, dict[str, Any]] = {
        "queues": {"limit": "1", "per": "day", "actions": {"100": "queue"}},
        "rejects": {"limit": "1", "per": "day"},
    }
    async with household(budgets) as house:
        refused = (await house.asks(2.0))[1]
        assert (refused.budget, refused.instead) == ("rejects", "reject")


async def test_what_one_budget_refuses_no_other_is_charged_for() -> None:
    budgets = {
        "large": {"limit": "100", "per": "month"},
        "small": {"of": "user", "limit": "1", "per": "day"},
    }
    async with household(budgets) as house:
        for _ in range(50):
            assert not await house.allowed(2.0)
        assert await house.spent("large") == (0.0, 0.0)


async def test_what_a_killed_process_has_spent_is_known_from_its_ledger() -> None:
    ledger = ListedLedger()
    async with household(EACH_FIVE, ledger=ledger) as house:
        assert await house.spends(4.0)
    async with household(EACH_FIVE, ledger=ledger) as house:
        assert not await house.allowed(2.0)
        assert await house.spent("daily", "ann") == (4.0, 0.0)


async def test_without_its_ledger_it_begins_and_learns_later() -> None:
    ledger = ListedLedger()
    async with household(EACH_FIVE, ledger=ledger) as house:
        assert await house.spends(4.0)
    ledger.gone = True
    async with household(EACH_FIVE, ledger=ledger) as house:
        assert await house.allowed(0.5)
        assert house.services.logged("budget_not_compared")
        ledger.gone = False
        await house.services.jumping.jump(61)
        assert not await house.allowed(2.0)


async def test_a_reload_goes_on_with_what_is_under_way() -> None:
    ledger, services = ListedLedger(), FakeServices(plugin="cost_meter")
    async with household(EACH_FIVE, ledger=ledger, services=services) as before:
        one, _ = await before.asks(4.0)
        async with household(EACH_FIVE, ledger=ledger, state=before.budgets.memory) as after:
            assert not await after.allowed(2.0)
            assert services.value("budget_reserved_nano_usd", budget="daily") == 4 * USD
            after.ends(one, 1.0)
            assert await after.spent("daily", "ann") == (1.0, 0.0)
            assert after.services.value("budget_reserved_nano_usd", budget="daily") == 0


async def test_a_correction_in_the_ledger_reaches_the_budget_within_a_minute() -> None:
    async with household(EACH_FIVE) as house:
        assert await house.spends(4.0)
        house.ledger.lines.append(row(house.plan(), -2 * USD)._replace(kind="adjust"))
        assert not await house.allowed(2.5)
        await house.services.jumping.jump(61)
        assert await house.spent("daily", "ann") == (2.0, 0.0)
        assert house.services.value("budget_drift_nano_usd", budget="daily") == 2 * USD


async def test_what_is_settled_twice_or_was_refused_counts_once_or_never() -> None:
    async with household(EACH_FIVE) as house:
        one, _ = await house.asks(1.0)
        for _ in range(3):
            house.budgets.settle(one, row(one, USD).nano_usd)
        refused, _ = await house.asks(9.0)
        house.budgets.settle(refused, None)
        assert await house.spent("daily", "ann") == (1.0, 0.0)


async def test_what_costs_more_than_its_estimate_is_counted_and_learned_from() -> None:
    async with household({"all": {"limit": "100", "per": "day"}}) as house:
        one, _ = await house.asks(1.0)
        house.ends(one, 2.0)
        assert await house.spent("all") == (2.0, 0.0)
        await house.asks(1.0)
        assert await house.spent("all") == (2.0, 2.0)
        assert house.services.value("budget_overshoot_nano_usd", budget="all") == USD


async def test_a_statistical_budget_holds_back_what_others_have_cost() -> None:
    budgets = {"all": {"limit": "100", "per": "day", "mode": "statistical"}}
    async with household(budgets) as house:
        for number in range(20):
            one, _ = await house.asks(1.0)
            house.ends(one, 0.1 if number < 19 else 0.5)
        before = (await house.spent("all"))[0]
        await house.asks(1.0)
        assert await house.spent("all") == (before, 0.1)
        assert house.services.value("budget_overshoot_nano_usd", budget="all") == 0.4 * USD


async def test_a_user_is_shown_their_own_budgets_alone() -> None:
    budgets = EACH_FIVE | {"all": {"limit": "50", "per": "day"}}
    async with household(budgets) as house:
        assert await house.spends(1.0)
        assert await house.spends(2.0, user="bob")
        mine = await house.budgets.standing("ann")
        assert [(one.name, one.scope, one.spent) for one in mine] == [("daily", "ann", USD)]
        everyone = await house.budgets.standing()
        assert [(one.name, one.scope, one.spent) for one in everyone] == [
            ("all", "", 3 * USD),
            ("daily", "bob", 2 * USD),
            ("daily", "ann", USD),
        ]


async def test_without_budgets_nothing_is_asked_or_held_up() -> None:
    async with household({}) as house:
        assert await house.spends(10**6)
        assert house.ledger.asked == 0
        assert house.budgets.health() == ""


async def test_a_ledger_that_is_gone_is_no_reason_not_to_show_budgets() -> None:
    async with household(EACH_FIVE) as house:
        house.ledger.gone = True
        try:
            (view,) = await house.budgets.standing("ann")
        except StoreError as error:
            pytest.fail(str(error))
        assert view.spent == 0
