"""What it costs to meter a dispatch: all that the plugin does for one attempt, from end to end.

Its price twice, what two budgets hold back and count (one of each user, one of everyone), the
line of the log before the attempt is sent, its row with all totals, the metrics. CPU of
the whole process, the thread of the file included.
"""

import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop
from prometheus_client import CollectorRegistry

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.edges import MemoryEdges
from plugins.cost_meter.budgets.opening import budgets_for
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.metering import Meter
from plugins.cost_meter.prices.book import PriceBook
from plugins.cost_meter.prices.declaring import PricesSettings
from plugins.cost_meter.prices.opening import listed
from proxy.api.spending import PlannedSpend, PriceKey, SettledSpend, Usage
from proxy.pluginhost.guard import Guard
from proxy.pluginhost.metrics import PluginMetrics
from proxy.pluginhost.services import PluginServices, Surroundings
from proxy.stores.for_plugins import StoresForPlugins
from scripts.benchmarks.timing import timed
from tests.kit.redis import RedisServer

ATTEMPTS = 6000
"""Of a round."""
AT_ONCE: Final = (1, 16, 64)
USERS = 100
MODELS = ("gpt-4o", "gpt-4o-mini")
_BEGAN: Final = 1_763_985_600.0
_DAY: Final = 86_400.0
_KEEP: Final = Keep(400 * _DAY, 2 * _DAY, 90 * _DAY)
_LIMIT: Final = "4000000"
"""US dollars: nothing is refused here."""
_BUDGETS: Final = {
    "user-day": BudgetSettings(of="user", limit=_LIMIT, per="day"),
    "month": BudgetSettings(of="everyone", limit=_LIMIT, per="month"),
}


def run(rounds: int) -> dict[str, Any]:
    """Measure; medians of the rounds. Raises RuntimeError if the books are wrong at the end."""
    found: dict[str, Any] = {"rounds": rounds, "attempts": ATTEMPTS}
    found["memory_us"] = _measured(rounds, None)
    with RedisServer() as redis:
        found["redis_us"] = _measured(rounds, redis)
    return found


def _measured(rounds: int, redis: RedisServer | None) -> dict[str, float]:
    """Return CPU µs for an attempt, by how many are under way at a time."""
    where = "memory" if redis is None else "Redis"
    samples: dict[str, list[float]] = {str(at_once): [] for at_once in AT_ONCE}
    for number in range(1, rounds + 1):
        for at_once in AT_ONCE:
            if redis is not None:
                redis.say("FLUSHDB")
            took = uvloop.run(_round(at_once, None if redis is None else redis.url))
            samples[str(at_once)].append(took)
            print(f"round {number}: {took:6.1f} us an attempt, {at_once} at a time, {where}")
    return {at_once: round(median(some), 1) for at_once, some in samples.items()}


async def _round(at_once: int, shared: str | None) -> float:
    async with metering(shared) as (meter, journal):
        turns = iter(range(ATTEMPTS))
        begun = time.process_time()
        await timed(_attempts(meter, turns) for _ in range(at_once))
        await journal.flush()
        took = time.process_time() - begun
        if await journal.planned() or await journal.differences():
            raise RuntimeError("the journal is not what was written")
    return took / ATTEMPTS * 1e6


@asynccontextmanager
async def metering(shared: str | None) -> AsyncIterator[tuple[Meter, SqliteJournal]]:
    """Run a meter on a file; `shared` is the Redis of its budgets, None: they are in memory."""
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder:
        services = _services(Path(folder))
        try:
            async with _on(services, shared) as parts:
                yield parts
        finally:
            await services.end(5.0)


class _NoFaults:
    """A fault is the end of the measurement."""

    def fault(self, guard: Guard, hook: str, error: BaseException, *, told: bool) -> None:
        raise RuntimeError(f"{guard.plugin} fails in {hook} ({told=})") from error

    def quarantined(self, guard: Guard) -> None:
        raise RuntimeError(f"{guard.plugin} is quarantined")

    def slow(self, hook: str, guards: tuple[Guard, ...], seconds: float) -> None:
        raise RuntimeError(f"{guards} held up the loop in {hook} for {seconds} s")


def _services(folder: Path) -> PluginServices:
    """Return what a plugin has in the proxy, but for the time."""
    around = Surroundings(
        PluginMetrics(CollectorRegistry()),
        lambda _: None,
        time.monotonic,
        lambda: _BEGAN,
        StoresForPlugins(folder),
    )
    return PluginServices(Guard("benchmark", "benchmark", "", _NoFaults()), around)


@asynccontextmanager
async def _on(
    services: PluginServices, shared: str | None
) -> AsyncIterator[tuple[Meter, SqliteJournal]]:
    journal = SqliteJournal(Path("costs.db"), _KEEP, services)
    await journal.open()
    state: dict[str, Any] = {}
    budgets = budgets_for(
        _BUDGETS,
        "UTC",
        services,
        Alerting(MemoryEdges(state, services.now), services),
        journal,
        shared=shared,
        replica=journal.replica,
        written=journal.flush,
        state=state,
    )
    await budgets.open()
    prices = PricesSettings()
    book = PriceBook(prices, listed(prices, _BEGAN), services.now)
    try:
        yield Meter(book, budgets, journal, services), journal
    finally:
        await budgets.close()
        await journal.close()


async def _attempts(meter: Meter, turns: Iterator[int]) -> None:
    for turn in turns:
        planned = _planned(turn)
        answer = await meter.plan(planned)
        if not answer.allowed:
            raise RuntimeError(f"an attempt was refused; nothing is to be, here: {answer.says}")
        meter.settle(_settled(planned))


def _planned(turn: int) -> PlannedSpend:
    at = _BEGAN + turn / 100
    workflow, model = f"wf_{turn:020x}", MODELS[turn % len(MODELS)]
    return PlannedSpend(
        attempt_id=f"{workflow}-1",
        at=at,
        until=at + 90,
        workflow_id=workflow,
        request_id=f"{turn:032x}",
        user=f"user-{turn % USERS}",
        plan="pro",
        route="campaigns",
        arm="new",
        intent="content_planning",
        key=PriceKey("azure", model, "east-mini", "global", at=at),
        estimate=Usage(input_uncached=1200, output_text=800),
        digest=f"{turn % 1000:016x}",
    )


def _settled(planned: PlannedSpend) -> SettledSpend:
    return SettledSpend(
        planned,
        planned.at + 1.5,
        "answered",
        usage=Usage(1000, 200, 300, 40),
        tier="default",
        answered_as="gpt-4o-2024-08-06",
        provider_id=planned.request_id,
    )
