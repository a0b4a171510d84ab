"""Names on bills."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.reconciling.items import Naming, direction_of, factor_of

MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-nano", "o4-mini", "text-embedding-3-small")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-mini-2024-07-18, cached input", "gpt-4o-mini"),
        ("gpt 4o 1120 Inp glbl Tokens", "gpt-4o"),
        ("gpt 4o 1120 cached Inp glbl Tokens", "gpt-4o"),
        ("gpt-4o-mini-0718-Outp-glbl Tokens", "gpt-4o-mini"),
        ("gpt 4.1 nano cached Inp glbl Tokens", "gpt-4.1-nano"),
        ("gpt 4.1 Batch Outp DZone 1M Tokens", "gpt-4.1"),
        ("o4-mini 0416 Inp glbl Tokens", "o4-mini"),
    ],
)
def test_a_name_means_the_model_whose_name_it_begins_with(name: str, model: str) -> None:
    assert Naming(MODELS, {}).model(name) == model


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o-audio-preview",
        "gpt 4o Audio Inp glbl Tokens",
        "gpt-4o-realtime Inp Tokens",
        "gpt-4",
        "5.4 inp Gl 1M Tokens",
        "o4",
    ],
)
def test_a_name_of_another_model_stays_as_it_is(name: str) -> None:
    assert Naming(MODELS, {}).model(name) == name


def test_what_the_operator_calls_it_goes_first() -> None:
    said = {"5.4 inp Gl 1M Tokens": "gpt-5.4", "gpt-4o": "mine"}
    naming = Naming(MODELS, said)
    assert naming.model("5.4 INP Gl 1M Tokens") == "gpt-5.4"
    assert naming.model("gpt-4o-2024-08-06") == "mine"


@given(st.text(max_size=40))
def test_any_name_is_a_model_or_itself(name: str) -> None:
    assert Naming(MODELS, {}).model(name) in (*MODELS, name.strip())


@pytest.mark.parametrize(
    ("item", "direction"),
    [
        ("gpt-5-nano, input_tokens", "input"),
        ("gpt-4o, cached input", "cached"),
        ("gpt-4o, output", "output"),
        ("gpt 4o 1120 cached Inp glbl Tokens", "cached"),
        ("GPT 5 outpt Glbl 1M Tokens", "output"),
        ("5.4 opt Gl 1M Tokens", "output"),
        ("web search", ""),
    ],
)
def test_an_item_is_of_one_kind_of_token(item: str, direction: str) -> None:
    assert direction_of(item) == direction


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("1K", 1000), ("1M", 10**6), ("10K", 10_000), ("tokens", 1), ("1K Tokens", 1000), ("1", 1)],
)
def test_units_are_so_many_tokens(unit: str, factor: int) -> None:
    assert factor_of(unit) == factor


@pytest.mark.parametrize("unit", ["1 Hour", "requests", "1G"])
def test_other_units_are_no_tokens(unit: str) -> None:
    assert factor_of(unit) is None
