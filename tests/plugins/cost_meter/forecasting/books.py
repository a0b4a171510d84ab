"""A journal in memory, and what is written into it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.edges import MemoryEdges
from plugins.cost_meter.covering import Calendar, Kept
from plugins.cost_meter.forecasting.forecasts import Forecasts
from plugins.cost_meter.forecasting.series import Interval
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.tallying import Tallying
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.ledger.kept import KEEP, Process
from tests.plugins.cost_meter.rowed import row


class Books:
    """What forecasts, watch and brake are made of; time is set by hand."""

    def __init__(self, process: Process, journal: SqliteJournal) -> None:
        self.process = process
        self.journal = journal
        self.alerting = Alerting(_edges(process), process)
        self._written = 0

    async def spend(self, at: float, nano_usd: int, count: int = 1, **said: Any) -> None:
        """Write so many attempts that begin at a time and cost so much each."""
        rows = []
        for _ in range(count):
            self._written += 1
            known = {"request_id": f"r-{self._written}", "outcome": "answered", **said}
            rows.append(
                row(f"a-{self._written}", at=at, settled=at, nano_usd=NanoUSD(nano_usd), **known)
            )
        await self.journal.write(rows)

    def forecasts(self, *incidents: Interval) -> Forecasts:
        """What makes forecasts of this journal."""
        kept = Kept(KEEP.minutes, KEEP.hours)
        tallying = Tallying(self.journal, Calendar("UTC"), kept)
        return Forecasts(self.journal, tallying, self.process, incidents)


def _edges(process: Process) -> MemoryEdges:
    return MemoryEdges({}, process.now)


@asynccontextmanager
async def books(at: float) -> AsyncIterator[Books]:
    """An open journal, at a time."""
    process = Process(at)
    try:
        journal = await process.opened(Path(":memory:"))
        yield Books(process, journal)
        await journal.close()
    finally:
        await process.close()
    assert process.faults == []
