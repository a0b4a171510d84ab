"""What people are told of budgets."""

import pytest

from plugins.cost_meter.budgets.deciding import Burn
from plugins.cost_meter.budgets.wording import alert_text, refusal, warning
from tests.plugins.cost_meter.budgets.spending import NOW, USD, budget


def test_a_warning_is_one_item_of_a_header() -> None:
    place = budget("daily-user").place("ann", NOW)
    text = warning(place, 4_050_000_000, NOW + 59.2, NOW)
    assert text == "daily-user; spent=81%; resets=60"


def test_times_are_those_of_the_operators_time_zone() -> None:
    place = budget(of="user").place("ann", NOW)
    said = refusal(place, 5 * USD, "spent", NOW + 1, "Europe/Berlin")
    assert said.endswith("there is more from 2025-06-15 17:07 Europe/Berlin on.")


@pytest.mark.parametrize(
    ("of", "scope", "whose"),
    [
        ("user", "ann", "of one user"),
        ("user", "", "of all unverified users together"),
        ("plan", "pro", "of plan pro"),
        ("route", "campaigns", "of route campaigns"),
        ("everyone", "", "Budget one: 80 %"),
    ],
)
def test_an_alert_says_whose_it_is_and_names_no_user(of: str, scope: str, whose: str) -> None:
    text = alert_text(budget(of=of).place(scope, NOW), 80, 4 * USD, None, "UTC")
    assert whose in text
    assert "ann" not in text
    assert "80 % of 5.00 USD is spent (4.00 USD, until 2025-06-16 00:00 UTC)" in text


def test_an_alert_says_how_fast_it_goes_and_whether_that_lasts() -> None:
    place = budget(rolling="24h").place("", NOW)
    fast = alert_text(place, 80, 4 * USD, Burn(400, 200), "UTC")
    slow = alert_text(place, 80, 4 * USD, Burn(400, 90), "UTC")
    assert "The last hour went at 400 % of the pace that it bears" in fast
    assert "It will not last at this pace." in fast
    assert "last at this pace" not in slow
