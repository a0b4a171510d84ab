"""The book as plain data."""

import json
from pathlib import Path

from plugins.cost_meter.prices.showing import keys_of, shown, shown_price
from plugins.cost_meter.prices.watching import age_of
from proxy.api.spending import PriceKey, Usage
from tests.plugins.cost_meter.prices.priced import NOW, book, settings


def test_a_price_is_shown_with_where_it_comes_from(tmp_path: Path) -> None:
    found = shown_price(book(tmp_path), PriceKey("azure", "gpt-4o", "prod", "eu", "default"), NOW)
    assert found["usd"]["input"] == "2.50"
    assert found["usd"]["cached_input"] == "1.25"
    assert found["usd"]["output"] == "10.00"
    assert found["usd"]["search"] == "0.01"
    assert (found["source"], found["confidence"]) == ("genai-prices", "assumed")
    assert found["note"].startswith("no price for the zone eu: that of global; azure does not list")
    assert found["tier"] == "standard"
    assert found["assumed"] == ["cache_write", "audio_input", "image_input", "audio_output"]


def test_steps_are_shown_the_shortest_first(tmp_path: Path) -> None:
    found = shown_price(book(tmp_path), PriceKey("openai", "gpt-5.4"), NOW)
    assert [step["promptAbove"] for step in found["steps"]] == [272_000]
    assert found["steps"][0]["usd"]["output"] == "22.50"


def test_what_would_be_refused_is_shown_so(tmp_path: Path) -> None:
    found = shown_price(book(tmp_path, unknown="reject"), PriceKey("openai", "mystery"), NOW)
    assert (found["refused"], found["source"]) == (True, "family")


def test_the_book_shows_what_was_asked_and_what_the_overlay_names_each_once(
    tmp_path: Path,
) -> None:
    said = [{"model": "gpt-5", "provider": "azure", "input": "1", "output": "2"}]
    prices = book(tmp_path, overlay=said)
    for _ in range(2):
        prices.quote(PriceKey("openai", "gpt-4o", at=NOW), Usage(1))
    read = settings(overlay=said)
    found = shown(prices, age_of(read, prices), keys_of(prices, read), NOW)
    assert [one["model"] for one in found["prices"]] == ["gpt-4o", "gpt-5"]
    assert (found["book"], found["newest"], found["old"]) == (prices.name, "2026-10-14", True)
    assert json.loads(json.dumps(found)) == found


def test_what_is_asked_for_in_two_ways_at_one_price_is_shown_once(tmp_path: Path) -> None:
    prices = book(tmp_path)
    keys = [PriceKey("openai", "gpt-4o", tier=tier) for tier in ("", "default", "flex")]
    found = shown(prices, age_of(settings(), prices), keys, NOW)
    assert [one["tier"] for one in found["prices"]] == ["standard", "flex"]


def test_showing_asks_for_no_price(tmp_path: Path) -> None:
    prices = book(tmp_path)
    shown(prices, age_of(settings(), prices), [PriceKey("openai", "gpt-4o")], NOW)
    assert prices.asked() == ()
