"""Forecasts as the costs API shows them."""

from decimal import Decimal

from proxy.api.spending import NanoUSD

from ..covering import PERIODS
from ..forecasting.forecast import Forecast
from ..forecasting.forecasts import Forecasts
from .forecast import Foreseen, ForeseenDay, Passing
from .looking import where_user
from .questions import ForecastPeriod

__all__ = ["ForeseenBy"]


class ForeseenBy:
    """See `Foreseeing`."""

    def __init__(self, forecasts: Forecasts) -> None:
        self._forecasts = forecasts

    async def foresee(self, user: str | None, period: ForecastPeriod) -> Foreseen | None:
        """See `Foreseeing.foresee`."""
        found = await self._forecasts.of(where_user(user), PERIODS[period])
        return None if found is None else _shown(found)


def _shown(found: Forecast) -> Foreseen:
    def passing(limit: int) -> Passing:
        breach = found.breach(NanoUSD(limit))
        probability = Decimal(breach.probability).quantize(Decimal("0.0001"))
        return Passing(probability, breach.p50)

    return Foreseen(
        ends=found.ends,
        p10=found.p10,
        p50=found.p50,
        p90=found.p90,
        days=tuple(ForeseenDay(*day) for day in found.days),
        model=found.model,
        error=found.error,
        naive_error=found.naive_error,
        coverage=found.coverage,
        passing=passing,
    )
