"""What fails and is paid for, hedges that lose, prompts that are read anew: told with proof."""

from typing import Any

from plugins.cost_meter.advising.rules.losing import failing, hedging, prefixes
from plugins.cost_meter.prices.rating import Priced
from proxy.api import Change, Usage
from tests.plugins.cost_meter.advising.advised import (
    CHEAP,
    TARIFFS,
    attempts,
    missing,
    recommended,
    view,
)

OPENAI: dict[str, Any] = {"deployment": "openai-4o", "provider": "openai"}


def test_a_deployment_that_fails_and_is_paid_is_to_be_asked_last() -> None:
    lost = attempts(100, outcome="failed")
    rows = lost + attempts(300) + attempts(400, **OPENAI)
    one = recommended(failing(view(rows)))
    path = ("plugins", "orchestrator", "deployments", "azure-4o", "weight")
    assert one.changes == (Change(path, 0, None),)
    assert one.p50 == 100 * 3_000_000 * 3
    assert "100 of 400 attempts" in one.says


def test_one_that_fails_no_more_than_the_other_is_left_alone() -> None:
    rows = attempts(100, outcome="failed") + attempts(300)
    rows += attempts(80, outcome="failed", **OPENAI) + attempts(300, **OPENAI)
    assert not list(failing(view(rows)))


def test_failures_that_cost_nothing_are_not_about_money() -> None:
    rows = attempts(100, outcome="failed", nano_usd=0) + attempts(300) + attempts(400, **OPENAI)
    assert not list(failing(view(rows)))


def test_what_fails_is_left_alone_where_the_other_is_so_dear_that_nothing_is_saved() -> None:
    cheap = TARIFFS | {("azure-4o", False): Priced(CHEAP, "deployment")}
    rows = attempts(100, outcome="failed", nano_usd=180_000) + attempts(300, nano_usd=180_000)
    rows += attempts(400, **OPENAI)
    assert "a saving that is sure" in missing(failing(view(rows, tariffs=cheap)))


def test_what_is_saved_counts_the_prices_of_all_that_goes_elsewhere() -> None:
    dear = TARIFFS | {("openai-4o", False): Priced(CHEAP, "deployment")}
    rows = attempts(100, outcome="failed") + attempts(300) + attempts(400, **OPENAI)
    rows += attempts(200, intent="content_planning", outcome="unknown", nano_usd=0)
    one = recommended(failing(view(rows, tariffs=dear)))
    assert one.p50 == (100 * 3_000_000 + 300 * (3_000_000 - 180_000)) * 3


def test_hedges_that_lose_are_to_be_done_without() -> None:
    rows = attempts(400, again="hedge", outcome="unknown")
    one = recommended(hedging(view(rows, hedges=True, hedges_written=True)))
    path = ("plugins", "orchestrator", "hedge", "enabled")
    assert one.changes == (Change(path, False, True),)
    assert one.p50 == 400 * 3_000_000 * 3


def test_hedges_that_win_are_kept() -> None:
    found = hedging(view(attempts(400, again="hedge"), hedges=True))
    assert missing(found) == "hedges that lose: 400 of 400 have brought the answer"
    assert not list(hedging(view(attempts(400, again="hedge"))))


def test_prompts_that_are_cached_elsewhere_are_to_stay_together() -> None:
    rows = attempts(400, usage=Usage(1000, 1000, 10))
    rows += attempts(400, usage=Usage(2000, 0, 10), **OPENAI)
    one = recommended(prefixes(view(rows)))
    # 1,000 tokens of each prompt at half of 2.50 USD a million.
    assert one.p50 == 400 * 1_250_000 * 3
    assert not one.changes
    assert "azure-4o has 50 %" in one.says


def test_short_prompts_are_cached_nowhere() -> None:
    rows = attempts(400, usage=Usage(500, 500, 10))
    rows += attempts(400, usage=Usage(1000, 0, 10), **OPENAI)
    assert not list(prefixes(view(rows)))
