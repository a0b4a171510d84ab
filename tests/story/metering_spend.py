"""Proxies that spend, each with a journal of its own, killed at any moment while clients ask.

The provider is a process of its own that answers with any usage and tier, now and then without
telling either, fails, hangs and breaks off; and that writes its own bill.
"""

import asyncio
import csv
import io
import json
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import aiohttp

from plugins.cost_meter.books import Asked
from plugins.cost_meter.dollars import dollars
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.reconciling.reconciling import Reconciling
from plugins.cost_meter.row import DIMENSIONS, GRAINS, Row, Sums, plus, sums_of
from plugins.orchestrator.workflows.record import UNFINISHED
from proxy.api.testing import FakeServices
from tests.kit.provider import Provider, Step
from tests.kit.provider.bill import COLUMNS, Charge, PriceList
from tests.kit.provider.process import ProviderProcess
from tests.kit.provider.steps import (
    at_random,
    close_before_head,
    cut_after,
    hang_after,
    hang_before_head,
    status,
)
from tests.kit.running import RunningProxy, faults, free_port
from tests.story.operator import TRUSTED, Admin
from tests.story.orchestrated import INTENT, KEYS, orchestrator
from tests.story.steering import until

PRICES: PriceList = {
    "*": {"input": "0.15", "cached": "0.075", "output": "0.60", "reasoning": "0.61"},
    "*@flex": {"input": "0.075", "cached": "0.0375", "output": "0.30", "reasoning": "0.307"},
    "*@priority": {"input": "0.25", "cached": "0.125", "output": "1.00", "reasoning": "1.009"},
}
"""Of the bill. Those of reasoning are so odd that a rounding in another place is found."""

SETTLED_SECONDS = 90.0
_DAY = 86_400.0
_KEEP = Keep(400 * _DAY, 2 * _DAY, 90 * _DAY)
_BETWEEN = (0.3, 2.0)
"""Seconds from one kill to the next."""
_WEATHER_SECONDS = 0.4
_PATIENCE = 3.0
"""Seconds after which a client leaves."""


def weather(seed: int) -> tuple[Step, ...]:
    """How calls are treated, for a while each; mostly well."""
    fine = at_random(seed, before=0.01)
    return (
        *[fine] * 8,
        at_random(seed, before=0.2),
        status(429, retry_after_ms=20),
        status(503),
        close_before_head(),
        hang_before_head(),
        cut_after(3),
        hang_after(3),
    )


def configured(folder: Path, number: int, provider: ProviderProcess) -> dict[str, Any]:
    """Return a proxy's configuration."""
    settings = orchestrator(
        cast("Provider", provider),  # which has the same addresses
        workflows=f"sqlite://{folder}/workflows-{number}.db",
        deadline="2s",
        cache={"use": "never"},
        breaker={"open": "0.1s", "open_most": "0.2s"},
    )
    for one in settings["providers"].values():
        one["timeout"] = "0.5s"
    overlay = [
        {
            "model": "gpt-4o-mini",
            **({} if name == "*" else {"tier": name.removeprefix("*@")}),
            "cached_input": prices["cached"],
            **{part: price for part, price in prices.items() if part != "cached"},
        }
        for name, prices in PRICES.items()
    ]
    return {
        "upstreams": {"legacy": {"url": f"http://127.0.0.1:{free_port()}"}},
        "identity": {"key": ["header:X-User-Id"], "trusted_proxies": [f"{TRUSTED}/32"]},
        "plugins": {
            "orchestrator": settings,
            "cost_meter": {
                "journal": f"sqlite://{folder}/costs-{number}.db",
                "prices": {"overlay": overlay},
                "budgets": {"all": {"limit": 1_000_000, "per": "day", "of": "everyone"}},
            },
        },
        "routes": [{"name": "intents", "match": {"path": "/**"}, "plugin": "orchestrator"}],
    }


@dataclass
class Found:
    """What was found."""

    kills: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    """Answers by status; 0: the connection was cut, or the client left."""
    rows: int = 0
    billed: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    """Rows by where their usage comes from, and ``lost``: those of a killed process."""
    corrected: int = 0
    ledger_usd: str = ""
    bill_usd: str = ""
    """In the end, and exactly."""
    wrong: list[str] = field(default_factory=list)


