"""Journals on a file that outlives them, as processes have them that end in all ways."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.ledger.log import Log
from plugins.cost_meter.row import Row
from proxy.api.spending import PlannedSpend, PriceKey
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.rowed import NOON

DAY = 86_400.0
KEEP = Keep(rows=400 * DAY, minutes=2 * DAY, hours=90 * DAY)


class Process(FakeServices):
    """One process: its stores, and a time that is set. Any number of journals live in it."""

    def __init__(self, at: float = NOON) -> None:
        super().__init__(plugin="cost_meter")
        self.at = at
        self.memory: dict[str, Any] = {}
        """What its journals have under way."""

    def now(self) -> float:
        return self.at

    async def opened(self, path: Path, keep: Keep = KEEP, most_users: int = 100) -> SqliteJournal:
        journal = SqliteJournal(path, keep, self, self.memory, most_users=most_users)
        await journal.open()
        return journal

    async def die(self, *journals: SqliteJournal) -> None:
        """End as by kill -9: nothing more is written, and the kernel releases the locks."""
        await self.close()
        for journal in journals:
            run = journal._run
            if run is not None and run._lock is not None:
                os.close(run._lock)
                run._lock = None


@asynccontextmanager
async def opened(
    path: Path, *, at: float = NOON, keep: Keep = KEEP, most_users: int = 100
) -> AsyncIterator[SqliteJournal]:
    """A process with one journal, that ends in an orderly way."""
    process = Process(at)
    try:
        journal = await process.opened(path, keep, most_users)
        yield journal
        await journal.close()
    finally:
        await process.close()
    assert process.faults == []


@contextmanager
def full(log: Log | None) -> Iterator[None]:
    """Have the disk be full for a log, as the kernel says so."""
    assert log is not None
    before = os.dup(log._file)
    with Path("/dev/full").open("wb") as no_room:
        os.dup2(no_room.fileno(), log._file)
    try:
        yield
    finally:
        os.dup2(before, log._file)
        os.close(before)


def planned(row: Row, until: float = 60.0) -> PlannedSpend:
    """The attempt of which a row tells; it has ended `until` seconds after it began."""
    return PlannedSpend(
        attempt_id=row.id,
        at=row.at,
        until=row.at + until,
        workflow_id=row.workflow_id,
        request_id=row.request_id,
        user=row.user,
        plan=row.plan,
        route=row.route,
        arm=row.arm,
        intent=row.intent,
        key=PriceKey(row.provider, row.model, row.deployment, row.zone),
        estimate=row.usage,
        again=row.again,
    )
