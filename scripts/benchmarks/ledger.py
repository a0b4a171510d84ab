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
from proxy.api.testing import FakeServices
from scripts.benchmarks.timing import timed
from tests.plugins.cost_meter.ledger.kept import planned
from tests.plugins.cost_meter.rowed import row

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
        ended = iter(first)
        await timed(_attempts(journal, ended) for _ in range(AT_ONCE))
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
    for one in rows:
        journal.plan(planned(one), one)
        journal.settle(one)


async def _ends(journal: SqliteJournal, rows: Iterator[Row]) -> None:
    for one in rows:
        journal.settle(one)
    await journal.flush()


def _row(number: int) -> Row:
    at = 1_763_985_600.0 + number / 100
    workflow = f"wf_{number:020x}"
    return row(
        f"{workflow}-1",
        at=at,
        settled=at + 1.5,
        user=f"user-{number % USERS}",
        model=MODELS[number % len(MODELS)],
        workflow_id=workflow,
        request_id=f"{number:032x}",
        provider_id=f"chatcmpl-{number}",
    )
