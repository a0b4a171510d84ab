"""Evidence that is too thin is said to be, with what is missing."""

from plugins.cost_meter.advising.recommendation import NoAdvice
from plugins.cost_meter.advising.rules.terms import Proposal, found, monthly, rows_by
from tests.plugins.cost_meter.advising.advised import attempts, view

PROPOSED = Proposal("rule", "it", "It saves {saving}.", {}, "low", "none", "look")


def test_a_saving_that_may_be_none_is_not_advised() -> None:
    rows = attempts(400)
    signs = (1, -1, -1, 1, 1, 1, -1)
    savings = {one.id: signs[number // 9 % 7] * 10**6 for number, one in enumerate(rows)}
    one = found(view(rows), PROPOSED._replace(savings=savings))
    assert isinstance(one, NoAdvice)
    assert one.missing.startswith("a saving that is sure: it is between -")


def test_amounts_are_told_with_what_matters_of_them() -> None:
    assert monthly(1_234_567_891) == "about 1.23456 US dollars a month"
    assert monthly(123) == "about 0.000000123 US dollars a month"


def test_attempts_are_grouped_by_their_fields() -> None:
    groups = rows_by(view(attempts(5)), "deployment", "intent")
    assert {key: len(rows) for key, rows in groups.items()} == {
        ("azure-4o", "message_generation"): 5
    }
