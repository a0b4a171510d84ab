"""Reports: sums of parts are the whole, nothing is divided by nothing, every digit is there."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.covering import Span
from plugins.cost_meter.operating.reporting import Report, figures_of, report_of
from plugins.cost_meter.row import Dimension, Sums, plus, sums_of
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON, row, rows

SPAN = Span(NOON - 86400, NOON)


def report(made: list[Any], *by: Dimension, **said: Any) -> dict[str, Any]:
    """The report of rows by dimensions."""
    grouped: dict[tuple[str, ...], Sums] = {}
    routes: dict[tuple[str, ...], Sums] = {}
    for one in made:
        parts = tuple(getattr(one, name) for name in by)
        grouped[parts] = plus(grouped.get(parts, Sums()), sums_of(one))
        route = (one.route, one.arm)
        routes[route] = plus(routes.get(route, Sums()), sums_of(one))
    plain = Report(SPAN, SPAN, by, None, grouped, routes, {}, "UTC", 100, 0)
    return report_of(plain._replace(**said))


@given(
    st.lists(rows(st.just(NOON)), max_size=10), st.sampled_from([(), ("arm",), ("user", "model")])
)
@examples(80)
def test_rows_and_arms_each_come_to_the_whole(made: list[Any], by: tuple[Dimension, ...]) -> None:
    found = report(made, *by)
    whole = sum(one.nano_usd for one in made)
    assert int(found["total"]["nanoUsd"]) == whole == Decimal(found["total"]["usd"]) * 10**9
    for parts in (found["rows"], found["arms"]):
        assert sum(int(one["nanoUsd"]) for one in parts) == whole
        assert sum(one["attempts"] for one in parts) == len(made)
    lost = sum(Decimal(one["failedUsd"]) for one in found["waste"])
    assert lost == Decimal(found["total"]["failedUsd"])


def test_nothing_spent_is_no_error_and_has_no_mean() -> None:
    figures = figures_of(Sums())
    assert figures["usd"] == "0"
    for name in ("usdPerRequest", "usdPerAnswer", "estimatedShare", "meanMilliseconds"):
        assert figures[name] is None
    assert report([])["savings"] == {"usd": None, "routes": []}


def test_what_an_answer_costs_has_what_failed_in_it() -> None:
    made = [row(nano_usd=300), row(again="retry", outcome="failed", nano_usd=100)]
    total = report(made)["total"]
    assert (total["usdPerRequest"], total["usdPerAnswer"]) == ("0.0000004", "0.0000004")
    made.append(row(outcome="unknown", nano_usd=200))
    total = report(made)["total"]
    assert (total["usdPerRequest"], total["usdPerAnswer"]) == ("0.0000003", "0.0000006")


def test_both_arms_are_told_and_what_new_saves() -> None:
    made = [row(nano_usd=300), row(arm="legacy", nano_usd=900), row(route="b", nano_usd=50)]
    found = report(made, baseline={"campaigns": 1000})
    assert [(one["arm"], one["usd"]) for one in found["arms"]] == [
        ("legacy", "0.0000009"),
        ("new", "0.00000035"),
    ]
    assert found["savings"]["usd"] == "0.0000007"
    assert [one["savedUsd"] for one in found["savings"]["routes"]] == [None, "0.0000007"]


def test_failures_and_hedges_are_told_by_route() -> None:
    made = [
        row(nano_usd=600),
        row(outcome="failed", nano_usd=300),
        row(again="hedge", outcome="unknown", nano_usd=100),
    ]
    [waste] = report(made)["waste"]
    assert (waste["failedUsd"], waste["failedShare"]) == ("0.0000004", "0.4000")
    assert (waste["hedgeUsd"], waste["hedgeShare"]) == ("0.0000001", "0.1000")


def test_estimates_are_told_with_their_share() -> None:
    total = report([row(nano_usd=300), row(estimated=True, nano_usd=100)])["total"]
    assert (total["estimated"], total["estimatedUsd"], total["estimatedShare"]) == (
        1,
        "0.0000001",
        "0.2500",
    )


def test_corrections_are_part_of_the_whole_and_may_take_back() -> None:
    made = [row(nano_usd=300), row(kind="adjust", nano_usd=-500)]
    total = report(made)["total"]
    assert (total["usd"], total["adjustedUsd"], total["attempts"]) == (
        "-0.0000002",
        "-0.0000005",
        1,
    )


def test_long_reports_are_told_in_pages() -> None:
    made = [row(model=f"m{n}", nano_usd=n) for n in range(7)]
    first = report(made, "model", limit=4)
    rest = report(made, "model", limit=4, skip=4)
    assert (first["next"], rest["next"], first["rowsInAll"]) == (4, None, 7)
    shown = [one["model"] for one in first["rows"] + rest["rows"]]
    assert shown == [f"m{n}" for n in reversed(range(7))]


def test_what_is_empty_has_a_name() -> None:
    [shown] = report([row(user="", route="")], "user", "route")["rows"]
    assert (shown["user"], shown["route"]) == ("(unverified)", "(none)")


def test_rows_of_buckets_stand_in_order_of_time() -> None:
    one = sums_of(row(nano_usd=1))
    grouped = {("2026-11-02", "a"): one, ("2026-11-01", "b"): one}
    found = report([], "provider", rows=grouped, grain="day")
    assert [(each["begins"], each["provider"]) for each in found["rows"]] == [
        ("2026-11-01", "b"),
        ("2026-11-02", "a"),
    ]
