"""The dearest requests, added up as their attempts end."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.serving import dearest
from plugins.cost_meter.serving.dearest import SLOT, About, Dearest, Overheard, Seen
from proxy.api import NanoUSD, PriceKey, SpendAnswer
from proxy.api.spending import PlannedSpend
from tests.kit.properties import examples
from tests.plugins.cost_meter.metered import attempt

ALL = About(None, "")


def of(request: str, user: str = "ann", provider: str = "openai", at: float = 0.0) -> PlannedSpend:
    return attempt(request_id=request, user=user, key=PriceKey(provider, "m"), at=at)


SPENT = st.tuples(
    st.sampled_from(["r1", "r2", "r3"]),
    st.sampled_from(["openai", "azure"]),
    st.sampled_from([0.0, 900.0, 1000.0]),
    st.integers(0, 9),
)


@examples(60)
@given(st.lists(SPENT, max_size=20))
def test_what_is_taken_is_the_most_that_a_request_has_come_to(
    spent: list[tuple[str, str, float, int]],
) -> None:
    found = Dearest({})
    watched = [ALL, About("ann", "azure"), About("bob", "")]
    found.watch(watched)
    sums: defaultdict[tuple[About, str], int] = defaultdict(int)
    most: defaultdict[Seen, int] = defaultdict(int)
    for request, provider, at, nano in spent:
        found.saw(of(request, provider=provider, at=at), nano)
        for about in watched:
            if about.user in (None, "ann") and about.provider in ("", provider):
                sums[about, request] += nano
                seen = Seen(about, int(at // SLOT))
                most[seen] = max(most[seen], sums[about, request])
    assert found.taken() == {seen: nano for seen, nano in most.items() if nano}


def test_nobody_who_asks_is_nothing_added_up() -> None:
    memory: dict[str, Any] = {}
    found = Dearest(memory)
    found.saw(of("r1"), 5)
    found.watch([ALL])
    found.saw(of("r2"), 7)
    assert list(found.taken().values()) == [7]
    found.watch([])
    assert (found.taken(), memory) == ({}, {"request_sums": {}, "dearest": {}})


def test_what_has_become_more_since_it_was_taken_is_not_forgotten() -> None:
    found = Dearest({})
    found.watch([ALL])
    found.saw(of("r1"), 5)
    taken = found.taken()
    found.saw(of("r1"), 3)
    found.forget(taken)
    assert list(found.taken().values()) == [8]
    found.forget(found.taken())
    assert found.taken() == {}
    found.saw(of("r1"), 1)
    assert list(found.taken().values()) == [9]


def test_whoever_follows_goes_on() -> None:
    memory: dict[str, Any] = {}
    before, after = Dearest(memory), Dearest(memory)
    before.watch([ALL])
    before.saw(of("r1"), 5)
    after.watch([ALL])
    after.saw(of("r1"), 3)
    assert list(after.taken().values()) == [8]


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dearest, "MOST", 3)
    memory: dict[str, Any] = {}
    found = Dearest(memory)
    found.watch([ALL])
    for number in range(9):
        found.saw(of(f"r{number}", at=number * float(SLOT)), 1)
    assert (len(memory["request_sums"]), len(memory["dearest"])) == (3, 3)


def test_an_attempt_of_no_request_is_one_of_its_own() -> None:
    found = Dearest({})
    found.watch([ALL])
    for _ in range(2):
        found.saw(of(""), 5)
    assert list(found.taken().values()) == [5]


class Budgets:
    """Who holds to budgets: lets all through, and notes what it is told."""

    def __init__(self) -> None:
        self.settled: list[NanoUSD | None] = []

    async def reserve(self, planned: PlannedSpend, nano_usd: NanoUSD) -> SpendAnswer:
        return SpendAnswer(budget=f"{planned.user} {nano_usd}")

    def settle(self, planned: PlannedSpend, nano_usd: NanoUSD | None) -> None:
        self.settled.append(nano_usd)


async def test_budgets_are_asked_and_told_as_if_nobody_heard() -> None:
    budgets, found = Budgets(), Dearest({})
    found.watch([ALL])
    overheard = Overheard(budgets, found)
    assert (await overheard.reserve(of("r1"), NanoUSD(9))).budget == "ann 9"
    overheard.settle(of("r1"), NanoUSD(5))
    overheard.settle(of("r1"), None)
    assert budgets.settled == [5, None]
    assert list(found.taken().values()) == [5]
