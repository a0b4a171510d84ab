"""Trying models on what is known, and the simulation of docs/topics/forecasts.md in short."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from plugins.cost_meter.forecasting.backtest import tried
from plugins.cost_meter.forecasting.models import (
    AHEAD,
    Damped,
    Expected,
    Model,
    Naive,
    Path,
    ladder,
)
from plugins.cost_meter.forecasting.series import DAY
from scripts.simulation.forecasts import HORIZONS, SHAPES, Shape, parted, play
from tests.plugins.cost_meter.forecasting.spending import weekly

SEEDS = range(10)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@pytest.mark.parametrize("horizon", ["day", "week"])
def test_four_of_five_times_it_lies_in_the_interval_and_the_naive_error_is_no_smaller(
    shape: Shape, horizon: str
) -> None:
    found = play(shape, HORIZONS[horizon], SEEDS, stride=331)
    assert found.forecasts >= 30
    assert 0.7 <= found.coverage <= 0.9
    assert found.error <= found.naive_error


def test_a_series_without_noise_has_no_errors() -> None:
    found = tried(ladder(60 * DAY), [3.0] * (60 * DAY), 168)
    assert found.errors.wape == pytest.approx(0, abs=1e-6)
    assert found.path.total(168) == pytest.approx(3 * 168)
    assert found.spread.quantile(168, 0.9) == pytest.approx(0, abs=1e-6)


FLAT = tuple(hour / DAY for hour in range(DAY + 1))


class Twice(NamedTuple):
    """Says that each day costs twice what it did."""

    name: str = "twice"
    least: int = DAY

    def walk(self, hours: Sequence[float]) -> Iterator[Expected]:
        """Yield after each day."""
        for known in range(DAY, len(hours) + 1, DAY):
            yield Expected(known, Path([2 * DAY * hours[0]] * AHEAD, (FLAT,)))


def test_errors_are_what_was_missed_by_what_came() -> None:
    found = tried([Twice()], [3.0] * (30 * DAY), 24)
    assert found.errors.wape == pytest.approx(1.0)
    assert found.errors.mape == pytest.approx(1.0)
    assert found.errors.smape == pytest.approx(2 / 3)
    assert found.errors.mase is None, "a day is as a week ago: there is nothing to compare with"
    assert found.errors == found.naive


def test_what_came_as_it_was_said_lay_between_the_bounds() -> None:
    hours = [0.0 if hour % 3 == 0 else 0.1 for hour in range(40 * DAY)]
    assert tried(ladder(len(hours)), hours, 24).coverage == 1.0


def test_errors_are_told_beside_those_of_the_naive_forecast() -> None:
    found = tried(ladder(40 * DAY), weekly(40), 24)
    assert found.errors.wape is not None
    assert found.naive.wape is not None
    assert found.errors.wape < found.naive.wape
    assert found.errors.mase is not None
    assert found.errors.mase < 1
    assert found.model == "weekly"
    assert found.coverage is not None
    assert 0.6 < found.coverage <= 1
    assert found.origins > 20


def test_what_lies_across_a_known_change_is_no_error() -> None:
    hours = [1.0] * (30 * DAY) + [3.0] * (30 * DAY)
    told = tried(ladder(len(hours), [30 * DAY]), hours, 168, [30 * DAY])
    untold = tried(ladder(len(hours)), hours, 168)
    assert told.errors.wape == pytest.approx(0, abs=0.01)
    assert untold.errors.wape is not None
    assert untold.errors.wape > 0.02


def test_a_step_that_happened_once_makes_no_later_interval_wider_and_two_do() -> None:
    calm = weekly(90)
    once = [cost * (1 if at < 40 * DAY else 2) for at, cost in enumerate(calm)]
    twice = [cost * (1 if 40 * DAY <= at < 60 * DAY else 2) for at, cost in enumerate(calm)]
    widths = []
    for hours in (calm, once, twice):
        spread = tried(ladder(len(hours)), hours, 168).spread
        widths.append(spread.quantile(168, 0.9) - spread.quantile(168, 0.1))
    assert widths[1] < 1.5 * widths[0]
    assert widths[2] > 1.3 * widths[1]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_of_months_too_four_of_five_hold_unless_a_step_lies_ahead(shape: Shape) -> None:
    hours = HORIZONS["month"]
    found = play(shape, hours, range(20, 40), stride=331)
    known = parted(shape, hours, found).get("after it", found)
    assert known.forecasts >= 25
    assert known.coverage + 2 * known.doubt >= 0.7
    assert known.coverage - 2 * known.doubt <= 0.9
    assert known.loss <= known.naive_loss


def test_two_hours_are_enough_for_a_forecast_and_none_are_not() -> None:
    found = tried(ladder(2), [1.0, 3.0], 24)
    assert found.path.total(24) > 0
    assert found.origins == 1
    with pytest.raises(ValueError, match="without hours"):
        tried(ladder(0), [], 24)


def test_all_models_are_asked_at_the_same_moments() -> None:
    models: list[Model] = [Damped("weekly", 7, 0.1, 0.0), Damped("daily", 1, 0.1, 0.0), Naive()]
    found = tried(models, weekly(30), 48)
    assert found.origins == 22
