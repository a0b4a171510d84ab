"""What models expect."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.forecasting.models import AHEAD, Damped, Model, Naive, Path, RunRate, ladder
from plugins.cost_meter.forecasting.series import DAY, WEEK
from tests.kit.properties import examples
from tests.plugins.cost_meter.forecasting.spending import weekly


def last(model: Model, hours: list[float]) -> Path:
    """What it expects when it knows them all."""
    *_, (known, path, _) = model.walk(hours)
    assert known == len(hours)
    return path


def test_the_run_rate_goes_on_as_the_last_day_was() -> None:
    path = last(RunRate(), [100.0] * 10 + [2.0] * DAY)
    assert path.total(10) == pytest.approx(20)
    assert path.total(100) == pytest.approx(200)


def test_the_naive_forecast_is_the_week_before_hour_by_hour() -> None:
    hours = weekly(20)
    path = last(Naive(), hours)
    for ahead in (1, 30, WEEK):
        assert path.total(ahead) == pytest.approx(sum(hours[-WEEK:][:ahead]))
    assert path.total(2 * WEEK) == pytest.approx(2 * sum(hours[-WEEK:]))


def test_a_perfect_week_is_expected_to_come_again() -> None:
    week = [(1.0 + hour % DAY) * (2 if hour < 5 * DAY else 1) for hour in range(WEEK)]
    path = last(Damped("weekly", 7, 0.1, 0.0), week * 8)
    assert path.total(WEEK) == pytest.approx(sum(week), rel=0.03)
    assert path.total(30) == pytest.approx(sum(week[:30]), rel=0.1)


def test_growth_goes_on_and_fades() -> None:
    hours = [1.01 ** (hour // DAY) for hour in range(60 * DAY)]
    flat = last(Damped("daily", 1, 0.25, 0.0), hours)
    grows = last(Damped("daily", 1, 0.25, 0.98), hours)
    assert grows.days[6] > flat.days[6]
    steps = [after / before for before, after in pairwise(grows.days)]
    assert steps == sorted(steps, reverse=True)
    assert min(steps) >= 1


def test_growth_that_is_clear_lasts() -> None:
    hours = [1.01 ** (hour // DAY) for hour in range(60 * DAY)]
    days = last(Damped("weekly", 7, 0.1, 1.0), hours).days
    assert days[36] / days[1] == pytest.approx(1.01**35, rel=0.03)


def test_growth_that_may_be_chance_is_none() -> None:
    apart = (1.0, 1.6, 0.8, 1.3, 0.7)
    days = [apart[day % 5] * 1.0005**day for day in range(60)]
    path = last(Damped("weekly", 7, 0.1, 1.0), [day / DAY for day in days for _ in range(DAY)])
    assert path.days[28:35] == pytest.approx(path.days[:7])


def test_growth_before_a_step_is_forgotten() -> None:
    before = [1.03 ** (hour // DAY) for hour in range(40 * DAY)]
    path = last(Damped("weekly", 7, 0.1, 1.0), before + [20.0] * (10 * DAY))
    assert path.days[28:35] == pytest.approx(path.days[:7])


def test_a_step_that_nobody_told_of_is_told_by_the_model_when_it_has_seen_it() -> None:
    hours = [1.0] * (30 * DAY) + [3.0] * (10 * DAY)
    told = {known: began for known, _, began in Damped("weekly", 7, 0.1, 0.9).walk(hours)}
    assert told[31 * DAY] == 0
    assert told[32 * DAY] == 30 * DAY
    assert told[40 * DAY] == 30 * DAY


def test_two_days_at_another_level_are_a_step_and_one_is_an_outlier() -> None:
    calm = [1.0, 1.1] * (15 * DAY)
    model = Damped("daily", 1, 0.1, 0.9)
    one = last(model, calm + [3.0] * DAY)
    two = last(model, calm + [3.0] * (2 * DAY))
    assert one.days[0] == pytest.approx(1.05 * DAY, rel=0.05)
    assert two.days[0] == pytest.approx(3 * DAY, rel=0.05)


def test_after_a_known_change_its_first_hours_tell_the_level() -> None:
    calm = [1.0] * (20 * DAY)
    told = Damped("daily", 1, 0.1, 0.0, restarts=(len(calm) + 14,))
    hours = calm + [1.0] * 14 + [4.0] * 10
    assert last(told, hours).days[0] == pytest.approx(4 * DAY, rel=0.05)
    few = Damped("daily", 1, 0.1, 0.0, restarts=(len(calm) + 20,))
    assert last(few, calm + [1.0] * 20 + [4.0] * 4).days[0] < 2 * DAY


@pytest.mark.parametrize(
    ("hours", "names"),
    [
        (47, {"run_rate", "seasonal_naive"}),
        (48, {"daily", "seasonal_naive"}),
        (14 * DAY, {"weekly", "seasonal_naive"}),
    ],
)
def test_more_history_allows_better_models_and_the_naive_one_is_the_last(
    hours: int, names: set[str]
) -> None:
    models = ladder(hours)
    assert {one.name for one in models} == names
    assert models[-1].name == "seasonal_naive"
    assert all(one.least <= hours for one in models)


HOURS = st.lists(st.sampled_from((0.0, 1.0, 5.0, 1e9, 1e15)), min_size=1, max_size=500)


@given(HOURS)
@examples(60)
def test_whatever_was_spent_what_is_expected_is_finite_and_only_grows(hours: list[float]) -> None:
    for model in ladder(len(hours)):
        path = last(model, hours)
        sums = [path.total(ahead / 2) for ahead in range(2 * DAY * AHEAD)]
        assert sums[0] == 0
        assert all(after >= before * (1 - 1e-9) for before, after in pairwise(sums))
        assert sums[-1] < 1e20


@given(HOURS, st.integers(1, 200))
@examples(40)
def test_what_is_expected_at_a_moment_does_not_depend_on_what_comes_later(
    hours: list[float], days: int
) -> None:
    model = Damped("weekly", 7, 0.25, 0.9)
    until = len(hours) // DAY * DAY
    hours = hours[:until]
    known = min(days * DAY, until)
    if known < model.least:
        return
    then = next(path for at, path, _ in model.walk(hours) if at == known)
    assert list(then.days) == list(last(model, hours[:known]).days)
