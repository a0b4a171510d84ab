"""What is asked again while the earlier answer is kept could have been answered for nothing."""

from typing import Any

from plugins.cost_meter.advising.rules.caching import caching
from plugins.cost_meter.row import Row
from proxy.api import Change
from tests.plugins.cost_meter.advising.advised import DAY, attempts, missing, recommended, view

PATH = ("plugins", "orchestrator", "cache", "use")


def asked_again(count: int, times: int, **said: Any) -> list[Row]:
    """Intents of which each is asked so often within a minute."""
    rows = attempts(count, **said)
    return [
        one._replace(
            digest=f"d{number // times}",
            at=rows[number // times * times].at + number % times * 10,
            settled=rows[number // times * times].at + number % times * 10 + 1,
        )
        for number, one in enumerate(rows)
    ]


def test_repeated_intents_are_a_reason_to_use_earlier_answers() -> None:
    one = recommended(caching(view(asked_again(800, 2))))
    assert one.changes == (Change(PATH, "always", None),)
    assert one.sample == 400
    assert one.p50 == 400 * 3_000_000 * 3
    assert "400 of 800 requests (50 %)" in one.says
    assert one.measure == "hour"


def test_what_the_configuration_says_of_it_is_what_is_changed() -> None:
    said = {"use": "never"}
    found = caching(view(asked_again(800, 2), cache="never", cache_written=said))
    assert recommended(found).changes == (Change(PATH, "always", "never"),)


def test_where_earlier_answers_are_used_nothing_is_advised() -> None:
    assert not list(caching(view(asked_again(800, 2), cache="always")))


def test_without_digests_nothing_is_known() -> None:
    assert missing(caching(view(attempts(800)))) == "attempts that tell which intents are equal"


def test_what_is_asked_once_is_no_reason() -> None:
    found = caching(view(asked_again(800, 1)))
    assert missing(found) == "an intent that was asked again, among 800"


def test_what_is_asked_again_too_late_is_no_reason() -> None:
    rows = [one._replace(digest=f"d{number % 2}") for number, one in enumerate(attempts(20))]
    assert rows[2].at - rows[0].at > DAY / 2
    assert "an intent that was asked again" in missing(caching(view(rows)))


def test_further_attempts_of_one_workflow_repeat_nothing() -> None:
    rows = [
        one._replace(workflow_id=f"w{one.digest}", again="" if number % 2 == 0 else "retry")
        for number, one in enumerate(asked_again(800, 2))
    ]
    assert missing(caching(view(rows))) == "an intent that was asked again, among 400"


def test_what_was_not_answered_could_not_have_been_kept() -> None:
    rows = [one._replace(outcome="failed") for one in asked_again(800, 2)]
    assert "asked again" in missing(caching(view(rows)))
