"""Who pays for an attempt, and out of which bucket."""

from typing import Any

import pytest

from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.matching import budgets_of, places_of
from tests.plugins.cost_meter.budgets.spending import DAY, NOW, budget, planned


@pytest.mark.parametrize(
    ("key", "ours", "theirs"),
    [
        ("routes", "campaigns", {"route": "other"}),
        ("plans", "pro", {"plan": "free"}),
        ("intents", "content_planning", {"intent": "other"}),
        ("models", "gpt-4o-mini", {"model": "gpt-4o"}),
        ("arms", "new", {"arm": "legacy"}),
    ],
)
def test_it_pays_only_for_what_its_conditions_say(
    key: str, ours: str, theirs: dict[str, Any]
) -> None:
    one = budget(when={key: (ours,)})
    assert one.pays_for(planned(NOW))
    assert not one.pays_for(planned(NOW, **theirs))


@pytest.mark.parametrize("of", ["user", "plan", "route"])
def test_each_owner_has_a_bucket_of_their_own(of: str) -> None:
    one = budget(of=of)
    same, other = planned(NOW), planned(NOW, **{of: "other"})
    first, second, third = (places_of([one], each)[0] for each in (same, planned(NOW), other))
    assert first.bucket == second.bucket != third.bucket


def test_buckets_say_nothing_of_whose_they_are() -> None:
    (place,) = places_of([budget(of="user")], planned(NOW, user="ann@example.com"))
    assert "ann" not in place.bucket
    assert place.shown == "ann@example.com"


def test_who_is_not_known_is_shown_as_such() -> None:
    asked = planned(NOW, user="", plan="")
    shown = [places_of([budget(of=of)], asked)[0].shown for of in ("user", "plan", "everyone")]
    assert shown == ["(unverified)", "(none)", ""]


def test_a_changed_limit_goes_on_and_a_changed_meaning_begins_anew() -> None:
    asked = planned(NOW)
    kept = {places_of([budget(limit=limit)], asked)[0].bucket for limit in ("5", "6")}
    changed = {
        places_of([one], asked)[0].bucket
        for one in (budget(), budget(of="user"), budget(when={"arms": ("new",)}))
    }
    assert (len(kept), len(changed)) == (1, 3)


def test_an_attempt_is_always_counted_in_the_same_place() -> None:
    one = budget(rolling="24h")
    early, late = planned(NOW), planned(NOW + 3 * DAY)
    before = places_of([one], early)
    places_of([one], late)
    assert places_of([one], early) == before


def test_a_bucket_outlives_its_period_for_those_who_are_late() -> None:
    one = budget()
    place = one.place("", NOW)
    assert place.share.keep == place.window.seconds + 2 * DAY == 3 * DAY


def test_names_of_budgets_keep_them_apart() -> None:
    said = BudgetSettings(limit="5", per="day")
    places = places_of(budgets_of({"a": said, "b": said}, "UTC"), planned(NOW))
    assert len({place.bucket for place in places}) == 2
