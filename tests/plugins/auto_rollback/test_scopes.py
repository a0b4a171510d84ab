"""The smallest part of the callers that has to go back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.auto_rollback.scopes import parts_of, without
from proxy.api import Evidence, Observed, Scope, Seen
from proxy.api.judging import METRICS, OTHERS
from tests.plugins.auto_rollback.asking import (
    COLLAPSED,
    EVERYBODY,
    HARDLY_SEEN,
    WELL,
    WORSE,
    evidence,
    judged,
    question,
    seen,
)

ORDERS, CARTS, USERS = Scope("orders"), Scope("carts"), Scope("users")


def together(cells: dict[Scope, Observed]) -> dict[Scope, Observed]:
    """Cells, and everybody: their sum."""
    every = [cells[scope] for scope in cells]

    def summed(which: str, arm: int) -> Seen:
        each = [getattr(cell, which)[arm] for cell in every]
        return Seen(sum(one.requests for one in each), sum(one.errors for one in each))

    legacy, new = (
        Evidence(
            sum(cell.evidence[arm].active for cell in every),
            {m: sum(cell.evidence[arm].keys[m] for cell in every) for m in METRICS},
        )
        for arm in (0, 1)
    )
    everybody = seen(
        legacy,
        new,
        segment=(summed("segment", 0), summed("segment", 1)),
        recent=(summed("recent", 0), summed("recent", 1)),
    )
    return {EVERYBODY: everybody, **cells}


def test_only_the_route_that_is_worse_goes_back() -> None:
    verdict = judged(together({ORDERS: WORSE, CARTS: WELL, USERS: WELL}))
    assert (verdict.kind, verdict.scope) == ("fail", ORDERS)
    assert verdict.evidence["errors"]["keys"] == {"legacy": 190, "new": 40}


def test_only_the_route_that_has_collapsed_goes_back() -> None:
    verdict = judged(together({ORDERS: WELL, CARTS: COLLAPSED}))
    assert (verdict.kind, verdict.scope) == ("fail", CARTS)
    assert "new fails" in verdict.why


def test_a_cohort_goes_back_alone_on_one_route() -> None:
    bad, good = Scope("orders", "b"), Scope("orders", "a")
    assert judged(together({bad: WORSE, good: WELL})).scope == bad


def test_everybody_goes_back_when_all_are_worse_or_have_collapsed() -> None:
    for bad in (WORSE, COLLAPSED):
        verdict = judged(together({ORDERS: bad, CARTS: bad, USERS: bad}))
        assert (verdict.kind, verdict.scope) == ("fail", EVERYBODY)


def test_everybody_goes_back_when_the_guilt_is_spread_too_thin_for_any_part() -> None:
    slightly = seen(evidence(950, 10), evidence(50, 3))
    cells = {Scope("", f"tenant{i}"): slightly for i in range(12)}
    assert judged(slightly).kind == "pass"
    verdict = judged(together(cells))
    assert (verdict.kind, verdict.scope) == ("fail", EVERYBODY)


def test_a_part_goes_back_even_if_it_is_too_small_to_be_seen_in_the_whole() -> None:
    tiny = seen(evidence(95, 1), evidence(20, 9), segment=(Seen(500), Seen(60)))
    crowd = seen(evidence(38_000, 1900), evidence(2000, 100))
    cells = together({ORDERS: tiny, CARTS: crowd})
    assert judged(cells[EVERYBODY]).kind == "pass"
    assert judged(cells).scope == ORDERS


def test_of_two_that_are_worse_the_worst_goes_first_and_then_the_other() -> None:
    worst = seen(new=evidence(200, 60))
    cells = together({ORDERS: WORSE, CARTS: worst, USERS: WELL, Scope("z"): WELL})
    assert judged(cells).scope == CARTS
    assert judged(cells, held=(CARTS,)).scope == ORDERS
    assert judged(cells, held=(CARTS, ORDERS)).kind == "pass"


def test_what_a_part_met_before_it_went_back_sends_nobody_else_back() -> None:
    cells = together({ORDERS: WORSE, CARTS: WELL})
    assert judged(cells).kind == "fail"
    assert judged(cells, held=(ORDERS,)).kind == "pass"
    by_cohort = together({Scope("orders", "a"): WORSE, Scope("carts", "a"): WELL})
    assert judged(by_cohort, held=(Scope("orders"),)).kind == "pass"


def test_a_part_whose_legacy_is_sick_does_not_go_back() -> None:
    sick = seen(new=evidence(200, 60), recent=(Seen(30, 15), Seen(20, 10)))
    crowd = seen(evidence(380_000, 19_000), evidence(20_000, 1000), recent=(Seen(9000), Seen(480)))
    assert judged(together({ORDERS: sick, CARTS: crowd})).kind == "pass"


def test_everybody_goes_back_when_one_metric_says_so_and_another_means_only_a_part() -> None:
    everywhere = evidence(200, 10, client_errors=60)
    orders = seen(new=evidence(200, 40, client_errors=60))
    cells = together({ORDERS: orders, CARTS: seen(new=everywhere), USERS: seen(new=everywhere)})
    verdict = judged(cells)
    assert (verdict.kind, verdict.scope) == ("fail", EVERYBODY)
    assert "client_errors" in verdict.why


def test_one_part_alone_is_everybody() -> None:
    parts = parts_of(question({EVERYBODY: WORSE, ORDERS: WORSE}))
    assert (dict(parts.cells), parts.others) == ({}, 1)
    assert judged({EVERYBODY: WORSE, ORDERS: WORSE}).scope == EVERYBODY


def test_those_who_are_left_need_no_volume_to_have_collapsed_too() -> None:
    rest = seen(evidence(40), evidence(3, 3), recent=(Seen(20), Seen(3, 3)))
    assert judged(together({ORDERS: COLLAPSED, CARTS: rest})).scope == EVERYBODY
    calm = seen(evidence(40), evidence(3), recent=(Seen(20), Seen(3)))
    assert judged(together({ORDERS: COLLAPSED, CARTS: calm})).scope == ORDERS


COUNTS = st.builds(Seen, requests=st.integers(0, 99), errors=st.integers(0, 99))
OBSERVED = st.builds(
    lambda a, b, x, y: seen(evidence(x, x), evidence(y, y), segment=(a, b)),
    COUNTS,
    COUNTS,
    st.integers(0, 99),
    st.integers(0, 99),
)


@given(OBSERVED, OBSERVED)
def test_taking_a_part_out_takes_out_what_it_met_and_never_more_than_there_is(
    one: Observed, other: Observed
) -> None:
    both = together({ORDERS: one, CARTS: other})[EVERYBODY]
    left = without(both, one)
    assert left.segment == other.segment
    assert left.evidence[1].keys["errors"] == other.evidence[1].keys["errors"]
    assert left.evidence[0].active == other.evidence[0].active
    assert without(one, both).segment == (Seen(), Seen())
    assert without(HARDLY_SEEN, HARDLY_SEEN).evidence == (evidence(0), evidence(0))


@pytest.mark.parametrize("route", ["", "orders"])
@pytest.mark.parametrize("bad", [WORSE, COLLAPSED])
def test_callers_that_cannot_be_told_apart_go_back_with_all_of_their_route(
    route: str, bad: Observed
) -> None:
    cells = {Scope(route, "acme"): WELL, Scope(route, OTHERS): bad}
    found = judged(together(cells))
    assert (found.kind, found.scope) == ("fail", Scope(route))
