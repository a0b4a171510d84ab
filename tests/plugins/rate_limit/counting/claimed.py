"""Claims in few words, and a clock for who counts them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from plugins.rate_limit.claims import SECOND, Claim, Counts, Kind, Window

__all__ = ["START", "Clock", "Maker", "claim", "distinct", "lease", "level", "log"]

START = 1_700_000_000 * SECOND


@dataclass
class Clock:
    """Microseconds, moved by the test."""

    now: int = START

    def __call__(self) -> int:
        return self.now


Maker = Callable[[Clock], AbstractAsyncContextManager[Counts]]
"""Makes an opened store with nothing in it that goes by a clock."""


def claim(kind: Kind, *windows: tuple[int, ...], bucket: str = "", **more: Any) -> Claim:
    """`windows` are (limit, period) or (limit, period, burst), in microseconds."""
    made = tuple(
        Window(f"w{number}", one[0], one[1], one[2] if len(one) > 2 else one[0])
        for number, one in enumerate(windows)
    )
    return Claim(kind, bucket or f"{kind.value}:b", made, **more)


def log(*windows: tuple[int, ...], **more: Any) -> Claim:
    return claim(Kind.LOG, *windows, **more)


def level(*windows: tuple[int, ...], **more: Any) -> Claim:
    return claim(Kind.LEVEL, *windows, **more)


def distinct(*windows: tuple[int, ...], member: str = "m", **more: Any) -> Claim:
    return claim(Kind.DISTINCT, *windows, member=member, **more)


def lease(*windows: tuple[int, ...], **more: Any) -> Claim:
    return claim(Kind.LEASE, *windows, **more)
