"""The same model is to be asked where it costs less, in the same data zone."""

from typing import Any

from plugins.cost_meter.advising.rules.switching import switching
from plugins.cost_meter.prices.rating import Priced
from proxy.api import Change, Deployed, Rates
from tests.plugins.cost_meter.advising.advised import (
    CHEAP,
    CHOICES,
    DEAR,
    TARIFFS,
    attempts,
    missing,
    recommended,
    view,
)

HALF = Rates(*(rate // 2 for rate in DEAR))
CHEAPER = TARIFFS | {("openai-4o", False): Priced(HALF, "deployment")}
WEIGHT = ("plugins", "orchestrator", "deployments", "azure-4o", "weight")


def test_a_dearer_deployment_is_to_be_asked_last() -> None:
    one = recommended(switching(view(attempts(400), tariffs=CHEAPER)))
    assert one.changes == (Change(WEIGHT, 0, None),)
    assert one.subject == "azure-4o"
    # 400 attempts of 3,000,000 nano-USD in ten days cost half as much: 0.6 USD; in a month 1.8.
    assert one.p10 <= one.p50 == 1_800_000_000 <= one.p90
    assert "openai-4o" in one.says
    assert one.confidence == 99
    assert one.scope == {"model": "gpt-4o"}


def test_a_weight_that_is_written_is_what_is_changed() -> None:
    first = Deployed("azure-4o", "azure", "gpt-4o", weight=3, weight_written=True)
    deployments = (first, *CHOICES.deployments[1:])
    found = switching(view(attempts(400), tariffs=CHEAPER, deployments=deployments))
    assert recommended(found).changes == (Change(WEIGHT, 0, 3),)


def test_equal_prices_are_no_reason() -> None:
    assert not list(switching(view(attempts(400))))


def test_one_that_is_cheaper_and_fails_is_not_proposed() -> None:
    other: dict[str, Any] = {"deployment": "openai-4o", "provider": "openai"}
    rows = attempts(400) + attempts(200, outcome="failed", **other) + attempts(200, **other)
    found = missing(switching(view(rows, tariffs=CHEAPER)))
    assert found == "answers of openai-4o: it is cheaper, but fails far more often"


def test_another_data_zone_is_never_proposed() -> None:
    other = Deployed("openai-4o", "openai", "gpt-4o", "eu")
    deployments = (CHOICES.deployments[0], other)
    assert not list(switching(view(attempts(400), tariffs=CHEAPER, deployments=deployments)))


def test_a_price_that_nobody_knows_is_never_proposed() -> None:
    tariffs = {("azure-4o", False): Priced(DEAR, "deployment")}
    assert not list(switching(view(attempts(400), tariffs=tariffs)))


def test_what_is_asked_last_already_is_left_alone() -> None:
    last = CHOICES.deployments[0]._replace(weight=0)
    deployments = (last, *CHOICES.deployments[1:])
    assert not list(switching(view(attempts(400), tariffs=CHEAPER, deployments=deployments)))


def test_few_attempts_are_no_evidence() -> None:
    assert missing(switching(view(attempts(100), tariffs=CHEAPER))).startswith("100 attempts")


def test_a_short_time_is_no_evidence() -> None:
    said = missing(switching(view(attempts(400, days=1), days=1, tariffs=CHEAPER)))
    assert said == "1.0 days of evidence; 3 are wanted"


def test_a_price_that_is_not_exact_makes_it_less_sure() -> None:
    tariffs = CHEAPER | {("openai-4o", False): Priced(CHEAP, "genai-prices", "assumed")}
    assert recommended(switching(view(attempts(400), tariffs=tariffs))).confidence == 79
