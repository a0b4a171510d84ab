"""What can be said of forecasts and brakes."""

from typing import Any

import pytest
from pydantic import ValidationError

from plugins.cost_meter.forecasting.declaring import (
    BrakeSettings,
    CostBoundSettings,
    ForecastSettings,
)


@pytest.mark.parametrize("bound", ["0.02", 0.02])
def test_a_bound_is_taken_by_its_digits(bound: object) -> None:
    assert CostBoundSettings.model_validate({"bound": bound}).bound == "0.02"
    said = ForecastSettings.model_validate({"anomaly_min_spend": bound})
    assert said.anomaly_min_spend == "0.02"


def test_a_bound_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="more than 0"):
        CostBoundSettings(bound="0.00")
    with pytest.raises(ValidationError, match="or both"):
        CostBoundSettings(over_legacy=None)


def test_several_rollouts_have_to_say_whose_costs_are_whose() -> None:
    several: dict[str, Any] = {"a": {"routes": ["x"]}, "b": {}}
    with pytest.raises(ValidationError, match="where there are several"):
        BrakeSettings.model_validate({"rollouts": several})
    assert BrakeSettings.model_validate({"rollouts": {"b": {}}}).rollouts["b"].min_requests == 100


def test_an_incident_ends_after_it_begins_and_names_its_zone() -> None:
    early, late = "2026-11-20T14:00:00+00:00", "2026-11-20T15:00:00+00:00"
    for begins, ends in ((late, early), ("2026-11-20", late), ("yesterday", late)):
        with pytest.raises(ValidationError):
            ForecastSettings.model_validate({"incidents": [{"begins": begins, "ends": ends}]})
    said = ForecastSettings.model_validate({"incidents": [{"begins": early, "ends": late}]})
    begins_at, ends_at = said.incidents[0].span
    assert ends_at - begins_at == 3600


def test_by_default_forecasts_are_looked_at_and_nothing_brakes() -> None:
    assert ForecastSettings().enabled
    assert BrakeSettings().rollouts == {}
