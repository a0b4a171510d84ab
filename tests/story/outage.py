"""One of two providers fails under load, and comes back: who notices, and how often it is asked."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.kit.provider import Provider, Step, provider
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.orchestrated import INTENT, KEYS, orchestrated
from tests.story.steering import until

OPEN_SECONDS = 1.0
"""So long a breaker is open the first time, in the configuration here."""

TIMEOUT_SECONDS = 0.5
"""So long an answer of the sick provider is waited for; then another is asked."""

_WORKERS = 8


@dataclass
class Outage:
    """What was seen of it."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    """Answers that were not 200."""
    until_open: int = 0
    """Calls that reached the sick provider before its breaker had opened."""
    while_open: int = 0
    """Calls that reached it afterwards, as long as it was sick."""
    probes_allowed: int = 0
    """So many the breaker may have let through in that time."""
    recovered: float = 0.0
    """Seconds from its healing to the first answer of it."""
    slowest: float = 0.0
    """Seconds of the slowest answer."""


def config(
    sick: Provider, well: Provider, legacy: EchoUpstream, dialect: str = "azure"
) -> dict[str, Any]:
    """Two providers of one model; the sick one is preferred, and no answer is from a cache."""
    others = "openai" if dialect == "azure" else "azure"
    made = orchestrated(
        sick,
        legacy,
        rules=[{"providers": [dialect, others]}],
        breaker={"open": f"{OPEN_SECONDS:g}s", "open_most": "4s"},
        retry={"replay": "allow"},
        cache={"use": "never"},
    )
    providers = made["plugins"]["orchestrator"]["providers"]
    if dialect == "azure":
        providers["openai"]["endpoint"] = well.url_openai
    else:
        providers["azure-east"]["endpoint"] = well.url_azure
    providers["azure-east" if dialect == "azure" else "openai"]["timeout"] = f"{TIMEOUT_SECONDS:g}s"
    return made


async def outage(
    fault: Step | None,
    *,
    rate: float,
    sick_for: float,
    seed: int = 1,
    dialect: str = "azure",
    flaps: bool = False,
) -> Outage:
    """Let the provider of this dialect be sick for so long; `fault` None: it is not there.

    `flaps`: a second sick, a second well, and so on.
    """
    seen = Outage()
    async with provider() as sick, provider() as well, EchoUpstream("legacy") as legacy:
        proxy = RunningProxy(config(sick, well, legacy, dialect), env=KEYS)
        await asyncio.to_thread(proxy.start)
        try:
            over = asyncio.Event()
            async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
                for number in range(_WORKERS):
                    draw = random.Random(seed * 100 + number)
                    group.create_task(_ask(client, proxy.port, rate / _WORKERS, seen, over, draw))
                await asyncio.sleep(1.0)
                for _ in range(int(sick_for / 2) if flaps else 1):
                    await _sicken(sick, fault, 1.0 if flaps else sick_for, seen)
                    await asyncio.sleep(1.0 if flaps else 0.0)
                healed, before = time.monotonic(), sick.counts["answered"]
                await until(
                    lambda: sick.counts["answered"] > before, f"it answers again: {fault}", 15
                )
                seen.recovered = time.monotonic() - healed
                await asyncio.sleep(0.3)
                over.set()
        finally:
            await asyncio.to_thread(proxy.__exit__, None, None, None)
    return seen


async def _sicken(sick: Provider, fault: Step | None, seconds: float, seen: Outage) -> None:
    before = sick.counts["arrived"]
    if fault is None:
        await sick.down()
    else:
        sick.stand("gpt-4o-mini", fault)
    # By now it has failed often enough for any breaker.
    await asyncio.sleep(OPEN_SECONDS * 0.9)
    opened = sick.counts["arrived"]
    await asyncio.sleep(seconds - OPEN_SECONDS * 0.9)
    seen.until_open += opened - before
    seen.while_open += sick.counts["arrived"] - opened
    # Open for 1, 2, 4, 4, … seconds, less a tenth; three probes each time.
    seen.probes_allowed += 3 * (1 + int(seconds / (OPEN_SECONDS * 0.9)))
    sick.clear()
    if fault is None:
        await sick.up()


async def _ask(
    client: aiohttp.ClientSession,
    port: int,
    rate: float,
    seen: Outage,
    over: asyncio.Event,
    draw: random.Random,
) -> None:
    url = f"http://127.0.0.1:{port}/intents"
    while not over.is_set():
        begun = time.monotonic()
        async with client.post(url, json={**INTENT, "data": {"n": draw.random()}}) as answer:
            body = await answer.json()
            seen.asked += 1
            if answer.status != 200:
                seen.failed.append(f"{answer.status} {body.get('error')}")
        took = time.monotonic() - begun
        seen.slowest = max(seen.slowest, took)
        await asyncio.sleep(max(0.0, draw.expovariate(rate) - took))
