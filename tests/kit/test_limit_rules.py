"""The judge of what was admitted and refused finds what is wrong, and nothing else."""

from tests.kit.limit_rules import Admitted, Asked, Refusal, judged, onlyfans, rule
from tests.kit.replaying import SECOND

MINUTE = rule("minute", "user", s60=2)
PURSE = rule("purse", "account", weighed=True, s60=5)
FANS = rule("fans", "user", distinct=True, s60=2)
ANN = Asked("ann", "one", "welcome", "shop", 3)


def at(*seconds: float, asked: Asked = ANN) -> list[Admitted]:
    return [Admitted(int(one * SECOND), asked) for one in seconds]


def refused(second: float, *violated: str, asked: Asked = ANN) -> list[Refusal]:
    return [Refusal(asked, int(second * SECOND), int(second * SECOND), violated)]


def test_as_many_as_there_may_be_and_a_refusal_of_one_more_are_right() -> None:
    assert judged([MINUTE], at(0, 1, 60, 61), refused(59.9, "minute")) == []


def test_one_too_many_is_found() -> None:
    assert judged([MINUTE], at(0, 1, 59.9), []) == ["3 in a window of minute (2 per 60 s)"]


def test_a_refusal_while_there_was_room_is_found() -> None:
    said = ["a refusal by minute-60s, which had room"]
    assert judged([MINUTE], at(0, 1), refused(61, "minute-60s")) == said
    assert judged([MINUTE], at(0, 1), refused(30, "minute", asked=Asked("bob", "one"))) != []


def test_a_refusal_that_names_nothing_or_an_unknown_policy_is_found() -> None:
    assert judged([MINUTE], [], refused(0)) == ["a refusal that names no policy"]
    assert judged([MINUTE], [], refused(0, "hour")) == ["a refusal by hour, which nobody knows"]


def test_units_are_weighed() -> None:
    assert judged([PURSE], at(0), refused(30, "purse")) == []
    assert judged([PURSE], at(0, 59), []) == ["6 in a window of purse (5 per 60 s)"]


def test_different_recipients_are_counted_once_each() -> None:
    others = [Asked("ann", name) for name in ("two", "three")]
    two = at(0, 1) + at(2, asked=others[0])
    assert judged([FANS], two, refused(30, "fans", asked=others[1])) == []
    assert judged([FANS], two, refused(70, "fans", asked=others[1])) != []
    assert judged([FANS], two + at(3, asked=others[1]), []) == [
        "3 in a window of fans (2 per 60 s)"
    ]


def test_a_rule_for_one_type_counts_no_other() -> None:
    custom = Asked("ann", "one", "custom")
    only = rule("only", "user", only="custom", s60=1)
    assert judged([only], at(0, 1, 2), []) == []
    assert judged([only], at(0, 1, asked=custom), []) != []


def test_a_refusal_by_a_rule_for_another_type_is_found() -> None:
    custom = Asked("ann", "one", "custom")
    only = rule("only", "user", only="custom", s60=1)
    full = at(0, asked=custom)
    assert judged([only], full, refused(1, "only", asked=custom)) == []
    assert judged([only], full, refused(1, "only")) == ["a refusal by only, which had room"]


def test_the_window_that_a_refusal_names_has_to_be_the_full_one() -> None:
    both = rule("both", "user", s60=2, s3600=9)
    named = ("both-60s", "both-1m", "both")
    assert [judged([both], at(0, 1), refused(2, name)) for name in named] == [[], [], []]
    for wrong in ("both-1h", "both-2m", "both-day"):
        said = [f"a refusal by {wrong}, which had room"]
        assert judged([both], at(0, 1), refused(2, wrong)) == said


def test_the_longest_name_that_fits_is_the_rule_that_is_meant() -> None:
    names = [one.name for one in onlyfans()]
    assert len(set(names)) == len(names)
    both = [rule("user", "user", s60=9), rule("user-day", "user", s60=1)]
    assert judged(both, at(0), refused(1, "user-day")) == []
