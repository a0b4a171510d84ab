"""Advice in legacy's words."""

from decimal import Decimal

from plugins.cost_meter.serving.optimization import Advised, applied, optimization_of

USD = 10**9


def advised(name: str, p50: int, risk: str = "low") -> Advised:
    return Advised(
        name, "cache", "Cache it", p50 // 2, p50, p50 * 2, None, risk, ("a",), 30, 500, "open"
    )


ALL = (advised("a", USD), advised("b", 3 * USD, "high"), advised("c", 2 * USD, "other"))


def test_the_largest_saving_comes_first_and_small_ones_can_be_left_out() -> None:
    found = optimization_of(ALL, 2 * USD, 10)
    assert [one.id for one in found.recommendations] == ["b", "c"]
    assert (found.summary.total, found.summary.total_potential_savings) == (2, Decimal(5))
    assert found.summary.average_savings == Decimal("2.5")
    assert found.summary.by_difficulty == {"easy": 0, "medium": 1, "hard": 1}


def test_a_list_is_as_long_as_it_may_be_and_its_sum_is_of_what_is_shown() -> None:
    found = optimization_of(ALL, 0, 1)
    assert (found.summary.total, found.summary.total_potential_savings) == (1, Decimal(3))


def test_without_advice_there_is_no_mean() -> None:
    found = optimization_of((), 0, 10).summary
    assert (found.total, found.total_potential_savings) == (0, Decimal(0))
    assert found.average_savings is None


def test_what_was_applied_is_told_with_who_and_when() -> None:
    told = applied(ALL[0], 0.0, "root", Decimal(5)).data
    assert (told.recommendation_id, told.applied_by) == ("a", "root")
    assert told.percent_of_users == 5
    assert told.applied_at == "1970-01-01T00:00:00.000Z"
