"""Whether new costs too much, and how often that is said of one that does not."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.forecasting.judging import (
    excess,
    half_width,
    judged,
    reference_of,
)
from plugins.cost_meter.row import Sums, plus
from tests.kit.properties import examples

LEAST, ALPHA = 100, 0.01


def attempt(nano: int, *, answered: bool = True, again: bool = False) -> Sums:
    """What one attempt counts for."""
    return Sums(
        attempts=1,
        requests=int(not again),
        answered=int(answered),
        failed=int(not answered),
        nano_usd=nano,
        failed_nano_usd=0 if answered else nano,
        square_micro_usd=(nano // 1000) ** 2,
    )


def many(costs: list[int], failing: int = 0) -> Sums:
    """Attempts that cost so much; the first of them fail."""
    whole = Sums()
    for number, nano in enumerate(costs):
        whole = plus(whole, attempt(nano, answered=number >= failing))
    return whole


def too_much(sums: Sums, allowed: int) -> bool | None:
    found = judged({"a": sums}, {"a": (Fraction(allowed), float(allowed))}, LEAST, ALPHA)
    return None if found is None else found.too_much


def test_what_costs_clearly_more_than_allowed_is_too_much() -> None:
    assert too_much(many([30_000_000, 34_000_000] * 60), 20_000_000) is True


def test_what_costs_as_much_as_is_allowed_or_less_is_not() -> None:
    assert too_much(many([20_000_000] * 200), 20_000_000) is False
    assert too_much(many([1_000_000, 30_000_000] * 100), 20_000_000) is False


def test_a_difference_that_may_be_chance_is_not_acted_on() -> None:
    assert too_much(many([0] * 90 + [230_000_000] * 12), 20_000_000) is False


def test_too_few_requests_say_nothing() -> None:
    assert too_much(many([90_000_000] * 99), 20_000_000) is None
    repeated = plus(many([90_000_000] * 99), attempt(90_000_000, again=True))
    assert too_much(repeated, 20_000_000) is None


def test_what_failures_cost_is_paid_by_the_answers() -> None:
    costs = [15_000_000] * 300
    assert too_much(many(costs), 20_000_000) is False
    assert too_much(many(costs, failing=150), 20_000_000) is True


def test_each_route_is_compared_with_its_own_bound() -> None:
    dear, cheap = many([90_000_000] * 100), many([1_000_000] * 100)
    fair = {"dear": (Fraction(90_000_000), 9e7), "cheap": (Fraction(1_000_000), 1e6)}
    found = judged({"dear": dear, "cheap": cheap}, fair, LEAST, ALPHA)
    assert found is not None
    assert not found.too_much
    unknown = judged({"dear": dear}, {"cheap": fair["cheap"]}, LEAST, ALPHA)
    assert unknown is None


def test_legacy_is_what_is_metered_there_or_else_its_baseline() -> None:
    metered = reference_of(many([10_000_000, 12_000_000] * 50), 5, ALPHA)
    assert metered is not None
    assert (metered.source, metered.cost) == ("metered", Fraction(11_000_000))
    assert 11_000_000 < metered.at_most < 13_000_000
    declared = reference_of(many([10_000_000] * 3), 5, ALPHA)
    assert declared is not None
    assert (declared.source, declared.cost) == ("baseline", Fraction(5))
    assert reference_of(Sums(), None, ALPHA) is None
    sources = [reference_of(many([10_000_000] * count), 5, ALPHA) for count in (29, 30)]
    assert [one and one.source for one in sources] == ["baseline", "metered"]


def test_the_bound_is_wider_than_that_of_a_single_look_and_shrinks() -> None:
    widths = [half_width(count, LEAST, ALPHA) for count in (100, 400, 1600, 6400)]
    assert widths == sorted(widths, reverse=True)
    for count, width in zip((100, 400, 1600, 6400), widths, strict=True):
        assert 1.2 < width / (2.326 / count**0.5) < 2


@pytest.mark.parametrize(
    ("dearer", "least", "most"), [(1.0, 0.0, 0.02), (1.3, 0.98, 1.0)], ids=["fair", "dearer"]
)
def test_of_arms_that_are_looked_at_all_the_time_hardly_any_fair_one_is_found_guilty(
    dearer: float, least: float, most: float
) -> None:
    guilty, runs, draw = 0, 150, Random(7)
    for _ in range(runs):
        sums, found = Sums(), False
        for count in range(1, 1201):
            nano = round(10_000_000 * dearer * draw.lognormvariate(-0.18, 0.6))
            sums = plus(sums, attempt(nano))
            if count % 25 == 0 and too_much(sums, 10_000_000):
                found = True
                break
        guilty += found
    assert least <= guilty / runs <= most


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.booleans()), min_size=2, max_size=40),
    st.integers(0, 10**8),
)
@examples(100)
def test_the_sums_tell_mean_and_squares_as_the_attempts_themselves_would(
    attempts: list[tuple[int, bool]], allowed: int
) -> None:
    costs = [(nano // 1000 * 1000, answered) for nano, answered in attempts]
    whole = Sums()
    for nano, answered in costs:
        whole = plus(whole, attempt(nano, answered=answered))
    values = [nano - allowed * answered for nano, answered in costs]
    mean = sum(values) / len(values)
    total, squares = excess(whole, float(allowed))
    assert total == pytest.approx(sum(values))
    assert squares == pytest.approx(sum((one - mean) ** 2 for one in values), rel=1e-6, abs=1e3)
