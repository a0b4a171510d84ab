"""What may wait for a day has batch prices: told, and done by hand."""

from plugins.cost_meter.advising.rules.deferring import deferring
from plugins.cost_meter.prices.rating import Priced
from proxy.api import Rates
from tests.plugins.cost_meter.advising.advised import (
    DEAR,
    TARIFFS,
    attempts,
    missing,
    recommended,
    view,
)

BATCH = TARIFFS | {("azure-4o", True): Priced(Rates(*(one // 2 for one in DEAR)), "genai-prices")}
WANTED = {"deferrable": ("message_generation",)}


def test_batch_prices_are_told_for_what_may_wait() -> None:
    one = recommended(deferring(view(attempts(400), tariffs=BATCH, wanted=WANTED)))
    assert one.p50 == 400 * 1_500_000 * 3
    assert not one.changes
    assert one.measure == "none"


def test_nobody_guesses_what_may_wait() -> None:
    assert "advice.deferrable" in missing(deferring(view(attempts(400), tariffs=BATCH)))


def test_without_a_batch_price_there_is_nothing_to_say() -> None:
    found = deferring(view(attempts(400), wanted=WANTED))
    assert missing(found) == "attempts at deployments that have batch prices"
    same = TARIFFS | {("azure-4o", True): Priced(DEAR, "genai-prices")}
    found = deferring(view(attempts(400), tariffs=same, wanted=WANTED))
    assert missing(found) == "attempts at deployments that have batch prices"
