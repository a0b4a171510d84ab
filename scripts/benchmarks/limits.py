"""What a check of limits costs: in this process, and in a Redis that a fleet shares.

The claims are like those of the rule set `onlyfans`: three windows of two rules, and eight of
five. Nothing is refused: to refuse costs less.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from statistics import median
from typing import Any

from plugins.rate_limit.claims import SECOND, Claim, Kind, Window
from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.counting.redis import RedisCounts
from proxy.api.testing import FakeServices
from scripts.benchmarks.timing import timed
from tests.kit.redis import RedisServer

USERS = 1000
IN_MEMORY = 20_000
"""Checks of a round; on Redis half of it."""
AT_ONCE = 64
FEW_AT_ONCE = 8
"""With so many under way it is told how long one takes."""
MOST_BUCKETS = 200_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND

_WINDOWS = {
    "user": ((10, MINUTE), (100, HOUR), (500, DAY)),
    "recipient": ((2, MINUTE), (10, HOUR)),
    "pace": ((3, 18 * SECOND),),
    "custom": ((5, MINUTE),),
    "burst": ((5, SECOND),),
}
_THREE = (("user", 2), ("recipient", 1))
"""Rules, and how many of their windows."""
_EIGHT = tuple((name, len(windows)) for name, windows in _WINDOWS.items())
_ROOM = 100
"""So many times the limits of the platform: nothing is to be refused here."""


def claims(turn: int, rules: tuple[tuple[str, int], ...]) -> tuple[Claim, ...]:
    """Return what a message of some user claims."""
    return tuple(
        Claim(Kind.LOG, f"{name}:{turn % USERS:032x}", _windows(name, most)) for name, most in rules
    )


def _windows(name: str, most: int) -> tuple[Window, ...]:
    return tuple(
        Window(f"{name}-{period}", limit * _ROOM, period, limit * _ROOM)
        for limit, period in _WINDOWS[name][:most]
    )


def run(rounds: int) -> dict[str, Any]:
    """Measure; medians of the rounds."""
    return {
        "rounds": rounds,
        "at_once": AT_ONCE,
        "few_at_once": FEW_AT_ONCE,
        "memory_us": _in_memory(rounds),
        "redis": asyncio.run(_in_redis(rounds)),
    }


def _in_memory(rounds: int) -> dict[str, float]:
    """Return µs per check, by the number of windows."""
    found = {}
    for windows, rules in ((3, _THREE), (8, _EIGHT)):
        asked = [claims(turn, rules) for turn in range(USERS)]
        samples = [_memory_round(asked) for _ in range(rounds)]
        found[str(windows)] = round(median(samples), 2)
    return found


def _memory_round(asked: Sequence[tuple[Claim, ...]]) -> float:
    moments = count(1_000_000 * SECOND, 10_000)
    counts = MemoryCounts({}, moments.__next__, MOST_BUCKETS)
    begun = time.perf_counter()
    for turn in range(IN_MEMORY):
        counts.take_now(asked[turn % USERS], f"t-{turn:x}")
    return (time.perf_counter() - begun) / IN_MEMORY * 1e6


async def _in_redis(rounds: int) -> dict[str, dict[str, float]]:
    """Return checks per second, and ms of the median and the 99th percentile."""
    found = {}
    with RedisServer() as redis:
        services = FakeServices(plugin="benchmark")
        counts = RedisCounts(services.redis(redis.url), None, 5.0)
        await counts.open()
        for windows, rules in ((3, _THREE), (8, _EIGHT)):
            samples = []
            for _ in range(rounds):
                redis.say("FLUSHDB")
                many, _ = await _checked(counts, rules, AT_ONCE)
                redis.say("FLUSHDB")
                _, took = await _checked(counts, rules, FEW_AT_ONCE)
                samples.append((many, took[len(took) // 2], took[len(took) * 99 // 100]))
            names = ("checks_per_s", "p50_ms", "p99_ms")
            middles = (median(one) for one in zip(*samples, strict=True))
            found[str(windows)] = dict(zip(names, (round(one, 3) for one in middles), strict=True))
        await counts.close()
        await services.close()
    return found


async def _checked(
    counts: RedisCounts, rules: tuple[tuple[str, int], ...], at_once: int
) -> tuple[float, list[float]]:
    """Check again and again; return checks per second, and how many ms each took, in order."""
    turns = iter(range(IN_MEMORY // 2))
    took: list[float] = []

    async def check() -> None:
        for turn in turns:
            begun = time.perf_counter()
            counted = await counts.take(claims(turn, rules), f"t-{turn:x}")
            took.append((time.perf_counter() - begun) * 1000)
            if not counted.admitted:
                raise RuntimeError("a check was refused; nothing is to be, here")

    seconds = await timed(check() for _ in range(at_once))
    return len(took) / seconds, sorted(took)
