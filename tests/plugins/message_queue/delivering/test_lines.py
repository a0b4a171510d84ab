"""Of those that wait for one window, as many come back as may find room, in their order."""

import pytest

from plugins.message_queue.delivering.lines import Lines
from plugins.message_queue.message import Message, Priority
from proxy.api.limits import Standing, WindowStanding
from tests.plugins.message_queue.delivering.desk import refused
from tests.plugins.message_queue.stores.bench import NOW, message


def full(
    wait: float = 20.0,
    *,
    limit: int = 2,
    seconds: float = 60.0,
    bucket: str = "custom:a",
    depends: tuple[str, ...] = ("user", "message_type"),
) -> Standing:
    window = WindowStanding("custom", "custom", limit, seconds, 0, wait, wait, frozenset(depends))
    return refused(window._replace(bucket=bucket))


def waits(lines: Lines, messages: range, standing: Standing, now: float = NOW) -> list[float]:
    return [lines.wait(message(number), standing, now) for number in messages]


def test_twice_as_many_come_back_as_the_window_lets_through_each_time() -> None:
    assert waits(Lines(), range(1, 11), full()) == [20.0] * 4 + [80.0] * 4 + [140.0] * 2


def test_who_comes_back_and_is_refused_keeps_the_place_by_class_due_time_and_id() -> None:
    lines = Lines()
    waits(lines, range(10, 20), full())
    assert waits(lines, range(9, 20), full(), NOW + 10)[0] == 20.0
    urgent = message(99, priority=Priority.critical, due_at=NOW + 9)
    late = message(1, due_at=NOW + 9)
    assert lines.wait(urgent, full(), NOW + 10) == 20.0
    assert lines.wait(late, full(), NOW + 10) == 200.0  # twelve are ahead


def test_who_has_come_back_is_not_ahead_any_more() -> None:
    lines = Lines()
    assert waits(lines, range(1, 6), full())[-1] == 80.0
    assert lines.wait(message(6), full(), NOW + 20) == 20.0


def test_nobody_waits_much_longer_than_the_window_says() -> None:
    day = full(50_000.0, limit=1, seconds=86_400.0)
    assert waits(Lines(), range(1, 4), day) == [50_000.0, 50_000.0, 53_600.0]


NO_LINE = [
    full(depends=("user",)),
    full(depends=()),
    full(bucket=""),
    full(seconds=0.0),
]


@pytest.mark.parametrize("standing", NO_LINE)
def test_where_others_are_not_even_claimed_or_nothing_is_known_there_is_no_line(
    standing: Standing,
) -> None:
    assert waits(Lines(), range(1, 20), standing) == [20.0] * 19


def test_windows_that_let_it_through_have_no_line_and_buckets_have_their_own() -> None:
    lines = Lines()
    (closed,) = full().windows
    free = closed._replace(wait=0.0, bucket="free:a")
    waits(lines, range(1, 9), refused(closed, free))
    free_now = full(bucket="free:a")
    assert lines.wait(message(9), free_now, NOW) == 20.0
    assert lines.wait(message(9), full(bucket="custom:b"), NOW) == 20.0
    assert lines.wait(message(9), full(), NOW) == 140.0


def test_what_several_windows_refuse_waits_for_the_last_of_them() -> None:
    lines = Lines()
    (minute,) = full().windows
    (hour,) = full(5.0, limit=1, seconds=3600.0, bucket="other:a").windows
    both = refused(minute, hour)
    assert waits(lines, range(1, 4), both) == [20.0, 20.0, 3605.0]


def test_lines_are_bounded_and_what_is_forgotten_comes_back_sooner() -> None:
    lines = Lines()
    waits(lines, range(1, 6), full())
    for number in range(1000):
        lines.wait(message(1), full(bucket=f"b{number}"), NOW)
    assert lines.wait(message(6), full(), NOW) == 20.0
    long = Lines()
    assert waits(long, range(1, 1003), full(limit=400))[-1] == 80.0
    assert waits(long, range(2000, 2001), full(limit=500)) == [80.0]


def test_a_backlog_goes_as_fast_as_the_window_allows_and_is_seldom_refused() -> None:
    lines, now = Lines(), NOW
    due: list[tuple[float, Message]] = [(NOW, message(number)) for number in range(1, 201)]
    taken: list[float] = []
    refusals = 0
    while due:
        due.sort(key=lambda one: (one[0], one[1].id))
        at, first = due.pop(0)
        now = max(now, at)
        taken = [one for one in taken if one > now - 60.0]
        if len(taken) < 5:
            taken.append(now)
            continue
        refusals += 1
        standing = full(taken[0] + 60.0 - now, limit=5)
        due.append((now + lines.wait(first, standing, now), first))
    assert now == NOW + 60.0 * 39
    assert refusals < 200 * 6  # without lines 200 * 39 / 2
