"""Evidence and a way of choosing, as rules are given them in tests."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from plugins.cost_meter.advising.declaring import AdviceSettings
from plugins.cost_meter.advising.evidence import Evidence, Piece
from plugins.cost_meter.advising.recommendation import NoAdvice, Recommendation
from plugins.cost_meter.advising.rules.terms import View
from plugins.cost_meter.prices.rating import Priced
from plugins.cost_meter.row import Row, Sums, plus, sums_of
from proxy.api import Choices, Deployed, Rates, Usage, cost_of
from tests.plugins.cost_meter.rowed import NOON, row

DAY = 86_400.0

DEAR = Rates(input_uncached=2_500 * 10**6, input_cached=1_250 * 10**6, output_text=10_000 * 10**6)
CHEAP = Rates(input_uncached=150 * 10**6, input_cached=75 * 10**6, output_text=600 * 10**6)

CHOICES = Choices(
    plugin="orchestrator",
    deployments=(
        Deployed("azure-4o", "azure", "gpt-4o"),
        Deployed("openai-4o", "openai", "gpt-4o"),
        Deployed("mini", "openai", "gpt-4o-mini"),
    ),
    rules=({"types": ["message_generation"], "models": ["gpt-4o", "gpt-4o-mini"]}, {}),
    rules_written=False,
    max_tokens=1024,
    max_tokens_written=True,
    cache="last_resort",
    cache_written=None,
    cache_ttl=3600.0,
    cache_shared=False,
    hedges=False,
    hedge_share=0.05,
)

TARIFFS = {
    ("azure-4o", False): Priced(DEAR, "deployment"),
    ("openai-4o", False): Priced(DEAR, "deployment"),
    ("mini", False): Priced(CHEAP, "deployment"),
}


def attempts(count: int, *, days: int = 10, **said: Any) -> list[Row]:
    """So many attempts, spread over so many days, priced as what is asked costs."""
    said = {"deployment": "azure-4o", "provider": "azure", "model": "gpt-4o"} | said
    usage = said.get("usage", Usage(600, 0, 150))
    rates = CHEAP if said["model"] == "gpt-4o-mini" else DEAR
    said = {"usage": usage, "nano_usd": cost_of(usage, rates)} | said
    step = days * DAY / count
    return [
        row(
            f"{said['deployment']}-{said.get('outcome', '')}-{number}",
            workflow_id=f"w{said['deployment']}{number}",
            at=NOON + number * step,
            settled=NOON + number * step + 1,
            **{name: value for name, value in said.items() if name not in ("at", "settled")},
        )
        for number in range(count)
    ]


def evidence(rows: Sequence[Row], days: int = 10) -> Evidence:
    """Evidence of days, in which all rows are known."""
    pieces = []
    for day in range(days):
        begins = NOON + day * DAY
        mine = tuple(sorted((one for one in rows if begins <= one.at < begins + DAY), key=_at))
        if mine:
            pieces.append(Piece(begins, reduce(plus, map(sums_of, mine), Sums()), mine))
    return Evidence(NOON, NOON + days * DAY, tuple(pieces))


def view(rows: Sequence[Row], days: int = 10, **said: Any) -> View:
    """What rules look at: of the configuration, what is said is other than usual."""
    wanted = AdviceSettings(**said.pop("wanted", {}))
    tariffs = said.pop("tariffs", TARIFFS)
    return View(evidence(rows, days), CHOICES._replace(**said), tariffs, wanted)


def recommended(found: object) -> Recommendation:
    """The one recommendation among findings."""
    [one] = [one for one in found if isinstance(one, Recommendation)]  # type: ignore[attr-defined]
    return one


def missing(found: object) -> str:
    """What is missing, where that is all that is found."""
    [one] = list(found)  # type: ignore[call-overload]
    assert isinstance(one, NoAdvice)
    return one.missing


def _at(one: Row) -> float:
    return one.at
