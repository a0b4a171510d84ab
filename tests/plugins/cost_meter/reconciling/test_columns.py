"""Which column of an export says what."""

import pytest

from plugins.cost_meter.reconciling.columns import FIELDS, PRESETS, layout_of, places_of
from tests.kit.provider.bill import COLUMNS

OPENAI_COSTS = [
    *("start_time", "end_time", "start_time_iso", "end_time_iso", "amount_value"),
    *("amount_currency", "quantity", "quantity_unit", "line_item", "user_id", "api_key_id"),
    *("project_id", "organization_id", "project_name", "organization_name", "user_email"),
    "api_source",
]


def test_the_bill_of_the_stand_in_has_all_columns() -> None:
    places = places_of(layout_of("crossfade"), COLUMNS)
    assert COLUMNS[places["id"]] == "attempt_id"
    assert places.keys() == PRESETS["crossfade"].columns.keys()


def test_the_costs_of_openai_have_theirs() -> None:
    places = places_of(layout_of("openai-costs"), OPENAI_COSTS)
    assert OPENAI_COSTS[places["time"]] == "start_time_iso"
    assert OPENAI_COSTS[places["cost_usd"]] == "amount_value"


@pytest.mark.parametrize(
    ("header", "cost", "has_currency"),
    [
        (["Date", "MeterName", "CostInBillingCurrency", "BillingCurrency"], 2, True),
        (["date", "meterName", "costInUsd", "costInBillingCurrency", "billingCurrency"], 2, False),
        (["UsageDateTime", "MeterName", "PreTaxCost", "Currency"], 2, True),
    ],
    ids=["enterprise agreement", "customer agreement", "as you go"],
)
def test_the_costs_of_azure_are_found_in_all_their_forms(
    header: list[str], cost: int, has_currency: bool
) -> None:
    places = places_of(layout_of("azure"), header)
    assert places["cost_usd"] == cost
    assert ("currency" in places) is has_currency


def test_columns_that_are_said_go_before_those_of_the_preset() -> None:
    layout = layout_of("openai", " time = When , cost_usd=Paid")
    places = places_of(layout, ["start_time", "when", "model", "paid"])
    assert (places["time"], places["cost_usd"], places["model"]) == (1, 3, 2)


@pytest.mark.parametrize("columns", ["when=Date", "time", "time=", "=Date"])
def test_a_field_that_there_is_not_is_told(columns: str) -> None:
    with pytest.raises(ValueError, match="wanted such as time=Date; fields are time, id"):
        layout_of("openai", columns)


def test_a_preset_that_there_is_not_is_told() -> None:
    with pytest.raises(ValueError, match="no preset 'aws'; there are crossfade, openai"):
        layout_of("aws")


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (["model", "input_tokens"], "time"),
        (["start_time", "input_tokens"], "id"),
        (["start_time", "model"], "cost_usd"),
    ],
)
def test_a_column_that_it_takes_is_told_with_what_it_is(header: list[str], missing: str) -> None:
    with pytest.raises(ValueError, match=f"line 1: no column for {missing}") as told:
        places_of(layout_of("openai"), header)
    assert FIELDS[missing] in str(told.value)
    assert f"--columns, such as {missing}=NAME" in str(told.value)


def test_what_is_said_has_bounds() -> None:
    with pytest.raises(ValueError, match="at most 2000 characters"):
        layout_of("openai", "time=x," * 1000)
    with pytest.raises(ValueError, match="more than 500 columns"):
        places_of(layout_of("openai"), ["x"] * 501)
