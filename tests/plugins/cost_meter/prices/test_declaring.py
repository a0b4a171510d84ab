"""What an operator can say of prices, and what does not fit."""

from pathlib import Path
from typing import Any

import pytest

from tests.plugins.cost_meter.prices.priced import settings

AZURE = {"provider": "azure"}
PRICED = AZURE | {"input": "2.50", "output": 10}


def test_nothing_has_to_be_said() -> None:
    said = settings()
    assert (said.unknown, said.max_age, said.file, said.overlay) == (
        "estimate",
        30 * 86400,
        None,
        (),
    )


def test_prices_are_kept_as_they_are_written() -> None:
    entry = settings(overlay=[AZURE | {"input": 2.5, "output": "0.000000001"}]).overlay[0]
    assert (entry.input, entry.output) == ("2.5", "0.000000001")


@pytest.mark.parametrize("number", [0.00001, 1e-9, 3])
def test_a_number_of_yaml_is_exactly_what_was_written(number: float) -> None:
    entry = settings(overlay=[PRICED | {"input": number}]).overlay[0]
    assert float(entry.input or "") == number
    assert "e" not in (entry.input or "")


MISFITS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "too many decimals": ([PRICED | {"input": "0.0000000001"}], "at most nine decimals"),
    "below zero": ([PRICED | {"output": "-1"}], "US dollars with at most nine decimals"),
    "true as a price": ([PRICED | {"input": True}], "overlay[0].input"),
    "a factor that is too exact": ([AZURE | {"multiply": "0.33333"}], "at most four decimals"),
    "no day": ([PRICED | {"from": "2026-02-30"}], "a day such as"),
    "an end before its beginning": (
        [PRICED | {"from": "2026-02-02", "until": "2026-02-02"}],
        "a day after `from`",
    ),
    "nobody": ([{"multiply": "0.5"}], "at least one of provider, model, zone, deployment"),
    "nothing": ([AZURE], "one of three: prices, multiply, or provisioned: true"),
    "two ways": ([PRICED | {"multiply": "0.5"}], "one of three"),
    "no output": ([AZURE | {"input": "1"}], "overlay[0].output"),
    "by the hour but not provisioned": ([PRICED | {"per_hour": "1"}], "provisioned: true"),
    "twice the same": ([PRICED, PRICED], "what overlay[0] does not say of the same calls"),
    "the same for some days": (
        [PRICED | {"until": "2026-03-01"}, PRICED | {"from": "2026-02-28"}],
        "what overlay[0] does not say of the same calls",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_told_with_what_is_wanted(name: str) -> None:
    overlay, says = MISFITS[name]
    with pytest.raises(ValueError, match=r"prices\.overlay\[") as told:
        settings(overlay=overlay)
    assert says in str(told.value)


def test_all_misfits_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="provider, model") as told:
        settings(overlay=[{"multiply": "0.5"}, AZURE, PRICED, PRICED])
    assert len(str(told.value).splitlines()) == 4


@pytest.mark.parametrize(
    "overlay",
    [
        [PRICED | {"until": "2026-03-01"}, PRICED | {"from": "2026-03-01"}],
        [PRICED, PRICED | {"tier": "flex"}],
        [PRICED, PRICED | {"zone": "eu"}, PRICED | {"model": "gpt-4o"}],
        [AZURE | {"provisioned": True, "per_hour": 2}],
    ],
    ids=["one after the other", "another tier", "another place", "provisioned"],
)
def test_entries_that_say_something_else_fit(overlay: list[dict[str, Any]]) -> None:
    assert len(settings(overlay=overlay).overlay) == len(overlay)


def test_a_list_of_prices_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a file that is there"):
        settings(file=str(tmp_path / "prices.json"))
