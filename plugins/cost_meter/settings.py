"""What an operator can say: where costs are kept, what things cost, who may spend how much."""

import re
from collections.abc import Iterator
from math import ceil
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, model_validator

from proxy.api import Duration, Period, RouteName, Settings, setting, store_url
from proxy.api.settings import Misfit, base_url, refuse_misfits

from .advising.declaring import AdviceSettings
from .budgets.declaring import BudgetSettings
from .dollars import amount, as_written, nano_of
from .forecasting.declaring import BrakeSettings, ForecastSettings
from .prices.declaring import PricesSettings

__all__ = ["CostMeterSettings", "KeepSettings"]

_HOUR, _DAY = 3600.0, 86_400.0
_LONGEST = {"hour": _HOUR, "day": 25 * _HOUR, "month": 31 * _DAY + _HOUR}
_MARGIN = 2 * _HOUR
_TABLE = re.compile(r"dynamodb://[A-Za-z0-9_.-]{3,255}(?:\?([^#]*))?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "1 to 48 letters, digits, dots, dashes or _, beginning with a letter or digit"
        )
    return str(text)


def _table_url(text: str) -> str:
    table = _TABLE.fullmatch(text)
    said = {} if table is None else parse_qs(table[1] or "", keep_blank_values=True)
    twice = any(len(values) > 1 for values in said.values())
    if table is None or twice or not said.keys() <= {"region", "endpoint"}:
        raise ValueError("dynamodb://table?region=…&endpoint=…")
    for endpoint in said.get("endpoint", ()):
        base_url(endpoint)
    return str(text)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("a time zone such as UTC or Europe/Berlin") from None
    return str(text)


Name = Annotated[str, AfterValidator(_name)]
Usd = Annotated[str, BeforeValidator(as_written), amount(999_999, above_zero=False)]


class KeepSettings(Settings):
    """How long what was spent is remembered; the daily and monthly totals are kept for good."""

    rows: Period = setting(default=400 * 86400.0, ge=86400, description="Single rows.")
    minutes: Period = setting(default=48 * 3600.0, ge=3600, description="Totals of minutes.")
    hours: Period = setting(default=90 * 86400.0, ge=86400, description="Totals of hours.")


class CostMeterSettings(Settings):
    """All that stands under `plugins.cost_meter`."""

    journal: Annotated[str, store_url("memory", "sqlite")] = setting(
        default="sqlite:var/costs.db",
        max_length=1024,
        description="The file in which this process writes what is spent, before it is spent: "
        "`sqlite:path`, or `memory://`, which forgets all at the end.",
    )
    on_journal_error: Literal["closed", "open"] = setting(
        default="closed",
        description="What is done with attempts while the journal cannot be written: `closed` "
        "sends none; `open` sends them, raises an alert, and what they cost may be lost.",
    )
    ledger: Annotated[str, AfterValidator(_table_url)] | None = setting(
        default=None,
        max_length=1024,
        description="The ledger of a fleet, `dynamodb://table?region=…&endpoint=…`, to which each "
        "process brings its journal. Default: the journal is the ledger.",
    )
    shared: Annotated[str, store_url("redis")] | None = setting(
        default=None,
        max_length=1024,
        description="`redis://host:6379/0`, in which a fleet reserves and counts what budgets "
        "allow, and agrees on who tells of an alert. Default: this process is alone.",
    )
    patience: Duration = setting(
        default=0.5,
        ge=0.01,
        le=5,
        description="How long an attempt waits for `shared` before it is decided without.",
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = setting(
        default="UTC", description="In which days and months of budgets and reports begin."
    )
    keep: KeepSettings = setting(default=KeepSettings(), description="For how long.")
    prices: PricesSettings = setting(default=PricesSettings(), description="What things cost.")
    budgets: dict[Name, BudgetSettings] = setting(
        default={}, max_length=100, description="Who may spend how much, by names of yours."
    )
    baseline: dict[RouteName, Usd] = setting(
        default={},
        max_length=100,
        description="By route: what a request costs on legacy, in US dollars such as `0.0125`, to "
        "tell what is saved.",
    )
    forecast: ForecastSettings = setting(
        default=ForecastSettings(), description="Forecasts and anomalies."
    )
    brake: BrakeSettings = setting(
        default=BrakeSettings(), description="When what new costs rolls it back."
    )
    advice: AdviceSettings = setting(default=AdviceSettings(), description="What could be cheaper.")

    @property
    def legacy_costs(self) -> dict[str, int]:
        """Return `baseline` in nano-USD a request, by route."""
        return {route: nano_of(cost) for route, cost in self.baseline.items()}

    @model_validator(mode="after")
    def _enough_is_kept(self) -> Self:
        refuse_misfits(_forgotten(self))
        return self


def _forgotten(said: CostMeterSettings) -> Iterator[Misfit]:
    """Yield budgets of which the beginning would be forgotten before they end."""
    for name, budget in said.budgets.items():
        by_rows = budget.of == "plan" or bool(budget.when.plans)
        kept, what = (said.keep.rows, "rows") if by_rows else (said.keep.hours, "hours")
        longest = _LONGEST[budget.per] if budget.per else (budget.rolling or 0.0) * 13 / 12
        if kept < longest + _MARGIN:
            least = f"keep.{what} of at least {ceil((longest + _MARGIN) / 3600)}h"
            yield ("budgets", name), f"a shorter time, or {least}: it is counted from those"
