"""For how long nothing goes, whoever sends it."""

from math import inf

import pytest

from plugins.message_queue.delivering.delivery import Delivery, closed_for
from proxy.api.limits import WindowStanding
from tests.plugins.message_queue.delivering.desk import refused, window

USER = frozenset(("user",))
CASES = [
    ((window(3.0, "user"), window(9.0, "recipient")), USER, 3.0),
    ((window(3.0, "user"), window(5.0)), USER, 5.0),
    ((window(3.0, "user"), window(5.0)), frozenset(), 5.0),
    ((window(3.0, "user"),), frozenset(), 0.0),
    ((window(3.0, "user", "message_type"), window(3.0, "*")), USER, 0.0),
    ((window(inf, "user"),), USER, 0.0),
    ((), USER, 0.0),
]


@pytest.mark.parametrize(("windows", "known", "expected"), CASES)
def test_windows_count_that_depend_on_nothing_else(
    windows: tuple[WindowStanding, ...], known: frozenset[str], expected: float
) -> None:
    assert closed_for(refused(*windows), known) == expected


def test_a_delivery_says_no_more_than_there_is() -> None:
    assert Delivery("lost") == ("lost", 0.0, None, "", "", 0.0)
