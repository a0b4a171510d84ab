"""What an operator can say at the top."""

import pytest
from pydantic import ValidationError

from plugins.cost_meter.settings import CostMeterSettings


@pytest.mark.parametrize("said", ["0.0125", 0.0125])
def test_what_legacy_costs_is_taken_by_its_digits(said: object) -> None:
    read = CostMeterSettings.model_validate({"baseline": {"campaigns": said}})
    assert read.baseline == {"campaigns": "0.0125"}
    assert read.legacy_costs == {"campaigns": 12_500_000}


@pytest.mark.parametrize("said", ["cheap", "-1", "0.00000000001", True])
def test_what_legacy_costs_is_an_amount(said: object) -> None:
    with pytest.raises(ValidationError, match="baseline"):
        CostMeterSettings.model_validate({"baseline": {"campaigns": said}})


TABLE = "dynamodb://crossfade-costs"


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb://ab",
        f"{TABLE}?regin=eu-west-1",
        f"{TABLE}?region=eu-west-1&region=eu-west-2",
        f"{TABLE}?endpoint=ftp://127.0.0.1",
        "sqlite:costs.db",
    ],
)
def test_a_ledger_is_one_table_of_one_region(url: str) -> None:
    with pytest.raises(ValidationError, match="ledger"):
        CostMeterSettings.model_validate({"ledger": url})
    assert CostMeterSettings.model_validate({"ledger": TABLE}).ledger == TABLE


@pytest.mark.parametrize("zone", ["Berlin", "", "../../etc/passwd"])
def test_days_begin_in_a_zone_that_there_is(zone: str) -> None:
    with pytest.raises(ValidationError, match="time_zone"):
        CostMeterSettings.model_validate({"time_zone": zone})
