"""What is being spent now."""

from decimal import Decimal

from plugins.cost_meter.row import Sums, sums_of
from plugins.cost_meter.serving.showing import Savings
from plugins.cost_meter.serving.stats import Spent, StatsAlerts, StatsData, stats_of
from tests.plugins.cost_meter.rowed import row

ONE = sums_of(row(nano_usd=600))
SAVINGS = Savings(potential_savings=None, optimization_recommendations=(), against_legacy=None)
ALERTS = StatsAlerts(today_threshold_status=None, monthly_threshold_status="normal")


def stats(today: dict[str, Sums], users: dict[str, Sums] | None = None) -> StatsData:
    return stats_of(Spent(ONE, today, today, users, 3, 2), SAVINGS, ALERTS)


def test_means_are_of_what_has_begun() -> None:
    found = stats({"openai": ONE})
    assert found.trends.daily_average == Decimal(300).scaleb(-9)
    assert found.trends.hourly_average == Decimal(200).scaleb(-9)
    assert found.real_time.this_hour_nano_usd == "600"


def test_ratios_are_null_where_nothing_was_spent() -> None:
    assert stats({}).trends.provider_ratio == {"azure": None, "openai": None}
    assert stats({"openai": ONE}).trends.provider_ratio == {"azure": 0, "openai": 1}


def test_the_five_dearest_users_are_shown_and_none_unless_asked() -> None:
    users = {f"u{n}": sums_of(row(nano_usd=n)) for n in range(9)} | {"": sums_of(row(nano_usd=99))}
    top = stats({}, users).real_time.top_users
    assert top is not None
    assert [one.user_id for one in top] == ["(unverified)", "u8", "u7", "u6", "u5"]
    assert stats({}).real_time.top_users is None


def test_other_providers_are_shown_too() -> None:
    assert stats({"local": ONE}).real_time.provider_breakdown.keys() == {
        "azure",
        "local",
        "openai",
    }
