"""Facts become claims: which rules apply, in which bucket, at what cost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.rate_limit.claims import EXACT, SECOND, Kind
from plugins.rate_limit.rules import Book, Rule, asks_of, book_of, text_of
from plugins.rate_limit.settings import RateLimitSettings, RuleSettings
from tests.kit.properties import examples

MINUTE = {"limit": 10, "per": "1m"}


def rule(name: str = "one", **said: Any) -> Rule:
    windows = {} if "concurrency" in said else {"windows": [MINUTE]}
    return Rule(name, RuleSettings.model_validate(windows | said))


@pytest.fixture(scope="module")
def onlyfans() -> Book:
    return book_of(RateLimitSettings(rule_sets=("onlyfans",)))


# Buckets


def test_the_same_facts_are_counted_together_and_others_are_not() -> None:
    per_user = rule(scope=["user"])
    ann = per_user.claim({"user": "ann", "recipient": "1"})
    assert ann.bucket == per_user.claim({"user": "ann", "recipient": "2"}).bucket
    assert ann.bucket != per_user.claim({"user": "bob"}).bucket


def test_a_bucket_names_the_rule_and_nobody() -> None:
    bucket = rule("per-user", scope=["user"]).claim({"user": "ann"}).bucket
    assert bucket.startswith("per-user:")
    assert "ann" not in bucket


def test_the_longest_name_makes_a_bucket_that_a_store_takes() -> None:
    long = rule("n" * 48, scope=["user"])
    assert len(long.claim({"user": "u" * 10_000}).bucket.encode()) <= 100


def test_who_leaves_a_fact_out_shares_one_bucket_with_all_who_do() -> None:
    per_user = rule(scope=["user"])
    nobody = per_user.claim({}).bucket
    for value in (None, "", "  "):
        assert per_user.claim({"user": value}).bucket == nobody
    assert per_user.claim({"user": "null"}).bucket != nobody


SPELLINGS: list[tuple[Any, Any]] = [
    (7, "7"),
    (7.0, "7"),
    (" fan-1 ", "fan-1"),
    (True, "true"),
    ("e\u0301", "\u00e9"),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_another_spelling_of_the_same_is_the_same(one: Any, other: Any) -> None:
    assert text_of(one) == text_of(other)


@given(st.lists(st.text(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
@examples(200)
def test_two_scopes_meet_in_one_bucket_only_if_all_their_values_are_the_same(
    one: list[str], other: list[str]
) -> None:
    pair = rule(scope=["user", "recipient"])
    first, second = (
        pair.claim(dict(zip(("user", "recipient"), values, strict=True))).bucket
        for values in (one, other)
    )
    same = [text_of(value) for value in one] == [text_of(value) for value in other]
    assert (first == second) is same


def test_any_json_is_a_value() -> None:
    per_thing = rule(scope=["thing"])
    values: list[Any] = [True, 1, 1.5, [1], {"a": 1, "b": 2}, {"a": 2}]
    assert len({per_thing.claim({"thing": value}).bucket for value in values}) == len(values)
    turned = per_thing.claim({"thing": {"b": 2, "a": 1}}).bucket
    assert turned == per_thing.claim({"thing": {"a": 1, "b": 2}}).bucket


def test_what_cannot_be_written_is_one_value_and_no_error() -> None:
    per_thing = rule(scope=["thing"])
    deep: list[list[Any]] = [[], []]
    for each in deep:
        for _ in range(500):
            each[:] = [each.copy()]
    assert per_thing.claim({"thing": deep[0]}).bucket == per_thing.claim({"thing": deep[1]}).bucket
    assert per_thing.claim({"thing": "\ud800"}).bucket == per_thing.claim({"thing": "?"}).bucket


def test_a_rule_that_counts_by_something_else_begins_anew() -> None:
    facts = {"user": "ann"}
    assert (
        rule(scope=["user"]).claim(facts).bucket
        != rule(scope=["user", "recipient"]).claim(facts).bucket
    )
    assert (
        rule(scope=["user"]).claim(facts).bucket
        != rule(scope=["user"], distinct="x").claim(facts).bucket
    )


def test_the_claim_of_somebody_known_is_not_made_again() -> None:
    per_user = rule(scope=["user"])
    assert per_user.claim({"user": "ann"}) is per_user.claim({"user": "ann", "recipient": "1"})


def test_what_is_long_is_not_remembered() -> None:
    per_thing, long = rule(scope=["thing"]), {"thing": "x" * 10_000}
    assert per_thing.claim(long) == per_thing.claim(long)
    assert per_thing.claim(long) is not per_thing.claim(long)


# Windows


def test_windows_are_in_microseconds_and_named_by_their_time_where_there_are_several() -> None:
    two = rule(windows=[MINUTE, {"limit": 99, "per": "24h"}])
    assert two.windows == (
        ("one-1m", 10, 60 * SECOND, 10),
        ("one-24h", 99, 86_400 * SECOND, 99),
    )
    assert rule().windows[0].policy == "one"


def test_a_margin_makes_each_window_longer() -> None:
    assert rule(margin="500ms").windows[0].period == 60_500_000


def test_a_level_has_its_burst_and_a_log_its_limit() -> None:
    level = rule(algorithm="gcra", windows=[MINUTE | {"burst": 3}])
    assert (level.kind, level.windows[0].burst) == (Kind.LEVEL, 3)


def test_what_is_under_way_is_leased() -> None:
    lease = rule(concurrency=3, lease="30s")
    assert lease.kind is Kind.LEASE
    assert lease.windows == (("one", 3, 30 * SECOND, 3),)
    assert lease.unit == "concurrent-requests"


def test_different_ones_are_told_apart_by_a_digest() -> None:
    many = rule(scope=["user"], distinct="message_type")
    first, second = (many.claim({"message_type": one}) for one in ("a", "b"))
    assert (first.kind, first.cost, many.unit) == (Kind.DISTINCT, 1, "distinct-message-type")
    assert first.bucket == second.bucket
    assert first.member != second.member
    assert len(first.member.encode()) <= 32


# Costs


COSTS: list[tuple[Any, int]] = [
    (3, 3),
    (2.1, 3),
    (0, 0),
    (-5, 0),
    (None, 1),
    ("3", 1),
    (True, 1),
    (10, 10),
    (11, 11),
    (10**30, 11),
    (10**400, 11),
    (float("inf"), 11),
    (float("-inf"), 0),
    (float("nan"), 1),
]


@pytest.mark.parametrize(("said", "cost"), COSTS)
def test_a_cost_is_a_number_of_units_and_else_one(said: Any, cost: int) -> None:
    assert rule(cost="body.units").claim({"body": {"units": said}}).cost == cost


def test_a_sum_without_end_costs_more_than_there_ever_is() -> None:
    summed = rule(cost="sum(body.units)")
    assert summed.claim({"body": {"units": [1e308, 1e308]}}).cost == 11


def test_what_a_level_owes_stays_exact_however_much_it_is_told() -> None:
    level = rule(cost="body.units", algorithm="gcra")
    cost = level.claim({"body": {"units": 10**30}}).cost
    assert cost > 10_000
    assert cost * 60 * SECOND < EXACT


# When


def test_a_rule_is_for_what_all_of_its_conditions_say() -> None:
    said = {"routes": ["a"], "methods": ["POST"], "facts": {"tier": ["free", "pro"]}}
    fits = {"route": "a", "method": "POST", "tier": "free"}
    narrow = rule(when=said)
    assert narrow.applies(fits)
    for name in fits:
        assert not narrow.applies(fits | {name: "other"})
        assert not narrow.applies({key: value for key, value in fits.items() if key != name})
    assert narrow.depends == {"route", "method", "tier"}


def test_what_is_none_of_some_texts_may_also_be_unknown() -> None:
    rest = rule(when={"other_than": {"message_type": ["welcome"]}})
    assert rest.applies({})
    assert rest.applies({"message_type": "custom"})
    assert not rest.applies({"message_type": "welcome"})


def test_an_expression_may_look_at_anything() -> None:
    large = rule(when={"match": "length(body.text) > `3`"})
    assert large.applies({"body": {"text": "long"}})
    assert not large.applies({"body": {"text": "abc"}})
    assert not large.applies({})
    assert large.depends == {"*"}
    assert "body" in large.asks


def test_a_rule_depends_on_what_it_counts_by() -> None:
    assert rule(scope=["user"], distinct="recipient").depends == {"user", "recipient"}
    assert rule(scope=["user"], cost="body.units").depends == {"user", "*"}
    assert rule().depends == frozenset()


# Many rules


def book(**rules: Any) -> Book:
    said = {"rule_sets": ["onlyfans"], "rules": rules}
    return book_of(RateLimitSettings.model_validate(said))


def test_rules_are_selected_by_their_names_and_those_of_their_sets() -> None:
    all_of_it = book(mine={"windows": [MINUTE]})
    assert len(all_of_it.selected(())) == len(all_of_it.rules) == 10
    assert [one.name for one in all_of_it.selected(["mine"])] == ["mine"]
    assert len(all_of_it.selected(["onlyfans"])) == 9
    assert len(all_of_it.selected(["mine", "onlyfans-user", "onlyfans"])) == 10
    assert all_of_it.selected(["nobody"]) == ()
    assert {"mine", "onlyfans", "onlyfans-user"} <= all_of_it.names


PROMISED = [
    ("user-1m", 10, 60),
    ("user-1h", 100, 3600),
    ("user-24h", 500, 86_400),
    ("pace", 3, 18),
    ("recipient-1m", 2, 60),
    ("recipient-1h", 10, 3600),
    ("recipients", 50, 3600),
    ("welcome", 20, 3600),
    ("follow-up", 30, 3600),
    ("promotional", 50, 86_400),
    ("custom", 5, 60),
    ("global", 5, 1),
]


def test_the_rule_set_onlyfans_has_the_windows_of_the_platform(onlyfans: Book) -> None:
    found = [
        (window.policy.removeprefix("onlyfans-"), window.limit, window.period // SECOND)
        for one in onlyfans.rules
        for window in one.windows
    ]
    assert found == PROMISED


def test_the_rule_set_onlyfans_is_exact_queues_and_sends_nothing_without_its_store(
    onlyfans: Book,
) -> None:
    for one in onlyfans.rules:
        assert one.kind in (Kind.LOG, Kind.DISTINCT)
        assert (one.action, one.said.on_store_error) == ("queue", "closed")
    assert asks_of(onlyfans.rules) == {"user", "recipient", "message_type"}


@pytest.mark.parametrize(
    ("message_type", "counted"),
    [
        ("welcome", "welcome"),
        ("follow_up", "follow-up"),
        ("promotional", "promotional"),
        ("custom", "custom"),
        ("invented", "custom"),
        (None, "custom"),
    ],
)
def test_each_message_is_of_exactly_one_type(
    message_type: str | None, counted: str, onlyfans: Book
) -> None:
    kinds = {f"onlyfans-{name}" for name in ("welcome", "follow-up", "promotional", "custom")}
    facts = {"user": "ann", "recipient": "fan", "message_type": message_type}
    assert {one.name for one in onlyfans.rules if one.applies(facts)} & kinds == {
        f"onlyfans-{counted}"
    }
