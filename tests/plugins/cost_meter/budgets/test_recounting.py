"""What the ledger says agrees with the rows, whatever a budget is for, whenever days begin."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.matching import Budget
from plugins.cost_meter.budgets.recounting import MINUTES_KEPT, Recounting
from tests.kit.properties import examples
from tests.plugins.cost_meter.budgets.spending import NOW, ListedLedger, budget, planned, row

FACTS = {
    "user": st.sampled_from(["ann", "bob", ""]),
    "plan": st.sampled_from(["pro", "free"]),
    "route": st.sampled_from(["campaigns", "other"]),
    "arm": st.sampled_from(["new", "legacy"]),
    "intent": st.sampled_from(["content_planning", "other"]),
    "model": st.sampled_from(["gpt-4o-mini", "gpt-4o"]),
}
SPENT = st.lists(
    st.tuples(st.integers(-40, 0), st.integers(-100, 900), st.fixed_dictionaries(FACTS)),
    max_size=12,
)
"""So many hours ago, nano-USD, and what it was about."""
BUDGETS: dict[str, dict[str, Any]] = {
    "everyone": {},
    "user": {"of": "user"},
    "plan": {"of": "plan"},
    "route": {"of": "route"},
    "arms and models": {"when": {"arms": ["new"], "models": ["gpt-4o", "gpt-4o-mini"]}},
    "a user's plan": {"of": "user", "when": {"plans": ["pro"], "routes": ["campaigns"]}},
    "intents, rolling": {"when": {"intents": ["other"]}, "rolling": "24h"},
    "months": {"of": "user", "per": "month"},
}


async def test_what_was_spent_counts_in_its_own_slice_where_slices_are_shorter_than_hours() -> None:
    one = Budget("one", BudgetSettings.model_validate({"limit": "5", "rolling": "6h"}), "UTC")
    place = one.place("", NOW)
    spent = planned(NOW // 3600 * 3600 - 600)  # ten minutes before the hour
    found = await Recounting(ListedLedger([row(spent, 10)])).by_slice(place, NOW)
    assert found == {one.periods.slice_of(spent.at, place.window): 10}


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_the_ledger_is_read_as_budgets_count(name: str, zone: str) -> None:
    said = BudgetSettings.model_validate(_timed({"limit": "5"} | BUDGETS[name]))
    one = Budget("one", said, zone)

    @examples(25)
    @given(SPENT)
    def agrees(spent: list[tuple[int, int, dict[str, Any]]]) -> None:
        ledger = ListedLedger()
        rights: dict[str, dict[int, int]] = {}
        for hours, nano, facts in spent:
            attempt = planned(NOW + hours * 3600, **facts)
            ledger.lines.append(row(attempt, nano))
            right = rights.setdefault(one.whose(attempt), {})
            slice_ = one.periods.slice_of(attempt.at, one.place("", NOW).window)
            if slice_ is not None and one.pays_for(attempt):
                right[slice_] = right.get(slice_, 0) + nano
        for scope, right in rights.items():
            found = asyncio.run(Recounting(ledger).by_slice(one.place(scope, NOW), NOW))
            assert _plain(found) == _plain(right)

    agrees()
    assert one.name == "one"


def _plain(spent: dict[int, int]) -> dict[int, int]:
    return {at: nano for at, nano in spent.items() if nano}


def _timed(said: dict[str, Any]) -> dict[str, Any]:
    return said if "rolling" in said else {"per": "day"} | said


async def test_owners_are_those_who_have_spent_in_what_counts_now() -> None:
    spent = [planned(NOW - hours * 3600, user=user) for hours, user in ((1, "ann"), (30, "bob"))]
    reads = Recounting(ListedLedger([row(one, 10) for one in spent]))
    assert await reads.owners(budget(of="user"), NOW) == ("ann",)
    assert await reads.owners(budget(of="user", per="month"), NOW) == ("ann", "bob")
    assert await reads.owners(budget(of="route"), NOW) == ("campaigns",)
    assert await reads.owners(budget(of="plan"), NOW) == ()
    assert await reads.owners(budget(), NOW) == ("",)


async def test_what_was_spent_between_two_minutes_is_known() -> None:
    ledger = ListedLedger([row(planned(NOW - minutes * 60), 10) for minutes in (30, 90, 500)])
    place = budget().place("", NOW)
    found = [await Recounting(ledger).between(place, NOW - h * 3600, NOW + 60) for h in (1, 6, 24)]
    assert found == [10, 20, 30]


async def test_what_was_spent_when_minutes_are_not_kept_any_more_is_counted_by_its_rows() -> None:
    said = BudgetSettings.model_validate({"limit": "5", "per": "month"})
    one = Budget("one", said, "Asia/Kolkata")  # whose months begin at half past an hour of UTC
    place = one.place("", NOW)
    since = place.window.since
    ledger = ListedLedger([row(planned(at), 7) for at in (since - 1, since, since + 600, NOW)])
    ledger.minutes_since = NOW - MINUTES_KEPT
    assert await Recounting(ledger).by_slice(place, NOW) == {0: 21}


async def test_what_is_spent_stays_spent_when_the_clock_is_set_back() -> None:
    one = budget()
    ledger = ListedLedger([row(planned(NOW), 7)])
    place = one.place("", NOW)
    assert place.window.since < NOW - 7200
    assert await Recounting(ledger).by_slice(place, NOW - 7200) == {0: 7}
