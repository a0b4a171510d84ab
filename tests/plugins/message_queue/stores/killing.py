"""A process that puts, claims and settles without pause, killed in the middle, again and again.

`python -m tests.plugins.message_queue.stores.killing PATH LIFE` is that process in its so-manieth
life: it prints a line for whatever the queue has acknowledged. Each life begins an hour after the
last one, when the leases of that are over.
"""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from plugins.message_queue.message import Claimed, Priority, State
from plugins.message_queue.store import Filter
from plugins.message_queue.stores.sqlite import MIGRATIONS, SqliteQueue
from proxy.api.testing import FakeServices
from tests.kit.running import ROOT
from tests.plugins.message_queue.stores.bench import LEASE, NOW, ROOMY, message

HOUR = 3_600.0
BOUNDS = ROOMY._replace(in_flight=3)
OVER: tuple[State, ...] = ("sent", "dead", "uncertain")

COUNTS = """
    SELECT user, sum(state IN ('held', 'queued', 'leased', 'sending')) AS live,
        sum(size * (state IN ('held', 'queued', 'leased', 'sending'))),
        sum(state IN ('leased', 'sending'))
    FROM queue_messages GROUP BY user HAVING live > 0
    EXCEPT SELECT user, live, bytes, in_flight FROM queue_users
"""


@dataclass
class Judgement:
    """What was acknowledged, and what was wrong."""

    told: Counter[str] = field(default_factory=Counter)
    """How often each word was said."""
    wrong: list[str] = field(default_factory=list)


class Killing:
    """Starts the process on one file, kills it after some of its lines, and looks at the file."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._random = random.Random(seed)
        self._last: dict[str, str] = {}
        self._judgement = Judgement()

    def run(self, kills: int) -> Judgement:
        """Kill so often, then have the queue give all that is left."""
        for life in range(kills):
            self._kill_after(self._random.randint(50, 400), life)
            asyncio.run(self._look(life))
        asyncio.run(self._empty(kills))
        return self._judgement

    def _kill_after(self, lines: int, life: int) -> None:
        module = "tests.plugins.message_queue.stores.killing"
        command = [sys.executable, "-m", module, str(self._path), str(life)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        with process.stdout as told:
            for number, line in enumerate(told, 1):
                # What it had told before it was killed counts, too; not a line that was cut.
                if line.endswith("\n"):
                    self._note(*line.split())
                if number == lines:
                    process.kill()
        process.wait()

    def _note(self, word: str, name: str) -> None:
        if word == "claimed" and self._last.get(name) == "sent":
            self._judgement.wrong.append(f"{name} was claimed after it was sent")
        self._judgement.told[word] += 1
        self._last[name] = word

    async def _look(self, life: int) -> None:
        """Nothing that was put is missing, nothing that was sent is anything else."""
        async with opened(self._path, life) as (queue, services):
            kept = {one.message.id: one for one in await queue.list(Filter(), limit=100_000)}
            for name, word in self._last.items():
                state = kept[name].state if name in kept else "missing"
                if state == "missing" or (word == "sent") > (state == "sent"):
                    self._judgement.wrong.append(f"{name}, last {word}, is {state}")
            depth = (await queue.stats()).depth
            if depth != Counter((one.state, one.message.priority) for one in kept.values()):
                self._judgement.wrong.append(f"there are other numbers than {depth}")
            file = services.sqlite(self._path, MIGRATIONS)
            if other := await file.ask(lambda connection: connection.execute(COUNTS).fetchall()):
                self._judgement.wrong.append(f"users have other numbers than {other}")

    async def _empty(self, life: int) -> None:
        async with opened(self._path, life) as (queue, _):
            while claimed := await queue.claim(BOUNDS, most=100, lease=LEASE):
                for one in claimed:
                    self._note("claimed", one.record.message.id)
                    await queue.sent(one.receipt, "p")
            for state, _ in (await queue.stats()).depth:
                if state not in OVER:
                    self._judgement.wrong.append(f"something is still {state}")


@asynccontextmanager
async def opened(path: Path, life: int) -> AsyncIterator[tuple[SqliteQueue, FakeServices]]:
    """Open the queue at the beginning of a life."""
    services = FakeServices()
    file = services.sqlite(path, MIGRATIONS)
    queue = SqliteQueue(file, lambda: NOW + life * HOUR, repeats=False)
    await queue.open()
    yield queue, services
    await services.close()


async def _put(queue: SqliteQueue, life: int) -> None:
    for number in count():
        new = message(
            life * 10_000 + number,
            user=f"u{number % 7}",
            priority=Priority(number % 4),
            max_attempts=100,
        )
        await queue.put(new, ROOMY._replace(user_messages=100_000, user_bytes=10**9))
        print("put", new.id, flush=True)


async def _deliver(queue: SqliteQueue, chance: random.Random) -> None:
    while True:
        claimed = await queue.claim(BOUNDS, most=5, lease=LEASE)
        for one in claimed:
            print("claimed", one.record.message.id, flush=True)
        await asyncio.gather(*(_settle(queue, one, chance.random()) for one in claimed))


async def _settle(queue: SqliteQueue, claimed: Claimed, chance: float) -> None:
    receipt = claimed.receipt
    if chance < 0.2:
        await queue.retry(receipt, 0.0, "SERVICE_UNAVAILABLE", "busy")
        return
    await queue.begin(receipt, LEASE)
    if chance < 0.9 and await queue.sent(receipt, "p"):
        print("sent", receipt.id, flush=True)


async def _live(path: Path, life: int) -> None:
    async with opened(path, life) as (queue, _):
        chance = random.Random(life)
        await asyncio.gather(_put(queue, life), *(_deliver(queue, chance) for _ in range(3)))


if __name__ == "__main__":
    asyncio.run(_live(Path(sys.argv[1]), int(sys.argv[2])))
