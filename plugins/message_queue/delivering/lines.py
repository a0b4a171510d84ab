"""Lines of messages that wait for the same window, so that not all come back when it opens.

A window lets `limit` through in each of its times, however many wait for it. If all of a thousand
came back when it opens, most would be claimed for nothing, each time again. So, of those that
one window has refused, twice as many come back at first as it can let through, and as many more
each time that its length has passed. Twice: some are cancelled, or wait for something else.
"""

from typing import NamedTuple

from proxy.api.limits import Standing, WindowStanding

from ..message import Message

__all__ = ["Lines"]

_AT_ONCE = 2
_LONGEST = 3600.0
"""Seconds that nobody waits longer than the window says: who is ahead may have been cancelled."""

_LINES = 1000
_PLACES = 1000
_USER = frozenset(("user",))


class _Place(NamedTuple):
    order: tuple[int, float, str]
    until: float


class Lines:
    """The lines of one process; what is forgotten comes back sooner, and is refused again."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, _Place]] = {}

    def wait(self, message: Message, standing: Standing, now: float) -> float:
        """Return the seconds after which a refused message is to come back; it takes its place.

        `now` is Unix time.
        """
        order = (int(message.priority), message.due_at, message.id)
        wait = standing.retry_after
        lines = []
        for window in standing.windows:
            # Whoever meets a window of the whole user, or of everybody, is not even claimed.
            if window.wait > 0 and window.bucket and not window.depends <= _USER:
                line = self._line(window, message, now)
                ahead = sum(place.order < order for place in line.values())
                rounds = ahead // (_AT_ONCE * max(window.limit, 1))
                wait = max(wait, window.wait + min(rounds * window.seconds, _LONGEST))
                lines.append(line)
        for line in lines:
            if len(line) < _PLACES:
                line[message.id] = _Place(order, now + wait)
        return wait

    def _line(self, window: WindowStanding, message: Message, now: float) -> dict[str, _Place]:
        """Return those that wait for a window and have not come back yet."""
        key = f"{window.policy} {window.bucket}"
        line = self._lines.pop(key, {})
        waiting = {id_: place for id_, place in line.items() if place.until > now}
        waiting.pop(message.id, None)
        self._lines[key] = waiting  # at the end: looked at last
        if len(self._lines) > _LINES:
            del self._lines[next(iter(self._lines))]
        return waiting
