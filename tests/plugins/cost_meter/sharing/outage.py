"""Replicas that spend while their table is away, throttled, or does its work and does not say so.

Each is a whole meter with a journal of its own; between them and the table is a link over which
requests fare as the weather is. Afterwards the table is read item by item, and compared with the
journals.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from plugins.cost_meter.assembly import Assembled, assembled, migrated
from plugins.cost_meter.books import Asked, Ledger
from plugins.cost_meter.dollars import dollars
from plugins.cost_meter.ledger.outbox import SqliteOutbox
from plugins.cost_meter.row import DIMENSIONS, GRAINS, Dimension, Row, Sums, plus, sums_of
from plugins.cost_meter.settings import CostMeterSettings
from plugins.cost_meter.sharing.items import row_of, total_of
from proxy.api.spending import Usage
from proxy.api.testing import FakeServices, JumpingClock
from tests.kit.dynamo import REGION, DynamoServer
from tests.kit.flaky_link import FAULTS, Fate, FlakyLink
from tests.plugins.cost_meter.metered import attempt, ended

__all__ = ["WEATHERS", "Found", "Outage"]

_EVER: Final = Asked(0, 2.0**33)
_THROTTLED: Final = "ProvisionedThroughputExceededException"
_EVERYBODY: Final = DIMENSIONS[1:]
_LOOKS: Final = 200

_Fares = Callable[[random.Random], Fate]

WEATHERS: Final[Mapping[str, _Fares]] = {
    "served": lambda _: "served",
    "away": lambda _: "cut",
    "throttled": lambda _: "refused",
    "silent": lambda _: "silent",
    "done and not told": lambda _: "lost",
    "half told": lambda _: "half",
    "all at once": lambda chance: chance.choice(("served", *FAULTS)),
}
"""How requests fare, by name."""


@dataclass
class Found:
    """What was found."""

    attempts: int = 0
    rows: int = 0
    """In the journals."""
    usd: str = ""
    restarts: int = 0
    fares: Counter[str] = field(default_factory=Counter)
    """Requests to the table, by how they fared."""
    slowest: dict[str, float] = field(default_factory=dict)
    """By weather, in seconds: the longest that an attempt waited until it could be sent."""
    caught_up: float = 0.0
    """Seconds of work until the table had everything."""
    wrong: list[str] = field(default_factory=list)


class _Replica:
    """One meter, over all its lives."""

    def __init__(self, journal: Path, table: str, clock: JumpingClock) -> None:
        self._settings = CostMeterSettings.model_validate(
            {
                "journal": f"sqlite:{journal}",
                "ledger": table,
                "forecast": {"enabled": False},
                "advice": {"enabled": False},
            }
        )
        self._clock = clock
        self.services: FakeServices
        self.parts: Assembled

    async def open(self) -> None:
        self.services = FakeServices(self._clock, plugin="cost_meter")
        self.parts = await assembled(self._settings, self.services)

    async def end(self) -> None:
        """End without bringing what is left."""
        await self.parts.meter.close(1.0)
        await self.parts.journal.close()
        await self.services.close()
        if self.services.faults:
            raise self.services.faults[0]

    async def waits(self) -> bool:
        outbox = SqliteOutbox(self.parts.journal.file, lambda: self.parts.journal.horizons)
        return bool(await outbox.waiting() or await outbox.totals(1))


class Outage:
    """Over all weathers: `run` it once."""

    def __init__(self, server: DynamoServer, folder: Path, seed: int, replicas: int = 2) -> None:
        """`folder` is for the journals; the table is called after the seed."""
        self.found = Found()
        self._server = server
        self._table = f"outage-{seed}"
        self._folder = folder
        self._chance = random.Random(seed)
        self._count = replicas
        self._clock = JumpingClock()
        self._replicas: list[_Replica] = []
        self._weather = "served"
        self._bad_for = 0.0

    async def run(
        self, weathers: Sequence[str], *, attempts: int, lasts: float = 30.0, restarts: float = 0.0
    ) -> Found:
        """Have so many attempts in each weather; in so many of 100 a replica ends.

        Each weather lasts for so many seconds; requests take none, but for their tries.
        """
        self._bad_for = lasts
        port = int(self._server.endpoint.rpartition(":")[2])
        async with FlakyLink(port, lambda _: WEATHERS[self._weather](self._chance)) as link:
            refusal = {"__type": f"com.amazonaws.dynamodb.v20120810#{_THROTTLED}", "message": ""}
            link.refusal = 400, json.dumps(refusal).encode()
            await self._open(f"http://127.0.0.1:{link.port}")
            try:
                for weather in weathers:
                    await self._have(weather, link, attempts)
                    if self._chance.random() * 100 < restarts:
                        await self._restart(self._chance.choice(self._replicas))
                self._weather = "served"
                await self._catch_up()
                await self._judge()
            finally:
                for one in self._replicas:
                    await one.end()
            self.found.fares.update({str(name): count for name, count in link.seen.items()})
        return self.found

    # -- what happens -------------------------------------------------------------------

    async def _open(self, endpoint: str) -> None:
        url = f"dynamodb://{self._table}?region={REGION}&endpoint={endpoint}"
        self._replicas = [
            _Replica(self._folder / f"costs-{number}.db", url, self._clock)
            for number in range(self._count)
        ]
        services = FakeServices(plugin="cost_meter")
        await migrated(self._replicas[0]._settings, services, dry_run=False)
        await services.close()
        for one in self._replicas:
            await one.open()

    async def _have(self, weather: str, link: FlakyLink, attempts: int) -> None:
        """Have attempts while replicas look for the table, as it is in that weather."""
        await self._spend(10)
        self._weather = weather
        looking = asyncio.create_task(self._clock.jump(self._lasts(weather)))
        if weather == "silent":
            await link.until_silent()
        for _ in range(attempts // 10 - 1):
            await self._spend(10)
            if weather == "silent" and not link.silent:
                self.found.wrong.append("the table has answered meanwhile: nothing was shown")
        if weather == "silent":
            self._weather = "served"
            link.let_go()
        await looking

    def _lasts(self, weather: str) -> float:
        """Return for how many seconds; where somebody has to look, until everybody has."""
        looked_at = weather in ("served", "silent")
        return self._chance.uniform(61.0, 90.0) if looked_at else self._bad_for

    async def _spend(self, attempts: int) -> None:
        replica = self._chance.choice(self._replicas)
        for _ in range(attempts):
            planned = attempt(
                at=self._clock.now(),
                until=self._clock.now() + 30,
                user=f"user-{self._chance.randrange(5)}",
                plan=self._chance.choice(("pro", "free", "")),
                intent=self._chance.choice(("content_planning", "message_generation")),
            )
            begun = time.perf_counter()
            answer = await replica.parts.meter.plan(planned)
            took = time.perf_counter() - begun
            slowest = self.found.slowest
            slowest[self._weather] = max(slowest.get(self._weather, 0.0), took)
            self.found.attempts += 1
            if not answer.allowed:
                self.found.wrong.append(f"{planned.attempt_id} was refused")
            usage = Usage(*(self._chance.randrange(1000, 9000) for _ in Usage._fields))
            replica.parts.meter.settle(ended(planned, at=self._clock.now(), usage=usage))
        await replica.parts.journal.flush()

    async def _restart(self, replica: _Replica) -> None:
        await replica.end()
        self.found.restarts += 1
        await replica.open()

    async def _catch_up(self) -> None:
        begun = time.perf_counter()
        for _ in range(_LOOKS):
            await self._clock.jump(61.0)
            if not any([await one.waits() for one in self._replicas]):
                break
        else:
            self.found.wrong.append("not everything was brought")
        self.found.caught_up = time.perf_counter() - begun

    # -- the end ------------------------------------------------------------------------

    async def _judge(self) -> None:
        rows = [row for one in self._replicas for row in await _rows(one.parts.journal)]
        self.found.rows = len(rows)
        self.found.usd = dollars(sum(row.nano_usd for row in rows))
        items = self._server.items(self._table)
        there = [row_of(item) for item in items if item["pk"]["S"].startswith("L#")]
        wrong = self.found.wrong
        wrong += _rows_wrong(rows, there)
        wrong += _items_wrong(rows, items)
        for number, one in enumerate(self._replicas):
            wrong += [f"journal {number}: {said}" for said in await one.parts.journal.differences()]
            wrong += await _answers_wrong(rows, one.parts.ledger)
            if one.parts.fleet is None or one.parts.fleet.health() or one.parts.fleet.behind:
                wrong.append(f"replica {number} is not well, though all was brought")


def _rows_wrong(rows: Sequence[Row], there: Sequence[Row]) -> Iterator[str]:
    times = Counter(row.id for row in there)
    found = {row.id: row for row in there}
    yield from (f"{one} is there {count} times" for one, count in times.items() if count > 1)
    for row in rows:
        if row.id not in found:
            yield f"{row.id} is not there"
        elif found[row.id] != row:
            yield f"{row.id} is there otherwise"
    if len(found) > len(rows):
        yield f"{len(found)} rows are there, and {len(rows)} in the journals"


def _items_wrong(rows: Sequence[Row], items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell where the items of totals, added up, are not what the rows come to."""
    found: dict[tuple[str, str], Sums] = defaultdict(Sums)
    on_plans: Counter[str] = Counter()
    for item in items:
        kind, _, rest = item["pk"]["S"].partition("#")
        if kind == "A":
            scope, grain, _ = rest.split("#")
            found[scope, grain] = plus(found[scope, grain], total_of(item)[1])
        elif kind == "P":
            on_plans[rest[0]] += int(item["nano_usd"]["N"])
    right = _sum(rows)
    for scope in "*@":
        if on_plans[scope] != right.nano_usd:
            yield f"plans {scope} come to {on_plans[scope]}, the rows to {right.nano_usd}"
    for grain in GRAINS:
        for scope in "*@":
            if found[scope, grain] != right:
                yield f"totals {scope} by {grain} are {found[scope, grain]}, the rows {right}"


