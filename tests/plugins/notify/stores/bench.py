"""A store on a clock of the test's, and what is put into it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from plugins.notify.notice import Notice
from plugins.notify.store import Bounds, Cap, NotifyStore

NOW = 1_750_000_000.0
LEASE = 60.0
BOUNDS = Bounds(repeat=100.0, give_up=200.0, waiting=6, listed=8, keep=1000.0)
ROOMY = Cap(1000, 60.0)


class Clock:
    """Time that stands still."""

    def __init__(self, at: float = NOW) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


Opened = Callable[[Clock, Bounds], AbstractAsyncContextManager[NotifyStore]]


def made_id(number: int) -> str:
    """An id of an alert; later ones are greater."""
    return f"01977420-dc00-7000-8000-{number:012x}"


def notice(number: int, identity: str = "", **more: Any) -> Notice:
    """An alert; each has an identity of its own, unless it is given one."""
    said = {
        "identity": identity or f"i{number}",
        "name": "something_wrong",
        "subject": "thing",
        "text": f"text {number}",
        "severity": "warning",
        "user": "",
        "at": NOW,
        **more,
    }
    return Notice(id=made_id(number), **said)
