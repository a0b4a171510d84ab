"""Which entry counts, and what it makes of a price."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.prices.declaring import OverlayEntry
from plugins.cost_meter.prices.overlay import Overlay, applied, in_zone
from plugins.cost_meter.prices.rating import Priced, Step
from plugins.cost_meter.prices.tiers import served
from proxy.api.spending import PriceKey, Rates
from tests.plugins.cost_meter.prices.priced import NOW, settings

PLAIN = served("", batch=False)
KEY = PriceKey("azure", "gpt-4o", "prod", "eu")
PRICE: dict[str, Any] = {"input": "1", "output": "2"}
LISTED = Priced(Rates(10, 20), "genai-prices", "fallback", (Step(5, Rates(30)),), note="why")


def entries(*said: dict[str, Any]) -> tuple[OverlayEntry, ...]:
    return settings(overlay=list(said)).overlay


LEVELS = (
    {"deployment": "prod"},
    {"model": "gpt-4o", "zone": "eu", "provider": "azure"},
    {"model": "gpt-4o", "zone": "eu"},
    {"model": "gpt-4o", "provider": "azure"},
    {"model": "gpt-4o"},
    {"zone": "eu", "provider": "azure"},
    {"zone": "eu"},
    {"provider": "azure"},
)


@given(st.permutations(range(len(LEVELS))), st.integers(0, len(LEVELS) - 1))
def test_the_most_specific_entry_counts_in_any_order(order: list[int], first: int) -> None:
    said = [LEVELS[n] | PRICE for n in order if n >= first]
    found = Overlay(entries(*said)).entry(KEY, PLAIN, NOW)
    assert found is not None
    assert {name: getattr(found, name) for name in LEVELS[first]} == LEVELS[first]
    assert found.selects.count(None) == 6 - len(LEVELS[first])


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "openai"},
        {"model": "gpt-4o-mini"},
        {"zone": "us"},
        {"deployment": "test"},
        {"provider": "azure", "tier": "flex"},
        {"provider": "azure", "batch": True},
        {"provider": "azure", "from": "2026-11-21"},
        {"provider": "azure", "until": "2026-11-20"},
    ],
    ids=str,
)
def test_an_entry_of_something_else_does_not_count(other: dict[str, Any]) -> None:
    assert Overlay(entries(other | PRICE)).entry(KEY, PLAIN, NOW) is None


def test_an_entry_counts_from_its_first_day_until_its_end() -> None:
    overlay = Overlay(
        entries(PRICE | {"model": "gpt-4o", "from": "2026-11-20", "until": "2026-11-21"})
    )
    assert overlay.entry(KEY, PLAIN, NOW - 1) is None
    assert overlay.entry(KEY, PLAIN, NOW) is not None
    assert overlay.entry(KEY, PLAIN, NOW + 86399) is not None
    assert overlay.entry(KEY, PLAIN, NOW + 86400) is None


def test_a_tier_that_is_named_otherwise_is_the_same() -> None:
    overlay = Overlay(entries(PRICE | {"model": "gpt-4o", "tier": "standard"}))
    assert overlay.entry(KEY, served("default", batch=False), NOW) is not None
    assert overlay.entry(KEY, served("flex", batch=False), NOW) is None


def one(
    place: str = "global", how: Any = PLAIN, listed: Priced | None = LISTED, **said: Any
) -> Any:
    return applied(entries({"model": "gpt-4o"} | said)[0], listed, how, place)


def test_prices_that_are_said_count_and_others_are_like_them() -> None:
    priced = one(**PRICE, cached_input="0.5", request="0.001", search="0.01")
    nano = 10**9
    assert priced.rates == Rates(
        nano, nano // 2, 2 * nano, 2 * nano, nano, nano, nano, 2 * nano, 10**12, 10**13
    )
    assert priced.assumed == {"input_cache_write", "input_audio", "input_image", "output_audio"}
    assert (priced.source, priced.confidence) == ("overlay", "exact")


def test_a_share_keeps_what_is_doubtful_about_the_list() -> None:
    priced = one(multiply="0.5")
    assert (priced.rates, priced.steps) == (Rates(5, 10), (Step(5, Rates(15)),))
    assert (priced.confidence, priced.note) == ("fallback", "0.5 times the list; why")
    assert one(listed=None, multiply="0.5") is None


def test_capacity_that_is_paid_for_by_the_hour_costs_nothing_by_the_token() -> None:
    priced = one(provisioned=True, per_hour="2.00")
    assert (priced.rates, priced.confidence) == (Rates(), "exact")
    assert priced.note == "provisioned: paid for by the hour, for 2.00 USD an hour"


@pytest.mark.parametrize(
    ("said", "zone", "tier", "confidence"),
    [
        ({}, "global", "", "exact"),
        ({}, "eu", "", "assumed"),
        ({"zone": "eu"}, "eu", "", "exact"),
        ({"deployment": "prod"}, "eu", "", "exact"),
        ({}, "global", "flex", "assumed"),
        ({"tier": "flex"}, "global", "flex", "exact"),
        ({}, "global", "batch", "assumed"),
        ({"batch": True}, "global", "batch", "exact"),
    ],
)
def test_a_price_is_exact_where_the_entry_says_what_it_is_for(
    said: dict[str, Any], zone: str, tier: str, confidence: str
) -> None:
    assert one(zone, served(tier, batch=False), **PRICE, **said).confidence == confidence


def test_a_zone_is_told() -> None:
    priced = in_zone(LISTED, "eu")
    assert priced.confidence == "assumed"
    assert priced.note == "no price for the zone eu: that of global; why"
    assert in_zone(LISTED, "global") is LISTED