async def _answers_wrong(rows: Sequence[Row], ledger: Ledger) -> list[str]:
    """Tell where the ledger, as it is asked, does not say what the rows come to."""
    wrong: list[str] = []
    since = min(row.at for row in rows)
    asked = Asked(since, max(row.at for row in rows) + 1)
    bys: tuple[tuple[Dimension, ...], ...] = (DIMENSIONS, _EVERYBODY)
    for by in bys:
        right: dict[tuple[str, ...], Sums] = defaultdict(Sums)
        for row in rows:
            key = tuple(str(getattr(row, name)) for name in by)
            right[key] = plus(right[key], sums_of(row))
        for grain in GRAINS:
            found: dict[tuple[str, ...], Sums] = defaultdict(Sums)
            for total in await ledger.totals(asked, grain, by):
                key = tuple(total.by[name] for name in by)
                found[key] = plus(found[key], total.sums)
            if found != right:
                wrong.append(f"the ledger tells other totals by {grain}")
    return wrong


def _sum(rows: Sequence[Row]) -> Sums:
    found = Sums()
    for row in rows:
        found = plus(found, sums_of(row))
    return found


async def _rows(ledger: Ledger) -> list[Row]:
    found: list[Row] = []
    after = ""
    while True:
        page = await ledger.rows(_EVER, limit=1000, after=after)
        found += page.rows
        if not (after := page.after):
            return found
