"""Recommendations are kept as they are, and are called the same each time."""

import orjson

from plugins.cost_meter.advising.recommendation import (
    changes_of,
    from_document,
    identity,
    to_document,
    to_documents,
    undoing,
)
from plugins.cost_meter.advising.rules.smaller import smaller
from proxy.api import Change
from tests.plugins.cost_meter.advising.advised import attempts, recommended, view

CHANGES = (Change(("a", 0, "b"), {"x": [1, 2.5, True]}, None), Change(("c",), None, 7, "7"))


def test_the_same_is_called_the_same_and_other_things_otherwise() -> None:
    assert identity("cache", "it") == identity("cache", "it")
    assert identity("cache", "it").startswith("cache-")
    assert len({identity("a", "b c"), identity("a b", "c"), identity("a", "b")}) == 3


def test_what_is_kept_is_read_as_it_was() -> None:
    one = recommended(smaller(view(attempts(400))))
    assert from_document(orjson.loads(orjson.dumps(to_document(one)))) == one
    assert changes_of(orjson.loads(orjson.dumps(to_documents(CHANGES)))) == CHANGES


def test_changes_are_undone_in_the_opposite_order() -> None:
    assert undoing(CHANGES) == (
        Change(("c",), 7, None),
        Change(("a", 0, "b"), None, {"x": [1, 2.5, True]}),
    )
