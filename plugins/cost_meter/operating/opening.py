"""Puts together what operators ask."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from proxy.api import Services

from ..books import Ledger
from ..budgets.budgets import Budgets
from ..forecasting.forecasts import Forecasts
from ..ledger.journal import SqliteJournal
from ..prices.book import PriceBook
from ..prices.declaring import PricesSettings
from ..prices.watching import Age
from ..reconciling.reconciling import Reconciling
from ..tallying import Tallying
from .offering import BudgetsOffered, ForecastsOffered, PricesOffered
from .operating import Offered, Operating

__all__ = ["operating_for"]


def operating_for(
    ledger: Ledger,
    journal: SqliteJournal,
    tallying: Tallying,
    baseline: Mapping[str, int],
    budgets: Budgets,
    prices: tuple[PriceBook, Age, PricesSettings],
    forecasts: Forecasts,
    services: Services,
    compared: Callable[[], Awaitable[Sequence[Mapping[str, str]]]] | None = None,
) -> Operating:
    """Return it. `ledger` is what reports are of; `journal`, what can be verified here.

    `compared` see `Offered`.
    """
    offered = Offered(
        prices=PricesOffered(*prices, services),
        budgets=BudgetsOffered(budgets),
        verify=journal.differences,
        compared=compared,
        forecast=ForecastsOffered(forecasts),
        reconciling=Reconciling(ledger, services.now, journal.replica),
    )
    return Operating(tallying, ledger, baseline, offered, services)
