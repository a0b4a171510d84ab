"""Operators see exact amounts, what is changed, and what is missing."""

import orjson

from plugins.cost_meter.advising.advice import Looked
from plugins.cost_meter.advising.realising import Realised
from plugins.cost_meter.advising.recommendation import NoAdvice
from plugins.cost_meter.advising.records import Record
from plugins.cost_meter.advising.rules.smaller import smaller
from plugins.cost_meter.advising.views import listed, shown
from tests.plugins.cost_meter.advising.advised import attempts, recommended, view

ADVICE = recommended(smaller(view(attempts(400), rules_written=True)))


def test_the_list_says_what_is_missing_too() -> None:
    found = listed([Record(ADVICE)], Looked(0.0, (NoAdvice("cache", "it", "rows"),)))
    assert found["notAdvised"] == [{"rule": "cache", "subject": "it", "missing": "rows"}]
    assert found["lookedAt"] is None
    [one] = found["advice"]
    assert one["monthlyUsd"]["p50"] == "3.384"
    assert (one["state"], one["share"], one["byHand"]) == ("open", 5.0, False)
    assert orjson.loads(orjson.dumps(found)) == found


def test_one_is_shown_with_what_it_changes_and_what_undoes_it() -> None:
    found = shown(Record(ADVICE))
    [change], [undo] = found["changes"], found["undo"]
    assert change["place"] == undo["place"] == "plugins.orchestrator.rules[0]"
    assert change["after"] == undo["before"] == ADVICE.changes[0].value
    assert found["realised"] is None


def test_what_was_realised_stands_beside_what_was_promised() -> None:
    realised = Realised(1, 2_000_000_000, 3, 4, 5, (6, 7), 86_400.0)
    found = shown(Record(ADVICE, "approved", 1.0, "ada", 5.0, realised=realised))
    assert found["realised"]["monthlyUsd"]["p50"] == "2"
    assert found["realised"]["days"] == 1.0
    assert found["promisedUsd"] == "0.1692"
    assert found["by"] == "ada"
