"""Costs are exact: what a deployment declares, or what whoever knows prices says."""

import pytest

from plugins.orchestrator.deciding.costs import nano_usd, tokens_in
from plugins.orchestrator.deciding.deployment import deployments_of
from proxy.api.spending import NanoUSD, PriceKey, Quote, Rates, Usage, cost_of
from tests.plugins.orchestrator.deployed import LARGE_PRICE, settings

USED = Usage(900, 100, 40, 60, requests=1)
RATES = Rates(2_500_000_000, 1_250_000_000, 10_000_000_000, 10_000_000_000)
KEY = PriceKey("openai", "gpt-4o", "large")


class Listed:
    """Knows one model, which costs a nano-USD for each token."""

    def __init__(self) -> None:
        self.asked: list[PriceKey] = []

    def quote(self, key: PriceKey, usage: Usage) -> Quote | None:
        self.asked.append(key)
        nano = NanoUSD(usage.total)
        return Quote(nano, "overlay", "exact") if key.model == "gpt-4o" else None


def test_without_anybody_who_knows_prices_the_declared_one_counts() -> None:
    assert nano_usd(USED, KEY._replace(declared=RATES)) == cost_of(USED, RATES)
    assert nano_usd(USED, KEY) is None


def test_who_knows_prices_is_asked_before_what_is_declared() -> None:
    prices, key = Listed(), KEY._replace(declared=RATES, tier="flex")
    assert nano_usd(USED, key, prices) == USED.total
    assert prices.asked == [key]
    assert nano_usd(USED, key._replace(model="else"), prices) is None


@pytest.mark.parametrize("prices", [None, Listed()])
def test_who_was_not_asked_is_paid_nothing_whatever_the_price(prices: Listed | None) -> None:
    assert nano_usd(Usage(), KEY, prices) == 0


def test_a_price_depends_on_all_that_the_configuration_says_of_a_deployment() -> None:
    (one,) = deployments_of(
        settings({"large": {"provider": "azure", "zone": "eu", "price": LARGE_PRICE}})
    )
    key = one.priced(5.0)
    assert key[:6] == ("azure", "gpt-4o-mini", "large", "eu", "", False)
    assert key.declared is not None
    assert key.declared[:4] == RATES[:4]
    assert key.at == 5.0


def test_a_text_is_taken_for_too_few_tokens_rather_than_too_many() -> None:
    assert tokens_in(["a" * 400, "b" * 4, "c" * 3]) == 101
    assert tokens_in([]) == 0
