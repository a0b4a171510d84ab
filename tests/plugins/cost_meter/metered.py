"""A meter on real parts: the price book, budgets in memory, the journal on a file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.budgets import Budgets
from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.edges import MemoryEdges
from plugins.cost_meter.budgets.opening import budgets_for
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.metering import Meter, OnJournalError
from plugins.cost_meter.row import Row
from proxy.api.spending import PlannedSpend, PriceKey, SettledSpend, Usage
from tests.plugins.cost_meter.ledger.kept import Process
from tests.plugins.cost_meter.prices.priced import NOW, book

_numbers = count(1)
INPUT, CACHED, OUTPUT = 2500, 1250, 10_000
"""Nano-USD for one token of gpt-4o in `priced`."""

ESTIMATE = Usage(1000, 0, 500)
ESTIMATED = 1000 * INPUT + 500 * OUTPUT


@dataclass
class Metered:
    """A meter, and what it speaks with."""

    meter: Meter
    journal: SqliteJournal
    budgets: Budgets
    process: Process

    async def row(self, attempt: PlannedSpend) -> Row | None:
        """What was written of an attempt."""
        await self.journal.flush()
        return await self.journal.row(attempt.attempt_id)

    async def figures(self) -> tuple[int, int, int]:
        """What the everyday budget says is spent and held back; and how many intents there are."""
        (view,) = await self.budgets.standing()
        return view.spent, view.reserved, await self.journal.planned()


def attempt(model: str = "gpt-4o", **said: Any) -> PlannedSpend:
    """An attempt that is about to be sent."""
    made: dict[str, Any] = {
        "attempt_id": f"wf_{next(_numbers)}-1",
        "at": NOW,
        "until": NOW + 30,
        "workflow_id": "wf_1",
        "request_id": "req-1",
        "user": "ann",
        "plan": "pro",
        "route": "campaigns",
        "arm": "new",
        "intent": "content_planning",
        "key": PriceKey("openai", model, at=NOW),
        "estimate": ESTIMATE,
    }
    return PlannedSpend(**(made | said))


def ended(one: PlannedSpend, **said: Any) -> SettledSpend:
    """How an attempt has ended: well, unless said otherwise."""
    made: dict[str, Any] = {
        "at": NOW + 2,
        "outcome": "answered",
        "usage": Usage(100, 20, 30),
        "provider_id": "chatcmpl-1",
        "answered_as": "gpt-4o-2024-08-06",
    }
    return SettledSpend(one, **(made | said))


@asynccontextmanager
async def metered(
    folder: Path, on_journal_error: OnJournalError = "closed", limit: str = "1", **prices: Any
) -> AsyncIterator[Metered]:
    """A meter with one budget of so many dollars a day for everyone."""
    process = Process(NOW)
    journal = await process.opened(folder / "costs.db")
    state: dict[str, Any] = {}
    said = BudgetSettings.model_validate({"limit": limit, "per": "day", "of": "everyone"})
    budgets = budgets_for(
        {"all": said},
        "UTC",
        process,
        Alerting(MemoryEdges(state, process.now), process),
        journal,
        shared=None,
        replica=journal.replica,
        written=journal.flush,
        state=state,
    )
    await budgets.open()
    meter = Meter(book(folder, **prices), budgets, journal, process, on_journal_error)
    try:
        yield Metered(meter, journal, budgets, process)
    finally:
        await budgets.close()
        await journal.close()
        await process.close()
    assert process.faults == []
