"""What became of a recommendation is kept whole, and its history has an end."""

import orjson

from plugins.cost_meter.advising.realising import Realised
from plugins.cost_meter.advising.records import Record, from_shelf, raised, to_shelf, with_share
from plugins.cost_meter.advising.rules.smaller import smaller
from proxy.api import Change
from tests.plugins.cost_meter.advising.advised import attempts, recommended, view

ADVICE = recommended(smaller(view(attempts(400))))


def test_a_record_is_read_as_it_was() -> None:
    record = Record(ADVICE).moved("approved", 5.0, "ada", share=5.0, undo=ADVICE.changes)
    record = record._replace(realised=Realised(1, 2, 3, 4, 5, (6, 7), 8.0))
    assert from_shelf(orjson.loads(orjson.dumps(to_shelf(record)))) == record


def test_a_history_has_an_end() -> None:
    record = Record(ADVICE)
    for number in range(120):
        record = record.moved("approved", float(number), "ada")
    assert len(record.history) == 50
    assert record.history[-1]["at"] == 119.0


def test_what_is_promised_is_for_the_users_that_it_is_tried_on() -> None:
    assert Record(ADVICE, share=5.0).promised == ADVICE.p50 * 5 // 100
    assert Record(ADVICE).promised == ADVICE.p50


def test_a_share_is_that_of_the_new_rule_alone() -> None:
    one, many = Change(("r", 0), {"a": 1, "share": 5}), Change(("r",), [{"share": 5}, {"b": 1}])
    assert with_share((one, many), 20) == (
        Change(("r", 0), {"a": 1, "share": 20}),
        Change(("r",), [{"share": 20}, {"b": 1}]),
    )
    assert raised((one,), 5, 20) == (Change(("r", 0), {"a": 1, "share": 20}, {"a": 1, "share": 5}),)
