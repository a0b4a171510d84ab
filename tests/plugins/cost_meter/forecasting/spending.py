"""Series, totals and books for the tests of forecasts."""

from collections.abc import Mapping, Sequence

from plugins.cost_meter.books import Asked
from plugins.cost_meter.row import Dimension, Sums, Total
from scripts.simulation.forecasts import SHAPES

MONDAY = 1_749_427_200.0
"""2025-06-09 00:00 UTC."""
HOUR = 3600.0
USD = 10**9


def totals(hours: Sequence[float], begins: float = MONDAY, **by: str) -> list[Total]:
    """Totals of these hours, in nano-USD."""
    return [
        Total(begins + HOUR * index, dict(by), Sums(nano_usd=round(nano)))  # type: ignore[arg-type]
        for index, nano in enumerate(hours)
    ]


def weekly(days: int, seed: int = 1) -> list[float]:
    """Spending with a weekly season."""
    return SHAPES[0].hours(seed, days)


def asked(since: float, until: float, where: Mapping[Dimension, str] | None = None) -> Asked:
    """What is asked of a ledger."""
    return Asked(since, until, where or {})
