"""Budgets on their own: a ledger of rows in memory, real stores, and attempts of people."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.books import Asked, Page
from plugins.cost_meter.budgets.budgets import Budgets
from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.edges import MemoryEdges
from plugins.cost_meter.budgets.matching import Budget
from plugins.cost_meter.budgets.opening import budgets_for
from plugins.cost_meter.row import Dimension, Grain, Row, Sums, Total, plus, sums_of
from proxy.api import NanoUSD, PlannedSpend, PriceKey, SpendAnswer, StoreError, Usage
from proxy.api.testing import FakeServices

USD = 10**9
DAY = 86_400.0
SECONDS: dict[Grain, int] = {"minute": 60, "hour": 3600, "day": 86_400}
_numbers = count(1)
NOW = 1_750_000_000.0


def budget(name: str = "one", **said: Any) -> Budget:
    """A budget of 5 USD, for each day unless it says otherwise."""
    rest = {} if "rolling" in said else {"per": "day"}
    return Budget(name, BudgetSettings.model_validate({"limit": "5", **rest, **said}), "UTC")


def planned(now: float, **said: Any) -> PlannedSpend:
    """An attempt that is about to be sent; `model` is of its key."""
    model = said.pop("model", "gpt-4o-mini")
    number = next(_numbers)
    made: dict[str, Any] = {
        "attempt_id": f"attempt-{number}",
        "at": now,
        "until": now + 30.0,
        "workflow_id": f"workflow-{number}",
        "request_id": f"request-{number}",
        "user": "ann",
        "plan": "pro",
        "route": "campaigns",
        "arm": "new",
        "intent": "content_planning",
        "key": PriceKey("openai", model),
        "estimate": Usage(input_uncached=10, output_text=10),
    }
    return PlannedSpend(**(made | said))


def row(spent: PlannedSpend, nano: int) -> Row:
    """The line of the ledger of an attempt."""
    return Row(
        id=spent.attempt_id,
        kind="attempt",
        ref="",
        at=spent.at,
        settled=spent.at,
        replica="r",
        user=spent.user,
        plan=spent.plan,
        route=spent.route,
        arm=spent.arm,
        provider=spent.key.provider,
        model=spent.key.model,
        deployment="",
        zone="",
        intent=spent.intent,
        workflow_id=spent.workflow_id,
        request_id=spent.request_id,
        provider_id="",
        again="",
        outcome="answered",
        failure="",
        seconds=1.0,
        usage=Usage(),
        usage_source="provider",
        estimated=False,
        nano_usd=NanoUSD(nano),
        price_source="overlay",
        confidence="exact",
        book="",
        tier="",
        answered_as="",
    )


@dataclass
class ListedLedger:
    """A ledger that is a list, and counts its totals anew each time it is asked."""

    lines: list[Row] = field(default_factory=list)
    gone: bool = False
    asked: int = 0
    minutes_since: float = 0.0
    """Minutes from before are not kept any more."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, totals are not told."""

    def __post_init__(self) -> None:
        self.answers.set()

    async def totals(
        self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()
    ) -> tuple[Total, ...]:
        self._there()
        await self.answers.wait()
        found: dict[tuple[float, tuple[str, ...]], Sums] = {}
        length = SECONDS[grain]
        for one in self.lines:
            begins = one.at // length * length
            fits = all(getattr(one, name) == value for name, value in asked.where.items())
            fits = fits and (grain != "minute" or begins >= self.minutes_since)
            if fits and asked.since // length * length <= begins < asked.until:
                key = begins, tuple(getattr(one, name) for name in by)
                found[key] = plus(found.get(key, Sums()), sums_of(one))
        return tuple(
            Total(begins, dict(zip(by, names, strict=True)), sums)
            for (begins, names), sums in sorted(found.items())
        )

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        self._there()
        fits = [
            one
            for one in sorted(self.lines, key=lambda one: (one.at, one.id))
            if asked.since <= one.at < asked.until
            and all(getattr(one, name) == value for name, value in asked.where.items())
        ]
        begin = int(after or 0)
        end = begin + min(limit, 2)  # so that there are always several pages
        return Page(tuple(fits[begin:end]), str(end) if end < len(fits) else "")

    async def row(self, row_id: str) -> Row | None:
        self._there()
        return next((one for one in self.lines if one.id == row_id), None)

    async def write(self, rows: Sequence[Row]) -> int:
        self._there()
        self.lines += rows
        return len(rows)

    async def written(self) -> None:
        self._there()

    def _there(self) -> None:
        self.asked += 1
        if self.gone:
            raise StoreError("the ledger cannot be reached")


@dataclass
class Household:
    """Budgets, and all that is around them."""

    budgets: Budgets
    services: FakeServices
    ledger: ListedLedger
    state: dict[str, Any]

    def plan(self, **said: Any) -> PlannedSpend:
        return planned(self.services.now(), **said)

    async def asks(self, usd: float, **said: Any) -> tuple[PlannedSpend, SpendAnswer]:
        """Ask to send something that may cost so much."""
        one = self.plan(**said)
        return one, await self.budgets.reserve(one, NanoUSD(round(usd * USD)))

    async def allowed(self, usd: float, **said: Any) -> bool:
        return (await self.asks(usd, **said))[1].allowed

    def ends(self, one: PlannedSpend, usd: float | None) -> None:
        """Tell what it has cost: the ledger, and the budgets."""
        nano = None if usd is None else round(usd * USD)
        if nano is not None:
            self.ledger.lines.append(row(one, nano))
        self.budgets.settle(one, None if nano is None else NanoUSD(nano))

    async def spends(self, usd: float, **said: Any) -> bool:
        """Send something that costs what was estimated; whether it could be sent."""
        one, answer = await self.asks(usd, **said)
        if answer.allowed:
            self.ends(one, usd)
        return answer.allowed

    async def spent(self, name: str, user: str | None = None) -> tuple[float, float]:
        """What of a budget is spent and held back, in US dollars."""
        found = [one for one in await self.budgets.standing(user) if one.name == name]
        return found[0].spent / USD, found[0].reserved / USD


@asynccontextmanager
async def household(
    budgets: dict[str, dict[str, Any]],
    *,
    services: FakeServices | None = None,
    ledger: ListedLedger | None = None,
    shared: str | None = None,
    replica: str = "me",
    whole: bool = False,
    zone: str = "UTC",
    state: dict[str, Any] | None = None,
    behind: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Household]:
    """Open budgets; `whole`: the ledger is that of a fleet; `behind` see `budgets_for`."""
    services = services or FakeServices(plugin="cost_meter")
    ledger = ListedLedger() if ledger is None else ledger
    state = {} if state is None else state
    edges = MemoryEdges(state, services.now)
    made = budgets_for(
        {name: BudgetSettings.model_validate(said) for name, said in budgets.items()},
        zone,
        services,
        Alerting(edges, services),
        ledger,
        shared=shared,
        replica=replica,
        written=None if whole else ledger.written,
        behind=behind,
        state=state,
    )
    await made.open()
    try:
        yield Household(made, services, ledger, state)
    finally:
        await made.close()
        await services.close()
