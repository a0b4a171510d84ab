"""What campaigns have cost, summed up: whole nano-dollars until they are written."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Literal, NamedTuple, Self

from proxy.api.workflows import WorkflowCosts

from .writing import Document, Usd, usd

__all__ = ["GROUPINGS", "Amount", "Costs", "Grouping", "Span", "costs_of", "sum_of"]

Grouping = Literal["day", "week", "month", "campaign"]


class Span(NamedTuple):
    """A time in Unix seconds, the end not included, and how it was asked for."""

    since: float
    until: float
    start: str
    end: str


class Amount(Document):
    """Campaigns together."""

    campaigns: int
    cost: Usd
    tokens: int


class AmountOfType(Amount):
    """Campaigns of one type."""

    type: str


class AmountOfGroup(Amount):
    """Campaigns of one day (``2026-11-23``), week (``2026-W48``), month (``2026-11``) or type."""

    group: str


class DateRange(Document):
    """As it was asked for."""

    start: str
    end: str


class CostsSummary(Document):
    """All of it."""

    total_campaigns: int
    total_cost: Usd
    avg_cost_per_campaign: Usd
    date_range: DateRange


class Insights(Document):
    """What stands out; null where nothing was spent."""

    most_expensive_type: str | None
    most_expensive_day: str | None


class CostsData(Document):
    """The costs of campaigns that began within the range."""

    summary: CostsSummary
    by_campaign_type: tuple[AmountOfType, ...]
    provider_breakdown: dict[str, Amount]
    groups: tuple[AmountOfGroup, ...]
    insights: Insights


class Costs(Document):
    """What campaigns have cost."""

    success: Literal[True] = True
    data: CostsData


class _Sum(NamedTuple):
    """Amounts, and how they add up."""

    campaigns: int = 0
    nano_usd: int = 0
    tokens: int = 0

    def plus(self, row: WorkflowCosts) -> Self:
        return self._replace(
            campaigns=self.campaigns + row.workflows,
            nano_usd=self.nano_usd + row.nano_usd,
            tokens=self.tokens + row.tokens,
        )


def _week(row: WorkflowCosts) -> str:
    year, week, _ = date.fromisoformat(row.day).isocalendar()
    return f"{year}-W{week:02d}"


GROUPINGS: Mapping[Grouping, Callable[[WorkflowCosts], str]] = {
    "day": lambda row: row.day,
    "week": _week,
    "month": lambda row: row.day[:7],
    "campaign": lambda row: row.type,
}
"""How the groups of each grouping are called."""


def costs_of(rows: Iterable[WorkflowCosts], span: Span, grouping: Grouping) -> Costs:
    """Sum up; groups stand in order of their names."""
    rows = tuple(rows)
    types, days = _sums(rows, GROUPINGS["campaign"]), _sums(rows, GROUPINGS["day"])
    providers = _sums(rows, lambda row: row.provider)
    groups = _sums(rows, GROUPINGS[grouping])
    data = CostsData(
        summary=_summary(rows, span),
        by_campaign_type=tuple(
            AmountOfType(type=name, **_amounts(one)) for name, one in types.items()
        ),
        provider_breakdown={name: Amount(**_amounts(one)) for name, one in providers.items()},
        groups=tuple(AmountOfGroup(group=name, **_amounts(one)) for name, one in groups.items()),
        insights=Insights(most_expensive_type=_dearest(types), most_expensive_day=_dearest(days)),
    )
    return Costs(data=data)


def sum_of(rows: Iterable[WorkflowCosts]) -> Amount:
    """Return all of it together."""
    return Amount(**_amounts(_total(rows)))


def _summary(rows: tuple[WorkflowCosts, ...], span: Span) -> CostsSummary:
    total = _total(rows)
    # Half of a nano-dollar is rounded up: there is nothing below it to write.
    mean = (2 * total.nano_usd + total.campaigns) // (2 * total.campaigns or 1)
    return CostsSummary(
        total_campaigns=total.campaigns,
        total_cost=usd(total.nano_usd),
        avg_cost_per_campaign=usd(mean),
        date_range=DateRange(start=span.start, end=span.end),
    )


def _total(rows: Iterable[WorkflowCosts]) -> _Sum:
    total = _Sum()
    for row in rows:
        total = total.plus(row)
    return total


def _sums(rows: tuple[WorkflowCosts, ...], name: Callable[[WorkflowCosts], str]) -> dict[str, _Sum]:
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for row in rows:
        sums[name(row)] = sums[name(row)].plus(row)
    return dict(sorted(sums.items()))


def _amounts(one: _Sum) -> dict[str, object]:
    return {"campaigns": one.campaigns, "cost": usd(one.nano_usd), "tokens": one.tokens}


def _dearest(sums: Mapping[str, _Sum]) -> str | None:
    spent = {name: one.nano_usd for name, one in sums.items() if one.nano_usd}
    return max(spent, key=lambda name: spent[name]) if spent else None
