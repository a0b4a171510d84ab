"""Without the store, the strictest of the rules decides, and nobody goes over a share."""

import pytest

from plugins.rate_limit.claims import NEVER, Claim, Counted, Kind, Reading, Window
from plugins.rate_limit.counting.alone import Way, decided, has_share, own, share, way_of

AGAIN = 1_000_000
TEN = Window("ten", 10, 60, 10)


def claim(way: Way, *windows: Window, cost: int = 1) -> Claim:
    return Claim(Kind.LOG, way, windows or (TEN,), cost, on_store_error=way)


def test_of_several_claims_the_strictest_decides() -> None:
    local, open_, closed = claim("local"), claim("open"), claim("closed")
    assert way_of((open_, local, closed)) == "closed"
    assert way_of((open_, local)) == "local"
    assert way_of((open_,)) == "open"
    assert way_of(()) == "open"


@pytest.mark.parametrize(("replicas", "limit"), [(1, 10), (2, 5), (3, 3), (10, 1), (11, 1)])
def test_a_share_is_rounded_down(replicas: int, limit: int) -> None:
    assert share((TEN,), replicas) == (Window("ten", limit, 60, limit),)
    assert has_share((claim("local"),), replicas) is (replicas <= 10)


def test_only_what_is_counted_here_has_a_share() -> None:
    claims = (claim("open"), claim("local"), claim("closed"))
    (mine,) = own(claims, 2)
    assert (mine.bucket, mine.windows[0].limit) == ("local", 5)
    assert has_share((claim("closed"), claim("open")), 1_000)


def test_what_is_open_is_let_through_with_all_that_it_has() -> None:
    answer = decided((claim("open"),), Counted(True, ()), 3, AGAIN)
    assert answer == Counted(True, ((Reading(10, 0, 0),),), "open")


def test_what_is_closed_waits_for_the_store_but_not_for_what_never_fits() -> None:
    claims = (claim("closed"), claim("closed", cost=11), claim("local"), claim("open"))
    answer = decided(claims, Counted(True, ((Reading(4, 5, 0),),)), 2, AGAIN)
    shut, never, local, open_ = answer.readings
    assert (answer.admitted, answer.degraded) == (False, "closed")
    assert shut == (Reading(0, AGAIN, AGAIN),)
    assert never == (Reading(0, AGAIN, NEVER),)
    assert local == (Reading(4, 5, 0),)
    assert open_ == (Reading(10, 0, 0),)


def test_what_is_more_than_a_share_waits_for_the_store() -> None:
    refused = Counted(False, ((Reading(5, 0, NEVER),),))
    (reading,) = decided((claim("local", cost=6),), refused, 2, AGAIN).readings
    assert reading == (Reading(5, 0, AGAIN),)
    (reading,) = decided((claim("local", cost=11),), refused, 2, AGAIN).readings
    assert reading == (Reading(5, 0, NEVER),)


def test_of_a_share_of_nothing_nothing_is_let_through() -> None:
    answer = decided((claim("local"),), Counted(True, ((Reading(1, 0, 0),),)), 11, AGAIN)
    assert answer == Counted(False, ((Reading(0, AGAIN, AGAIN),),), "local")
