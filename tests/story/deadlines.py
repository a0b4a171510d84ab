"""Providers that keep the proxy waiting, and how long it keeps its clients waiting then."""

import asyncio
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp

from tests.kit.provider import (
    Provider,
    Step,
    answer,
    hang_after,
    hang_after_head,
    hang_before_head,
    slow_first_byte,
    status,
)
from tests.kit.provider.process import ProviderProcess
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.orchestrated import INTENT, KEYS, orchestrated

DEADLINE_SECONDS = 1.0
LATE_MOST = 0.1
"""Seconds after the deadline by which every answer is there."""

_RAN_INTO_IT = 0.1
"""An answer that came so many seconds before the deadline, or later, was a matter of it."""

MODEL = "gpt-4o-mini"
TROUBLE: Mapping[str, tuple[Step, ...]] = {
    "no head": (hang_before_head(),),
    "no body": (hang_after_head(),),
    "half a body": (hang_after(0),),
    "slow head": (slow_first_byte(0.97), slow_first_byte(1.5)),
    "slow body": (answer(after=0.96), answer(after=2.0)),
    "429, 60 s": (status(429, retry_after=60),),
    "429, 0.4 s": (status(429, retry_after_ms=400),),
    "500": (status(500),),
}
MIXED = (*(step for steps in TROUBLE.values() for step in steps), answer())
WAYS: Mapping[str, Mapping[str, Any]] = {
    "one attempt": {},
    "another after 0.4 s": {"timeout": "0.4s", "retry": {"replay": "allow"}},
    "hedged": {"hedge": {"enabled": True, "share": 0.5, "after": "0.2s"}},
}
"""Settings with which the deadline is reached by other ways."""


@dataclass
class Waiting:
    """What clients saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    """Seconds after the deadline (negative: before it) of each answer that it was a matter of."""

    stalled: float = 0.0
    """The longest that the clients' own loop stood still, in seconds: what the machine is worth."""

    def share(self, of: float) -> float:
        """Return how late this share of them was at most."""
        return sorted(self.late)[min(len(self.late) - 1, int(of * len(self.late)))]


async def waiting(
    steps: tuple[Step, ...],
    how: Mapping[str, Any],
    *,
    count: int,
    at_once: int,
    seed: int = 1,
    locked: bool = False,
) -> Waiting:
    """Ask `count` times, `at_once` at a time, providers that do one of `steps` each time.

    `locked`: somebody else holds the file of the workflows, but for moments.
    """
    seen, draw = Waiting(), random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="crossfade-late-") as folder,
        ProviderProcess() as there,
    ):
        if len(steps) == 1:
            there.stand(MODEL, steps[0])
        else:
            for _ in range(3 * count):
                there.script(MODEL, draw.choice(steps))
        async with EchoUpstream("legacy") as legacy:
            proxy = RunningProxy(_config(there, legacy, Path(folder), how), env=KEYS)
            await asyncio.to_thread(proxy.start)
            beats = asyncio.create_task(_beat(seen))
            holds = asyncio.create_task(_hold(Path(folder))) if locked else None
            try:
                await _all_ask(proxy.port, seen, draw, count, at_once)
            finally:
                beats.cancel()
                if holds is not None:
                    holds.cancel()
                await asyncio.to_thread(proxy.__exit__, None, None, None)
    return seen


def _config(
    there: ProviderProcess, legacy: EchoUpstream, folder: Path, how: Mapping[str, Any]
) -> dict[str, Any]:
    return orchestrated(
        cast("Provider", there),  # which has the same addresses
        legacy,
        deadline=f"{DEADLINE_SECONDS:g}s",
        rules=[{"providers": ["azure", "openai"]}],
        breaker={"mode": "metrics_only"},  # else nobody would be waited for after ten of them
        workflows=f"sqlite://{folder}/workflows.db",
        **how,
    )


async def _beat(seen: Waiting) -> None:
    while True:
        begun = time.monotonic()
        await asyncio.sleep(0.01)
        seen.stalled = max(seen.stalled, time.monotonic() - begun - 0.01)


async def _hold(folder: Path) -> None:
    file = folder / "workflows.db"
    # It must not wait for its turn: the clients' clock would stand still meanwhile.
    with closing(sqlite3.connect(file, timeout=0.0, isolation_level=None)) as other:
        while True:
            with suppress(sqlite3.OperationalError):
                other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(2 * DEADLINE_SECONDS)
                other.execute("ROLLBACK")
                await asyncio.sleep(0.3)
            await asyncio.sleep(0.01)


async def _all_ask(port: int, seen: Waiting, draw: random.Random, count: int, at_once: int) -> None:
    numbers = iter(range(count))
    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(_asks(client, port, seen, draw, numbers))


async def _asks(
    client: aiohttp.ClientSession, port: int, seen: Waiting, draw: random.Random, numbers: Any
) -> None:
    for number in numbers:
        intent: dict[str, Any] = {**INTENT, "data": {"number": number}}
        kind = draw.choice(("plain", "keyed", "deferrable", "stream"))
        if kind in ("deferrable", "stream"):
            intent[kind] = True
        headers = {"Idempotency-Key": f"key-{number}"} if kind == "keyed" else {}
        begun = time.monotonic()
        url = f"http://127.0.0.1:{port}/intents"
        async with client.post(url, json=intent, headers=headers) as told:
            if told.content_type != "text/event-stream":
                await told.read()
            late = time.monotonic() - begun - DEADLINE_SECONDS
            seen.statuses[told.status] += 1
            if late >= -_RAN_INTO_IT:
                seen.late.append(late)
