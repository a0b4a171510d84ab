"""The judge of messages finds what is lost, sent twice, or told wrongly, and nothing else."""

from collections import Counter

import pytest

from tests.kit.delivery import Log, judged, spread


def log(
    *, states: dict[str, str], executed: dict[str, int], listed: str = "", told: str = "a"
) -> Log:
    known = {f"key-{one}": {one} for one in told}
    return Log(known, states, Counter(executed), frozenset(listed))


@pytest.mark.parametrize(
    "right",
    [
        log(states={"a": "sent"}, executed={"a": 1}),
        log(states={"a": "uncertain"}, executed={"a": 1}, listed="a"),
        log(states={"a": "uncertain"}, executed={}, listed="a"),
    ],
)
def test_what_was_sent_once_or_is_shown_as_uncertain_is_right(right: Log) -> None:
    assert judged(right, repeats=False) == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (log(states={}, executed={}), "a was acknowledged and is gone"),
        (log(states={"a": "queued"}, executed={}), "a was acknowledged and is queued"),
        (log(states={"a": "dead"}, executed={}), "a was acknowledged and is dead"),
        (log(states={"a": "sent"}, executed={"a": 2}), "a was executed 2 times"),
        (log(states={"a": "sent"}, executed={}), "a is sent, and was never executed"),
        (
            log(states={"a": "uncertain"}, executed={}),
            "a is uncertain, and operators are shown something else",
        ),
        (
            log(states={"a": "sent"}, executed={"a": 1}, listed="a"),
            "a is sent, and operators are shown something else",
        ),
        (
            log(states={"a": "sent"}, executed={"a": 1, "b": 1}),
            "b was executed, and nobody was told of it",
        ),
        (
            log(states={"a": "sent"}, executed={"a": 1}, listed="b"),
            "b is listed as uncertain, and nobody was told of it",
        ),
    ],
)
def test_each_wrong_is_found(bad: Log, said: str) -> None:
    assert judged(bad, repeats=False) == [said]


def test_where_the_platform_executes_once_nothing_is_uncertain() -> None:
    uncertain = log(states={"a": "uncertain"}, executed={"a": 1}, listed="a")
    said = ["a is uncertain, though it could have been repeated"]
    assert judged(uncertain, repeats=True) == said


def test_a_key_has_one_message() -> None:
    both = Log({"key": {"a", "b"}}, {"a": "sent", "b": "sent"}, Counter("ab"), frozenset())
    assert judged(both, repeats=False) == ["key key was answered with 2 messages"]


def test_a_message_has_one_key() -> None:
    lost = Log({"one": {"a"}, "two": {"a"}}, {"a": "sent"}, Counter("a"), frozenset())
    assert judged(lost, repeats=False) == ["a was answered to 2 keys"]


def test_a_spread_is_the_median_and_the_99th_percentile() -> None:
    assert spread(range(101)) == "50.00, 99.00"
    assert spread([]) == "none"
