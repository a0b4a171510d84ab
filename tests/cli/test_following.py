"""Following a ramp, with a clock of the test's own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from proxy.cli.admin_client import UnreachableError
from proxy.cli.following import OLDER_LOOKS, End, Patience, follow
from tests.cli.told import rollout

GONE = UnreachableError("nobody there")


class Shown:
    """A display that keeps what it is given."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def show(self, rollout: Any) -> None:
        self.shown.append(rollout["standing"])

    def lost(self, why: str) -> None:
        self.shown.append(why)


def looks(*found: Any) -> Callable[[], Any]:
    """A look that gives one after the other."""
    waiting: Iterator[Any] = iter(found)

    def look() -> Any:
        one = next(waiting)
        if isinstance(one, Exception):
            raise one
        return one

    return look


def followed(*found: Any, **more: Any) -> tuple[End, list[str], list[float]]:
    """Follow until the end; a pause between two looks moves the clock and nothing else."""
    now = [0.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    display = Shown()
    patience = more.pop("patience", Patience())
    end = follow(looks(*found), display, patience, clock=lambda: now[0], sleep=sleep, **more)
    return end, display.shown, pauses


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ("complete", 0),
        ("rolled_back", 3),
        ("killed", 3),
        ("held", 4),
        ("paused", 4),
        ("frozen", 4),
        ("draft", 4),
    ],
)
def test_each_end_of_a_ramp_has_its_exit_code(standing: str, code: int) -> None:
    under_way = [rollout(one) for one in ("settle", "bake", "gate", "soak")]
    end, shown, pauses = followed(*under_way, rollout(standing))
    assert (end.code, end.rollout) == (code, rollout(standing))
    assert shown == ["settle", "bake", "gate", "soak", standing]
    assert pauses == [1.0] * 4


def test_a_restart_of_the_proxy_ends_nothing() -> None:
    end, shown, _ = followed(rollout("bake"), GONE, GONE, rollout("settle"), rollout("complete"))
    assert end.code == 0
    assert shown == ["bake", "nobody there", "nobody there", "settle", "complete"]


def test_a_proxy_that_stays_away_ends_with_1() -> None:
    end, shown, pauses = followed(
        rollout("bake"), *[GONE] * 100, patience=Patience(interval=60.0, unreachable=600.0)
    )
    assert (end.code, end.rollout) == (1, rollout("bake"))
    assert "too long" in end.why
    assert (shown.count("nobody there"), sum(pauses)) == (10, 600.0)


def test_the_time_without_an_answer_begins_anew_with_each_answer() -> None:
    away = [GONE] * 9
    end, _, _ = followed(
        *away, rollout("bake"), *away, rollout("complete"), patience=Patience(interval=60.0)
    )
    assert end.code == 0


def test_when_the_time_is_over_it_ends_with_5() -> None:
    end, shown, _ = followed(*[rollout("bake")] * 10, patience=Patience(interval=2.0, timeout=5.0))
    assert (end.code, shown) == (5, ["bake"] * 4)


def test_an_end_that_is_seen_at_the_last_moment_counts() -> None:
    end, _, _ = followed(
        rollout("bake"), rollout("complete"), patience=Patience(interval=5.0, timeout=5.0)
    )
    assert end.code == 0


def test_what_is_older_than_the_change_is_not_believed_at_once() -> None:
    older = rollout("rolled_back", version=6)
    end, shown, _ = followed(older, rollout("settle"), rollout("complete"), version=7)
    assert (end.code, shown) == (0, ["settle", "complete"])


def test_a_store_that_was_emptied_is_believed_in_the_end() -> None:
    end, shown, _ = followed(*[rollout("draft", version=0)] * (OLDER_LOOKS + 1), version=7)
    assert (end.code, shown) == (4, ["draft"])
