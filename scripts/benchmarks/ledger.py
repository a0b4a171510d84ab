"""What it costs to write down what is spent: in the journal, in a file on this disk.

An attempt is planned (durable before it is sent) and settled, with so many under way at a time;
and ends alone are taken in as fast as they come. Users, minutes and models as in real traffic:
each attempt counts in the totals of four buckets.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.row import Row
from proxy.api.spending import NanoUSD, PlannedSpend, PriceKey, Usage
from proxy.api.testing import FakeServices
from scripts.benchmarks.timing import timed

ATTEMPTS = 10_000
"""Of a round."""
AT_ONCE = 16
USERS = 100
MODELS = ("gpt-4o", "gpt-4o-mini")
_DAY = 86_400.0
_KEEP = Keep(400 * _DAY, 2 * _DAY, 90 * _DAY)


def run(rounds: int) -> dict[str, Any]:
    """Measure; medians of the rounds."""
    samples = []
    for number in range(1, rounds + 1):
        samples.append(asyncio.run(_round()))
        print(f"round {number}: {samples[-1][0]:6.1f} us an attempt, {samples[-1][1]:7.0f} ends/s")
    names = ("attempt_us", "settled_per_s", "settled_us")
    middles = (round(median(one), 1) for one in zip(*samples, strict=True))
    return {
        "rounds": rounds,
        "attempts": ATTEMPTS,
        "at_once": AT_ONCE,
        **dict(zip(names, middles, strict=True)),
    }


async def _round() -> tuple[float, float, float]:
    """Return CPU µs for planning and settling; ends per second, and CPU µs for each."""
    services = FakeServices(plugin="benchmark")
    journal = SqliteJournal(Path("costs.db"), _KEEP, services)
    await journal.open()
    try:
        rows = iter([_row(number) for number in range(2 * ATTEMPTS)])
        first = [next(rows) for _ in range(ATTEMPTS)]
        begun = time.process_time()
        planned = iter(first)
        await timed(_attempts(journal, planned) for _ in range(AT_ONCE))
        await journal.flush()
        attempt_us = (time.process_time() - begun) / ATTEMPTS * 1e6
        begun = time.process_time()
        seconds = await timed([_ends(journal, rows)])
        settled_us = (time.process_time() - begun) / ATTEMPTS * 1e6
        if await journal.planned() or await journal.differences():
            raise RuntimeError("the journal is not what was written")
        await journal.close()
    finally:
        await services.close()
    return attempt_us, ATTEMPTS / seconds, settled_us


async def _attempts(journal: SqliteJournal, rows: Iterator[Row]) -> None:
    for row in rows:
        journal.plan(_planned(row), row)
        journal.settle(row)


async def _ends(journal: SqliteJournal, rows: Iterator[Row]) -> None:
    for row in rows:
        journal.settle(row)
    await journal.flush()


def _planned(row: Row) -> PlannedSpend:
    return PlannedSpend(
        attempt_id=row.id,
        at=row.at,
        until=row.at + 90,
        workflow_id=row.workflow_id,
        request_id=row.request_id,
        user=row.user,
        plan=row.plan,
        route=row.route,
        arm=row.arm,
        intent=row.intent,
        key=PriceKey(row.provider, row.model, row.deployment, row.zone),
        estimate=row.usage,
    )


def _row(number: int) -> Row:
    at = 1_763_985_600.0 + number / 100
    workflow = f"wf_{number:020x}"
    return Row(
        id=f"{workflow}-1",
        kind="attempt",
        ref="",
        at=at,
        settled=at + 1.5,
        replica="benchmark",
        user=f"user-{number % USERS}",
        plan="pro",
        route="campaigns",
        arm="new",
        provider="azure",
        model=MODELS[number % len(MODELS)],
        deployment="east-mini",
        zone="eu",
        intent="content_planning",
        workflow_id=workflow,
        request_id=f"{number:032x}",
        provider_id=f"chatcmpl-{number}",
        again="",
        outcome="answered",
        failure="",
        seconds=1.5,
        usage=Usage(1000, 200, 300, 40),
        usage_source="provider",
        estimated=False,
        nano_usd=NanoUSD(123_456),
        price_source="overlay",
        confidence="exact",
        book="0123456789ab",
        tier="default",
        answered_as="gpt-4o-mini-2024-07-18",
    )