class Spending:
    """Keeps the journals and the provider over all the lives of the proxies; a context manager."""

    def __init__(self, seed: int, *, proxies: int = 3, clients: int = 8) -> None:
        self.found = Found()
        self._random = random.Random(seed)
        self._seed = seed
        self._folder = tempfile.TemporaryDirectory(prefix="crossfade-spend-")
        self._bill = self._path / "bill"
        self._provider = ProviderProcess(bill=self._bill)
        self._count = proxies
        self._clients = clients
        self._proxies: list[RunningProxy] = []

    @property
    def _path(self) -> Path:
        return Path(self._folder.name)

    def __enter__(self) -> Self:
        self._provider.start()
        self._provider.price(PRICES)
        numbers = range(self._count)
        configs = [configured(self._path, number, self._provider) for number in numbers]
        self._proxies = [RunningProxy(config, env=KEYS) for config in configs]
        with ThreadPoolExecutor() as threads:
            list(threads.map(RunningProxy.start, self._proxies))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for proxy in self._proxies:
            proxy.stop()
            proxy._folder.cleanup()
        self._provider.stop()
        self._folder.cleanup()

    # -- what happens -------------------------------------------------------------------

    def spend(self, *, attempts: int, kills: int, seconds: float) -> Found:
        """Ask until the bill has so many, kill so often meanwhile, wait until all is over, judge.

        Raises TimeoutError if the asking takes longer than `seconds`.
        """
        asyncio.run(self._run(attempts, kills, seconds))
        with ThreadPoolExecutor() as threads:
            list(threads.map(RunningProxy.stop, self._proxies))
        for proxy in self._proxies:
            self._tell_faults(proxy)
        asyncio.run(self._judge())
        return self.found

    async def _run(self, attempts: int, kills: int, seconds: float) -> None:
        async with asyncio.timeout(seconds), aiohttp.ClientSession() as client:
            asking = [asyncio.create_task(self._ask(client)) for _ in range(self._clients)]
            asking.append(asyncio.create_task(self._change_weather()))
            try:
                while self.found.kills < kills or self._billed() < attempts:
                    await asyncio.sleep(self._random.uniform(*_BETWEEN))
                    if self.found.kills < kills:
                        await self._kill_one()
                    for done in [one for one in asking if one.done()]:
                        done.result()
            finally:
                for one in asking:
                    one.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
        await asyncio.to_thread(self._provider.stand, "*", at_random(self._seed))
        await until(self._all_over, "all workflows have an end", SETTLED_SECONDS)

    async def _kill_one(self) -> None:
        proxy = self._random.choice(self._proxies)
        proxy.process.kill()
        await asyncio.to_thread(proxy.process.wait)
        self._tell_faults(proxy)
        self.found.kills += 1
        await asyncio.to_thread(proxy.start)

    async def _change_weather(self) -> None:
        steps = weather(self._seed)
        while True:
            step = self._random.choice(steps)
            await asyncio.to_thread(self._provider.stand, "*", step)
            await asyncio.sleep(_WEATHER_SECONDS)

    async def _ask(self, client: aiohttp.ClientSession) -> None:
        while True:
            proxy = self._random.choice(self._proxies)
            intent: dict[str, Any] = {**INTENT, "data": {"number": self._random.random()}}
            if self._random.random() < 0.3:
                intent["stream"] = True
            patience = self._random.choice([_PATIENCE, _PATIENCE, 0.05])
            url = f"http://127.0.0.1:{proxy.port}/intents"
            try:
                async with asyncio.timeout(patience), client.post(url, json=intent) as told:
                    await told.read()
                    self.found.answered[told.status] += 1
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                self.found.answered[0] += 1
                await asyncio.sleep(0.01)

    def _billed(self) -> int:
        return self._bill.read_bytes().count(b"\n") if self._bill.exists() else 0

    def _all_over(self) -> bool:
        return not any(self._unfinished(proxy) for proxy in self._proxies)

    def _unfinished(self, proxy: RunningProxy) -> int:
        path = "/plugins/orchestrator/workflows?limit=1&status="
        found = 0
        for one in UNFINISHED:
            code, text = Admin(proxy).ask(path + one)
            found += code != 200 or len(json.loads(text)["workflows"])
        return found

    def _tell_faults(self, proxy: RunningProxy) -> None:
        said = proxy.output()
        if words := faults(said):
            self.found.wrong.append(f"kill {self.found.kills}: {', '.join(words)}: {said[-2000:]}")

    # -- the end ------------------------------------------------------------------------

    async def _judge(self) -> None:
        charges = [Charge(**json.loads(line)) for line in self._bill.read_text().splitlines()]
        ledgers = [
            await _read(self._path / f"costs-{number}.db", charges) for number in range(self._count)
        ]
        self.found.billed = len(charges)
        self.found.rows = sum(len(one.before) for one in ledgers)
        for one in ledgers:
            self.found.wrong += one.wrong
            self.found.sources.update(_sources(one.before))
            self.found.corrected += len(one.after) - len(one.before)
        self.found.wrong += judged([row for one in ledgers for row in one.before], charges)
        booked = sum(row.nano_usd for one in ledgers for row in one.after)
        billed = sum(one.cost_nano_usd or 0 for one in charges)
        if booked != billed:
            self.found.wrong.append(f"corrected ledgers come to {booked}, the bill to {billed}")
        self.found.ledger_usd, self.found.bill_usd = dollars(booked), dollars(billed)


