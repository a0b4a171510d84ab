"""The price book: which price counts, how sure it is, and that money is exact."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.cost_meter.prices.book import PriceBook
from plugins.cost_meter.prices.rating import Priced
from proxy.api.spending import PriceKey, Rates, Usage, cost_of
from tests.kit.provider.bill import cost_of as charged
from tests.kit.provider.steps import Tokens
from tests.plugins.cost_meter.prices.priced import DATA, NOW, book, installed_list, model, provider
from tests.plugins.cost_meter.prices.priced import settings as said_settings

COUNTS = st.integers(0, 5_000_000)
USAGES = st.builds(Usage, *([COUNTS] * 10))
RATES = st.builds(Rates, *([st.integers(0, 10**12)] * 10))

DECLARED = Rates(input_uncached=1_000_000_000, output_text=2_000_000_000)


def exactly(usage: Usage, rates: Rates) -> Fraction:
    """A second opinion, in fractions."""
    return sum(
        (Fraction(used * rate, 10**6) for used, rate in zip(usage, rates, strict=True)),
        start=Fraction(),
    )


@given(USAGES, RATES)
def test_a_cost_is_what_fractions_say_rounded_half_to_even(usage: Usage, rates: Rates) -> None:
    assert cost_of(usage, rates) == round(exactly(usage, rates))


@given(USAGES, RATES)
def test_the_costs_of_the_parts_come_to_the_cost_up_to_rounding(usage: Usage, rates: Rates) -> None:
    parts = [Usage(**{name: getattr(usage, name)}) for name in Usage._fields]
    apart = sum(cost_of(part, rates) for part in parts)
    assert abs(apart - cost_of(usage, rates)) <= len(parts) // 2 + 1


@given(USAGES, RATES, st.sampled_from(Usage._fields), st.integers(1, 10**6))
def test_more_of_any_part_never_costs_less(
    usage: Usage, rates: Rates, part: str, more: int
) -> None:
    larger = usage._replace(**{part: getattr(usage, part) + more})
    assert cost_of(larger, rates) >= cost_of(usage, rates)


@given(st.sampled_from(["gpt-4o", "gpt-5.4", "o3", "gpt-audio"]), USAGES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_quote_is_the_cost_by_the_rates_that_are_shown(
    tmp_path: Path, name: str, usage: Usage
) -> None:
    prices = a_book(tmp_path)
    key = PriceKey("openai", name)
    quote = prices.quote(key, usage)
    assert quote is not None
    assert quote.nano_usd == round(exactly(usage, prices.look_up(key).for_prompt(usage.prompt)))


_BOOKS: dict[Path, PriceBook] = {}


def a_book(folder: Path) -> PriceBook:
    if folder not in _BOOKS:
        _BOOKS[folder] = book(folder)
    return _BOOKS[folder]


PRICE_LIST = {
    "input": "2.5",
    "cached": "0.625",
    "cache_write": "3.125",
    "audio_input": "40",
    "image_input": "5.000000001",
    "output": "10",
    "reasoning": "11",
    "audio_output": "80",
    "request": "0.0000004",
}
"""Of the stand-in for providers, which reckons what it charges by itself, in fractions."""

FEW = st.integers(0, 300_000)


@given(*([FEW] * 8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_quote_is_what_a_provider_charges_by_the_same_prices(
    tmp_path: Path,
    uncached: int,
    cached: int,
    text: int,
    reasoning: int,
    written: int,
    heard: int,
    seen: int,
    spoken: int,
) -> None:
    usage = Usage(uncached, cached, text, reasoning, written, heard, seen, spoken, requests=1)
    used = Tokens(
        prompt=usage.prompt,
        completion=usage.completion,
        cached=cached,
        cache_write=written,
        audio_input=heard,
        image_input=seen,
        reasoning=reasoning,
        audio_output=spoken,
    )
    quote = agreed_book(tmp_path).quote(PriceKey("openai", "agreed"), usage)
    assert quote is not None
    assert (quote.nano_usd, quote.confidence) == (charged(used, PRICE_LIST), "exact")


def agreed_book(folder: Path) -> PriceBook:
    place = folder / "agreed"
    if place not in _BOOKS:
        said = {"cached_input" if key == "cached" else key: p for key, p in PRICE_LIST.items()}
        _BOOKS[place] = book(folder, overlay=[{"model": "agreed", **said}])
    return _BOOKS[place]


TRUST = {
    "a model of the provider's own list": (PriceKey("openai", "gpt-4o"), "genai-prices", "exact"),
    "a model with its date": (
        PriceKey("openai", "gpt-4o-2024-08-06"),
        "genai-prices",
        "exact",
    ),
    "a model with a date that the list does not have": (
        PriceKey("openai", "gpt-4o-2031-01-02"),
        "genai-prices",
        "assumed",
    ),
    "a tier that is only called otherwise": (
        PriceKey("openai", "gpt-4o", tier="default"),
        "genai-prices",
        "exact",
    ),
    "a tier of which the list has nothing": (
        PriceKey("openai", "gpt-4o", tier="flex"),
        "genai-prices",
        "assumed",
    ),
    "a tier that somebody has bought": (
        PriceKey("openai", "gpt-4o", tier="scale"),
        "genai-prices",
        "assumed",
    ),
    "a tier whose price began later": (
        PriceKey("openai", "gpt-4o", tier="priority", at=NOW - 60 * 86400),
        "genai-prices",
        "assumed",
    ),
    "a batch of a model that has no price for it": (
        PriceKey("openai", "gpt-4o-mini", batch=True),
        "genai-prices",
        "assumed",
    ),
    "another provider's list": (PriceKey("azure", "gpt-4o"), "genai-prices", "fallback"),
    "another provider's list for a batch": (
        PriceKey("azure", "o3", batch=True),
        "genai-prices",
        "fallback",
    ),
    "a zone that no list tells apart": (
        PriceKey("azure", "gpt-4o", zone="eu"),
        "genai-prices",
        "assumed",
    ),
    "a declared price": (
        PriceKey("azure", "mine", declared=DECLARED),
        "deployment",
        "exact",
    ),
    "a declared price for a tier": (
        PriceKey("openai", "mine", tier="flex", declared=DECLARED),
        "deployment",
        "assumed",
    ),
    "a name that begins like others": (PriceKey("openai", "gpt-4o-x"), "family", "unknown"),
    "a deployment's name, which is no model": (
        PriceKey("azure", "prod-chat"),
        "family",
        "unknown",
    ),
    "a model that is not priced by tokens": (
        PriceKey("openai", "whisper-1"),
        "family",
        "unknown",
    ),
    "a provider that nobody knows": (PriceKey("nobody", "gpt-4o"), "zero", "unknown"),
}


@pytest.mark.parametrize("name", TRUST)
def test_a_quote_says_where_it_comes_from_and_how_sure_it_is(name: str, tmp_path: Path) -> None:
    key, source, confidence = TRUST[name]
    quote = book(tmp_path).quote(key, Usage(1000, 0, 100))
    assert quote is not None
    assert (quote.source, quote.confidence) == (source, confidence)


PARTS = {
    "cached where the list has a price": (PriceKey("openai", "gpt-4o"), Usage(0, 10), "exact"),
    "cached where it has none": (PriceKey("openai", "gpt-audio"), Usage(0, 10), "assumed"),
    "cached of a batch": (PriceKey("openai", "gpt-4o", batch=True), Usage(0, 10), "assumed"),
    "not cached of a batch": (PriceKey("openai", "gpt-4o", batch=True), Usage(10), "exact"),
    "audio where it has none": (
        PriceKey("openai", "gpt-4o"),
        Usage(input_audio=10),
        "assumed",
    ),
    "reasoning, which is output": (PriceKey("openai", "o3"), Usage(0, 0, 0, 10), "exact"),
    "searches of a batch": (
        PriceKey("openai", "gpt-4o", batch=True),
        Usage(searches=1),
        "exact",
    ),
    "searches without a price": (PriceKey("openai", "o3"), Usage(searches=1), "assumed"),
    "a call, which has no price of its own": (
        PriceKey("openai", "o3"),
        Usage(10, requests=1),
        "exact",
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_without_a_price_is_assumed_only_where_it_is_used(name: str, tmp_path: Path) -> None:
    key, usage, confidence = PARTS[name]
    quote = book(tmp_path).quote(key, usage)
    assert quote is not None
    assert quote.confidence == confidence


def test_the_overlay_goes_before_what_the_deployment_declares(tmp_path: Path) -> None:
    agreed = {"deployment": "d1", "input": "7", "output": "8"}
    prices = book(tmp_path, overlay=[agreed])
    key = PriceKey("openai", "gpt-4o", "d1", declared=DECLARED)
    quote = prices.quote(key, Usage(1))
    elsewhere = prices.quote(key._replace(deployment="d2"), Usage(1))
    assert quote is not None
    assert elsewhere is not None
    assert (quote.source, quote.nano_usd) == ("overlay", 7000)
    assert (elsewhere.source, elsewhere.nano_usd) == ("deployment", 1000)


def test_a_share_of_a_price_that_there_is_not_is_no_price(tmp_path: Path) -> None:
    prices = book(tmp_path, overlay=[{"provider": "azure", "multiply": "0.5"}])
    declared = prices.quote(PriceKey("azure", "mine", declared=DECLARED), Usage(1))
    unknown = prices.quote(PriceKey("azure", "mine"), Usage(1))
    assert declared is not None
    assert unknown is not None
    assert (declared.source, unknown.source) == ("deployment", "family")


@pytest.mark.parametrize(
    ("unknown", "source"), [("reject", None), ("estimate", "family"), ("zero", "zero")]
)
def test_an_unknown_model_is_what_the_operator_says(
    unknown: str, source: str | None, tmp_path: Path
) -> None:
    quote = book(tmp_path, unknown=unknown).quote(PriceKey("openai", "mystery"), Usage(1))
    assert (quote and quote.source) == source


def test_a_price_counts_from_its_day_on(tmp_path: Path) -> None:
    prices = book(tmp_path)
    key = PriceKey("openai", "o3")
    before, after = 1749513599.0, 1749513600.0  # 2025-06-10, 00:00 UTC
    assert prices.priced(key._replace(at=before)).rates.input_uncached == 10_000_000_000
    assert prices.priced(key._replace(at=after)).rates.input_uncached == 2_000_000_000


def test_a_price_without_a_time_is_that_of_now(tmp_path: Path) -> None:
    prices = book(tmp_path)
    key = PriceKey("openai", "gpt-4o", tier="priority")
    assert prices.priced(key) == prices.priced(key._replace(at=NOW))


def test_a_price_is_heard_of_once_a_minute(tmp_path: Path) -> None:
    heard: list[tuple[PriceKey, Priced]] = []
    prices = book(tmp_path, lambda key, priced: heard.append((key, priced)))
    key = PriceKey("openai", "gpt-4o")
    for at in (NOW, NOW + 59, NOW + 60):
        prices.quote(key._replace(at=at), Usage(1))
    prices.look_up(key)
    assert [key.at for key, _ in heard] == [NOW, NOW + 60]


def test_what_was_asked_is_remembered_without_its_time_and_not_for_ever(tmp_path: Path) -> None:
    prices = book(tmp_path, unknown="zero")
    for number in range(300):
        prices.quote(PriceKey("openai", f"m{number}", at=NOW), Usage(1))
    asked = prices.asked()
    assert len(asked) == 256
    assert asked[-1] == PriceKey("openai", "m299")


def test_a_book_is_named_by_all_that_makes_its_prices(tmp_path: Path) -> None:
    plain, same = book(tmp_path), book(tmp_path)
    overlaid = book(tmp_path, overlay=[{"provider": "azure", "multiply": "0.5"}])
    other = book(tmp_path, data=DATA[::-1])
    assert plain.name == same.name
    assert len({plain.name, overlaid.name, other.name}) == 3
    assert len(plain.name) == 12


def test_a_factor_that_makes_prices_inexact_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"prices\.overlay\[1\]\.multiply: .* of tiny: .*decimals"):
        book(
            tmp_path,
            data=[provider("openai", [model("tiny", {"input_mtok": 0.0000001})])],
            overlay=[
                {"provider": "azure", "multiply": "0.5"},
                {"provider": "openai", "multiply": "0.0001"},
            ],
        )


def test_the_list_that_is_installed_can_be_shared_out_by_any_factor() -> None:
    said = said_settings(overlay=[{"provider": "openai", "multiply": "0.8725"}])
    prices = PriceBook(said, installed_list(), lambda: NOW)
    quote = prices.quote(PriceKey("openai", "gpt-4o-mini"), Usage(10_000))
    assert quote is not None
    assert quote.nano_usd == 1_308_750  # 10,000 x 0.15 x 0.8725 micro-USD


def test_prices_that_are_not_kept_any_more_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.cost_meter.prices.book._MOST_READ", 2)
    prices = book(tmp_path)
    keys = [PriceKey("openai", name) for name in ("gpt-4o", "o3", "gpt-5", "gpt-4o")]
    quotes = [prices.quote(key, Usage(1000)) for key in keys]
    assert quotes[0] == quotes[3]
