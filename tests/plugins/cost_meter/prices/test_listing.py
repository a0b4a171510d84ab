"""What a list says, against the library's own reckoning, and where that one says too little."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.prices.listing import PriceList
from plugins.cost_meter.prices.rating import Priced
from plugins.cost_meter.prices.tiers import Served, served
from proxy.api.spending import Usage, cost_of
from tests.plugins.cost_meter.prices.priced import NOW, installed_list, model, provider, source

PLAIN = served("", batch=False)
WHEN = datetime.fromtimestamp(NOW, UTC)
CHATS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "gpt-5-mini", "gpt-5.4", "o3", "o4-mini")


def listed(prices: PriceList, name: str, how: Served = PLAIN, who: str = "openai") -> Priced:
    found = prices.price(who, name, how, NOW)
    assert found is not None
    return found


@given(
    st.sampled_from(CHATS),
    st.sampled_from([("", False), ("flex", False), ("priority", False), ("", True)]),
    st.integers(0, 400_000),
    st.integers(0, 400_000),
    st.integers(0, 100_000),
)
def test_costs_are_those_of_the_library_to_the_nano_dollar(
    name: str, way: tuple[str, bool], uncached: int, cached: int, output: int
) -> None:
    how = served(way[0], batch=way[1])
    theirs = calc_price(
        TheirUsage(input_tokens=uncached + cached, cache_read_tokens=cached, output_tokens=output),
        name,
        provider_id="openai",
        genai_request_timestamp=WHEN,
        price_context=dict(how.context),
    )
    priced = listed(installed_list(), name, how)
    usage = Usage(uncached, cached, output)
    ours = cost_of(usage, priced.for_prompt(usage.prompt))
    assert abs(Decimal(ours).scaleb(-9) - theirs.total_price) <= Decimal("0.0000000005")


def test_the_library_does_not_say_that_a_price_is_another_providers() -> None:
    theirs = calc_price(TheirUsage(input_tokens=1), "gpt-4o", provider_id="azure")
    assert theirs.provider.id == "azure"  # if this fails it has learned to: use that
    assert listed(installed_list(), "gpt-4o", who="azure").confidence == "fallback"


def test_the_library_prices_a_batch_of_azure_like_any_call() -> None:
    theirs = calc_price(
        TheirUsage(input_tokens=10**6),
        "o3",
        provider_id="azure",
        genai_request_timestamp=WHEN,
        price_context={"processing": "batch"},
    )
    ours = listed(installed_list(), "o3", served("", batch=True), "azure")
    assert theirs.total_price == 2  # if this fails it has learned to
    assert (ours.rates.input_uncached, ours.confidence) == (1_000_000_000, "fallback")


def test_a_model_that_costs_otherwise_at_its_maker_has_no_batch_price_from_there(
    tmp_path: Path,
) -> None:
    data = [
        provider(
            "openai",
            [
                model(
                    "m",
                    {"input_mtok": 2, "output_mtok": 4},
                    price_variants=[{"when": {"processing": "batch"}, "prices": {"input_mtok": 1}}],
                )
            ],
        ),
        provider("azure", [model("m", {"input_mtok": 3, "output_mtok": 4})], "openai"),
    ]
    found = listed(PriceList(source(tmp_path, data)), "m", served("", batch=True), "azure")
    assert (found.rates.input_uncached, found.confidence) == (3_000_000_000, "assumed")
    assert found.note == "no price for batch: the standard one"


def test_a_note_says_why_a_price_is_not_exact(tmp_path: Path) -> None:
    prices = PriceList(source(tmp_path))
    found = listed(prices, "gpt-4o-2031-01-02", served("flex", batch=False), "azure")
    assert found.note == (
        "the list has gpt-4o, not this date of it; azure does not list it: the price of the "
        "model's maker; no price for tier flex: the standard one"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gpt-4o-super", "(gpt-4o)"),
        ("gpt-9", "(gpt)"),
        ("o3-max", "(o3)"),
        ("mystery", "(all of openai)"),
        ("whisper-9", "(all of openai)"),
    ],
)
def test_a_family_is_what_begins_with_the_same_words(name: str, shown: str, tmp_path: Path) -> None:
    found = PriceList(source(tmp_path)).dearest("openai", name, PLAIN, NOW)
    assert found is not None
    assert found.note.endswith(shown)


@given(st.text("gpt-4o5.mi", min_size=1, max_size=12))
def test_the_dearest_costs_no_less_than_any_of_its_family(name: str) -> None:
    prices = installed_list()
    found = prices.dearest("openai", name, PLAIN, NOW)
    assert found is not None
    words = name.lower().split("-")
    for known in CHATS:
        if known.split("-")[0] == words[0] and found.note.endswith(f"({words[0]})"):
            rates = listed(prices, known).rates
            assert all(most >= rate for most, rate in zip(found.rates, rates, strict=True))


def test_a_family_is_kept_for_a_day_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.cost_meter.prices.listing._MOST_FAMILIES", 2)
    prices = PriceList(source(tmp_path))
    found = [prices.dearest("openai", name, PLAIN, NOW) for name in ("a", "b", "c", "a")]
    assert found[0] == found[3]


def test_prices_that_are_no_whole_nano_dollars_are_told(tmp_path: Path) -> None:
    data = [
        provider(
            "openai",
            [
                model("fine", {"input_mtok": 0.000000001, "output_mtok": 1}),
                model("worse", {"input_mtok": 1, "output_mtok": 0.0833333333333333}),
                model("hours", {"audio_hours": 0.3333333333333}),
            ],
        ),
        provider("others", [model("worst", {"input_mtok": 0.0833333333333333})]),
    ]
    with pytest.raises(ValueError, match="worse: output_mtok: ") as told:
        PriceList(source(tmp_path, data))
    assert "correct them in prices.file" in str(told.value)
    assert "worst" not in str(told.value)


def test_all_that_is_installed_is_exact() -> None:
    assert len(installed_list().entries()) > 100
    assert installed_list().entries("openai", "gpt-4o")[0].id == "gpt-4o"


def test_nothing_is_known_of_others_than_the_two_that_are_asked(tmp_path: Path) -> None:
    prices = PriceList(source(tmp_path))
    assert prices.price("nobody", "gpt-4o", PLAIN, NOW) is None
    assert prices.dearest("nobody", "gpt-4o", PLAIN, NOW) is None