class Kept(NamedTuple):
    """What a journal has in the end, before and after it was reconciled with the bill."""

    before: Sequence[Row]
    after: Sequence[Row]
    wrong: Sequence[str]


async def _read(path: Path, charges: Sequence[Charge]) -> Kept:
    services = FakeServices(plugin="cost_meter")
    journal = SqliteJournal(path, _KEEP, services)
    wrong: list[str] = []
    await journal.open()
    before = [row async for row in _rows(journal)]
    ids = {row.id for row in before}
    mine = [one for one in charges if one.attempt_id in ids]
    for times in (1, 2):
        posted = await Reconciling(journal, services.now, journal.replica).post(
            _export(mine), by="a story", why="the bill", since=0.0, until=2.0**33
        )
        if times == 2 and posted.written:
            wrong.append(f"{path.name}: posting the bill again writes {posted.written} rows more")
    after = [row async for row in _rows(journal)]
    wrong += [f"{path.name}: {one}" for one in await journal.differences()]
    wrong += await _totals_wrong(journal, after)
    await journal.close()
    await services.close()
    return Kept(before, after, wrong)


async def _totals_wrong(journal: SqliteJournal, rows: Sequence[Row]) -> list[str]:
    """Return where totals, as they are asked for, are not what the rows come to."""
    wrong = []
    right: dict[tuple[str, ...], Sums] = defaultdict(Sums)
    for row in rows:
        key = tuple(str(getattr(row, one)) for one in DIMENSIONS)
        right[key] = plus(right[key], sums_of(row))
    for grain in GRAINS:
        found: dict[tuple[str, ...], Sums] = defaultdict(Sums)
        for total in await journal.totals(Asked(0, 2.0**33), grain, DIMENSIONS):
            key = tuple(total.by[one] for one in DIMENSIONS)
            found[key] = plus(found[key], total.sums)
        if found != right:
            wrong.append(f"totals by {grain} are not the sums of the rows")
    return wrong


async def _rows(journal: SqliteJournal) -> Any:
    after = ""
    while True:
        page = await journal.rows(Asked(0, 2.0**33), limit=1000, after=after)
        for row in page.rows:
            yield row
        if not (after := page.after):
            return


def _export(charges: Sequence[Charge]) -> str:
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for one in charges:
        said = {**one._asdict(), "time": f"{one.at!r}"}
        lines.writerow([said[name] for name in COLUMNS])
    return text.getvalue()


def _sources(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        yield "lost" if row.failure == "lost" else row.usage_source


def judged(rows: Sequence[Row], charges: Sequence[Charge]) -> list[str]:
    """Return what is wrong with ledgers, all their rows together, beside the bill."""
    wrong = []
    times = Counter(row.id for row in rows)
    billed: dict[str, list[Charge]] = defaultdict(list)
    for one in charges:
        billed[one.attempt_id].append(one)
    wrong += [f"{one} is in the ledgers {n} times" for one, n in times.items() if n > 1]
    wrong += [f"{one} is on the bill, and in no ledger" for one in billed if not times[one]]
    wrong += [f"{one} was charged {len(of)} times" for one, of in billed.items() if len(of) > 1]
    for row in rows:
        told = row.usage_source in ("provider", "stream")
        cost = sum(one.cost_nano_usd or 0 for one in billed[row.id])
        if row.estimated == (told or row.usage_source == "none"):
            wrong.append(f"{row.id}: {row.usage_source}, and estimated is {row.estimated}")
        if not row.estimated and row.nano_usd != cost:
            wrong.append(f"{row.id} ({row.usage_source}): {row.nano_usd} nano-USD, billed {cost}")
    return wrong
