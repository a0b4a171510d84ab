"""One model's entry in the list."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from genai_prices.types import ModelInfo

from plugins.cost_meter.prices.entry import rates_in, read
from plugins.cost_meter.prices.source import out_of_file
from proxy.api.spending import Rates
from tests.plugins.cost_meter.prices.priced import NOW, model, provider, stepped, variant, written

WHEN = datetime.fromtimestamp(NOW, UTC)
AUDIO = {"input_mtok": 1, "output_mtok": 2, "input_audio_mtok": 4, "cache_write_mtok": 3}


def entry(folder: Path, prices: object, **more: Any) -> ModelInfo:
    data = [provider("openai", [model("m", prices, **more)])]
    return out_of_file(written(folder, data), NOW).providers[0].models[0]


def test_parts_without_a_price_count_as_their_like(tmp_path: Path) -> None:
    found = read(entry(tmp_path, AUDIO), WHEN, {})
    assert found is not None
    one = 10**9
    assert found.rates == Rates(one, one, 2 * one, 2 * one, 3 * one, 4 * one, one, 2 * one)
    assert found.assumed == {"input_cached", "input_image", "output_audio", "searches"}


def test_more_special_prices_go_before_others(tmp_path: Path) -> None:
    prices = {"input_mtok": 1, "input_text_mtok": 2, "output_mtok": 3, "output_reasoning_mtok": 4}
    found = read(entry(tmp_path, prices), WHEN, {})
    assert found is not None
    assert (found.rates.input_uncached, found.rates.output_reasoning) == (2 * 10**9, 4 * 10**9)


def test_a_way_of_being_served_has_its_prices_and_leaves_others_open(tmp_path: Path) -> None:
    batch = {"processing": "batch"}
    plain = {"input_mtok": 2, "cache_read_mtok": 1, "output_mtok": 4}
    one = entry(tmp_path, plain, price_variants=[variant(batch, input_mtok=1, output_mtok=2)])
    found = read(one, WHEN, batch)
    assert found is not None
    assert found.matched
    assert found.rates[:3] == (10**9, 10**9, 2 * 10**9)
    assert "input_cached" in found.assumed
    standard = read(one, WHEN, {})
    assert standard is not None
    assert "input_cached" not in standard.assumed


def test_an_empty_way_says_that_all_is_as_ever(tmp_path: Path) -> None:
    tier = {"service_tier": "fast"}
    one = entry(tmp_path, {"input_mtok": 2, "output_mtok": 4}, price_variants=[variant(tier)])
    assert read(one, WHEN, tier) == read(one, WHEN, {})


def test_two_ways_at_once_have_to_be_known_both(tmp_path: Path) -> None:
    both = {"service_tier": "flex", "processing": "batch"}
    one = entry(
        tmp_path,
        {"input_mtok": 2, "output_mtok": 4},
        price_variants=[variant({"processing": "batch"}, input_mtok=1)],
    )
    found = read(one, WHEN, both)
    assert found is not None
    assert not found.matched


def test_a_time_before_the_first_price_is_not_known(tmp_path: Path) -> None:
    dated = [{"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 1}}]
    found = read(entry(tmp_path, dated), WHEN, {})
    assert found is not None
    assert not found.matched


def test_steps_of_several_parts_are_steps_of_all(tmp_path: Path) -> None:
    prices = {"input_mtok": stepped(1, (100, 2)), "output_mtok": stepped(3, (200, 4), (300, 5))}
    found = read(entry(tmp_path, prices), WHEN, {})
    assert found is not None
    seen = [(step.above, step.rates.input_uncached, step.rates.output_text) for step in found.steps]
    one = 10**9
    assert seen == [(300, 2 * one, 5 * one), (200, 2 * one, 4 * one), (100, 2 * one, 3 * one)]
    assert (found.rates.input_uncached, found.rates.output_text) == (one, 3 * one)


def test_what_is_not_paid_for_by_tokens_has_no_price_here(tmp_path: Path) -> None:
    assert read(entry(tmp_path, {"audio_hours": 1}), WHEN, {}) is None


def test_every_rate_of_an_entry_is_seen(tmp_path: Path) -> None:
    one = entry(
        tmp_path,
        [{"prices": {"input_mtok": stepped(1, (5, 2)), "requests_kcount": 3}}],
        price_variants=[variant({"a": "b"}, output_mtok=4)],
    )
    assert sorted(rates_in(one)) == [
        ("input_mtok", 10**9),
        ("input_mtok", 2 * 10**9),
        ("output_mtok", 4 * 10**9),
        ("requests_kcount", 3 * 10**12),
    ]


def test_a_rate_that_is_not_whole_is_told_with_its_key(tmp_path: Path) -> None:
    one = entry(tmp_path, {"input_mtok": 0.00000000001})
    with pytest.raises(ValueError, match=r"input_mtok: .* no whole number of nano-USD"):
        list(rates_in(one))
