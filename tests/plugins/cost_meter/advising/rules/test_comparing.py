"""Which of two deployments fails more."""

from typing import Any

from plugins.cost_meter.advising.rules.comparing import is_lost, worse
from plugins.cost_meter.row import Row
from tests.plugins.cost_meter.advising.advised import attempts

OTHER: dict[str, Any] = {"deployment": "openai-4o", "provider": "openai"}


def tried(lost: int, answered: int, **said: Any) -> list[Row]:
    """Attempts of which so many brought no answer."""
    numbers = {"failed": lost, "answered": answered}
    return [
        row for how, n in numbers.items() if n for row in attempts(n, **said | {"outcome": how})
    ]


def test_one_that_fails_far_more_is_worse_and_the_other_is_not() -> None:
    bad, good = tried(100, 300), tried(1, 300, **OTHER)
    found = worse(bad, good)
    assert found is not None
    assert (len(found.mine), len(found.theirs)) == (400, 301)
    assert sum(map(is_lost, found.mine)) == 100
    assert worse(good, bad) is None


def test_twice_as_much_is_not_far_more() -> None:
    assert worse(tried(100, 300), tried(60, 340, **OTHER)) is None


def test_who_is_asked_for_what_is_hard_is_not_worse_for_that() -> None:
    hard = tried(300, 300, intent="video") + tried(1, 30, intent="message_generation")
    easy = tried(1, 800, intent="message_generation", **OTHER)
    assert worse(hard, easy) is None
    both = easy + tried(20, 20, intent="video", **OTHER)
    assert worse(hard, both) is None


def test_only_the_intents_in_which_it_is_worse_count() -> None:
    mine = tried(100, 300, intent="video") + tried(1, 300, intent="message_generation")
    theirs = tried(1, 400, intent="video", **OTHER)
    theirs += tried(1, 300, intent="message_generation", **OTHER)
    found = worse(mine, theirs)
    assert found is not None
    assert found.intents == {"video"}


def test_few_attempts_tell_nothing() -> None:
    assert worse(tried(29, 0), tried(1, 400, **OTHER)) is None
    assert worse(tried(30, 0), tried(1, 400, **OTHER)) is not None
    assert worse(tried(100, 300), tried(1, 28, **OTHER)) is None
    assert worse([], []) is None
