"""What is being spent now: this hour, today, this month."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from proxy.api.documents import Document, Usd, usd

from ..ratios import share
from ..row import UNVERIFIED, Sums
from ..tallying import added
from .showing import (
    ALWAYS,
    Metadata,
    Nano,
    Part,
    ProviderCosts,
    Savings,
    mean_usd,
    providers_of,
)

__all__ = [
    "REFRESH_SECONDS",
    "TOP_USERS",
    "Spent",
    "Stats",
    "StatsAlerts",
    "StatsData",
    "StatsMetadata",
    "stats_of",
]

REFRESH_SECONDS = 60
"""How often it is worth asking."""

TOP_USERS = 5
"""So many of the users are shown who have spent most today."""

Standing = Literal["normal", "info", "warning", "critical"]


class Spent(NamedTuple):
    """What there is to show: sums by provider, and the calendar."""

    hour: Sums
    today: Mapping[str, Sums]
    month: Mapping[str, Sums]
    users: Mapping[str, Sums] | None
    """Today's by user, where they are asked for."""
    hours_today: int
    """Hours of today that have begun."""
    days_of_month: int
    """Days of this month that have begun."""


class TopUser(Document):
    """One of those who have spent most today."""

    user_id: str
    cost: Usd
    cost_nano_usd: Nano
    requests: int


class RealTime(Document):
    """Today and this hour; `top_users` is null unless it was asked for."""

    today_total: Usd
    today_nano_usd: Nano
    this_hour_total: Usd
    this_hour_nano_usd: Nano
    provider_breakdown: dict[str, Usd]
    top_users: tuple[TopUser, ...] | None


class Monthly(Document):
    """The month until now; `days_in_month`: how many of its days have begun."""

    total_cost: Usd
    cost_nano_usd: Nano
    providers: dict[str, ProviderCosts]
    savings: Savings
    days_in_month: int


class StatsTrends(Document):
    """Means of what has begun of the month and of the day; ratios are null without spending."""

    daily_average: Usd | None
    hourly_average: Usd | None
    provider_ratio: dict[str, Part | None]


class StatsAlerts(Document):
    """The worst threshold that is passed, ``normal`` if none is, null if there are none."""

    today_threshold_status: Standing | None
    monthly_threshold_status: Standing | None


class StatsData(Document):
    """All of it."""

    real_time: RealTime
    monthly: Monthly
    trends: StatsTrends
    alerts: StatsAlerts


class StatsMetadata(Metadata):
    """`refresh_interval` in seconds."""

    include_users: bool
    refresh_interval: int = REFRESH_SECONDS


class Stats(Document):
    """The answer."""

    success: Literal[True] = True
    data: StatsData
    metadata: StatsMetadata


def stats_of(spent: Spent, savings: Savings, alerts: StatsAlerts) -> StatsData:
    """Put it together."""
    today, month = added(spent.today.values()), added(spent.month.values())
    shown = dict.fromkeys(ALWAYS, Sums()) | dict(spent.today)
    return StatsData(
        real_time=RealTime(
            today_total=usd(today.nano_usd),
            today_nano_usd=str(today.nano_usd),
            this_hour_total=usd(spent.hour.nano_usd),
            this_hour_nano_usd=str(spent.hour.nano_usd),
            provider_breakdown={name: usd(one.nano_usd) for name, one in sorted(shown.items())},
            top_users=None if spent.users is None else _top(spent.users),
        ),
        monthly=Monthly(
            total_cost=usd(month.nano_usd),
            cost_nano_usd=str(month.nano_usd),
            providers=providers_of(spent.month, ALWAYS),
            savings=savings,
            days_in_month=spent.days_of_month,
        ),
        trends=StatsTrends(
            daily_average=mean_usd(month.nano_usd, spent.days_of_month),
            hourly_average=mean_usd(today.nano_usd, spent.hours_today),
            provider_ratio={
                name: share(one.nano_usd, today.nano_usd) for name, one in sorted(shown.items())
            },
        ),
        alerts=alerts,
    )


def _top(users: Mapping[str, Sums]) -> tuple[TopUser, ...]:
    dearest = sorted(users.items(), key=lambda one: (-one[1].nano_usd, one[0]))[:TOP_USERS]
    return tuple(
        TopUser(
            user_id=name or UNVERIFIED,
            cost=usd(one.nano_usd),
            cost_nano_usd=str(one.nano_usd),
            requests=one.requests,
        )
        for name, one in dearest
    )
