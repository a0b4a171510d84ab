"""What other parts of the meter tell operators, as plain data."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from proxy.api import Services
from proxy.api.documents import usd_text
from proxy.api.endpoints import iso

from ..budgets.budgets import Budgets, BudgetView
from ..covering import PERIODS
from ..forecasting.forecast import Forecast
from ..forecasting.forecasts import Forecasts
from ..prices.book import PriceBook
from ..prices.declaring import PricesSettings
from ..prices.showing import keys_of, shown
from ..prices.watching import Age

__all__ = ["BudgetsOffered", "ForecastsOffered", "PricesOffered", "budget_of", "forecast_of"]


class PricesOffered:
    """The price book."""

    def __init__(
        self, book: PriceBook, age: Age, settings: PricesSettings, services: Services
    ) -> None:
        self._book = book
        self._age = age
        self._settings = settings
        self._services = services

    async def __call__(self) -> Mapping[str, Any]:
        """See `Offered.prices`."""
        keys = keys_of(self._book, self._settings)
        return shown(self._book, self._age, keys, self._services.now())


class BudgetsOffered:
    """The budgets."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    async def __call__(self, user: str | None) -> Sequence[Mapping[str, Any]]:
        """See `Offered.budgets`."""
        return [budget_of(one) for one in await self._budgets.standing(user)]


class ForecastsOffered:
    """The forecasts."""

    def __init__(self, forecasts: Forecasts) -> None:
        self._forecasts = forecasts

    async def __call__(self, user: str | None, period: str) -> Mapping[str, Any] | None:
        """See `Offered.forecast`; `period` is ``daily``, ``weekly`` or ``monthly``."""
        found = await self._forecasts.of({} if user is None else {"user": user}, PERIODS[period])
        return None if found is None else forecast_of(found)


def forecast_of(found: Forecast) -> dict[str, Any]:
    """Return a forecast; amounts are exact US dollars as text, errors are shares."""
    return {
        "begins": iso(found.begins),
        "ends": iso(found.ends),
        "spentUsd": usd_text(found.spent),
        "p10Usd": usd_text(found.p10),
        "p50Usd": usd_text(found.p50),
        "p90Usd": usd_text(found.p90),
        "hoursKnown": found.hours,
        "model": found.model,
        "error": _text(found.error),
        "naiveError": _text(found.naive_error),
        "coverage": _text(found.coverage),
        "days": [
            {
                "begins": iso(day.begins),
                "p10Usd": usd_text(day.p10),
                "p50Usd": usd_text(day.p50),
                "p90Usd": usd_text(day.p90),
            }
            for day in found.days
        ],
    }


def budget_of(view: BudgetView) -> dict[str, Any]:
    """Return how a budget stands; amounts are exact US dollars, as text."""
    return {
        "name": view.name,
        "of": view.of,
        "scope": view.scope,
        "limitUsd": usd_text(view.limit),
        "spentUsd": usd_text(view.spent),
        "reservedUsd": usd_text(view.reserved),
        "leases": view.leases,
        "percent": view.percent,
        "since": iso(view.since),
        "until": iso(view.until),
        "rolling": view.rolling,
        "reached": list(view.reached),
        "mode": view.mode,
    }


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"
