"""A backlog of many creators, delivered as fast as the limits of the platform allow; seeded.

`python -m scripts.simulation.burst` prints how much of what the limits allow went out. Queue,
counts, rules and delivery are the real ones; time jumps to the next moment at which something
can be done.
"""

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from plugins.message_queue.delivering.deliverer import Deliverer
from plugins.message_queue.identifiers import message_id
from plugins.message_queue.message import Approval, Message, MessageType, Priority
from plugins.message_queue.store import AGING, WEIGHTS, Bounds, QueueStore
from plugins.message_queue.stores.sqlite import MIGRATIONS, SqliteQueue
from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.rules import book_of
from plugins.rate_limit.service import CountingLimits
from plugins.rate_limit.settings import RateLimitSettings
from proxy.api.testing import FakeServices
from tests.kit.limit_rules import Admitted, Asked, judged, onlyfans
from tests.kit.replaying import SECOND, admissible

LEASE = 60.0
AT_ONCE = 8
"""Messages that are claimed at a time."""
BOUNDS = Bounds(messages=1_000_000, user_messages=10_000, user_bytes=1 << 30, in_flight=AT_ONCE)
CROWD = 60
"""So many creators get half as much each out of the limit of all as their own ones allow."""
PUT_AT_ONCE = 500
READERS = 40
"""Recipients of each creator."""
KINDS: tuple[MessageType, ...] = ("welcome", "follow_up", "promotional", "custom")
ROUND = sum(WEIGHTS.values())


@dataclass(frozen=True)
class Scenario:
    """So many creators, with so many messages each, all there at the beginning."""

    name: str
    creators: int
    messages: int
    """Of each creator."""
    shares: tuple[int, int, int, int]
    """How the types are mixed, in the order of `KINDS`."""
    seconds: float

    @property
    def demand(self) -> Counter[MessageType]:
        """Return how many messages of each type a creator has."""
        of_each = self.messages / sum(self.shares)
        return Counter(
            {kind: round(of_each * share) for kind, share in zip(KINDS, self.shares, strict=True)}
        )

    @property
    def allowed(self) -> int:
        """Return how many can go at most: by the limits of all, of each creator, of each type."""
        until = round(self.seconds * SECOND)
        most = {
            rule.name.partition("-")[2]: admissible(rule.policies, until) for rule in onlyfans()
        }
        kinds = {kind: most[kind.replace("_", "-")] for kind in KINDS}
        by_kind = sum(min(wanted, kinds[kind]) for kind, wanted in self.demand.items())
        creator = min(by_kind, most["user"], most["pace"])
        return min(most["global"], self.creators * creator)


TEN_MINUTES = Scenario("100 creators, 10 min", 100, 100, (1, 1, 1, 1), 600)
A_DAY = Scenario("12 creators, 26 h", 12, 800, (8, 8, 3, 13), 26 * 3600)


class Turn(NamedTuple):
    """A message was claimed."""

    after: float
    """Seconds from the beginning."""
    user: str
    priority: Priority


@dataclass
class Found:
    """What came of a run."""

    allowed: int
    crowded: bool
    """Whether nobody waits for a limit of its own at first, but for that of all."""
    admitted: list[Admitted] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    sent: Counter[Priority] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Return how much of what the limits allow went out."""
        return len(self.admitted) / self.allowed

    @property
    def uneven(self) -> int:
        """Return by how many messages the creator with most is ahead of that with least."""
        sent = Counter(one.asked.user for one in self.admitted).values()
        return max(sent) - min(sent)

    def wrong(self) -> list[str]:
        """Return which limits were exceeded, and whose turn came too late."""
        return [
            *judged(onlyfans(), self.admitted, ()),
            *(unfair(self.turns) if self.crowded else ()),
        ]


class Platform:
    """Takes whatever comes, and notes when."""

    idempotent = False

    def __init__(self, services: FakeServices, found: Found) -> None:
        self._services = services
        self._found = found

    def rest(self) -> float:
        """Never to be left alone."""
        return 0.0

    def trouble(self) -> str:
        """All is well."""
        return ""

    async def send(self, message: Message, *, seconds: float) -> str:  # noqa: ARG002
        """Note it."""
        now = self._services.now()
        asked = Asked(message.user, message.recipient, message.message_type)
        self._found.admitted.append(Admitted(round(now * SECOND), asked))
        self._found.sent[message.priority] += 1
        return f"of-{len(self._found.admitted)}"


async def play(scenario: Scenario, seed: int) -> Found:
    """Deliver the backlog until the time is over."""
    services = FakeServices(plugin="message_queue")
    try:
        store = SqliteQueue(
            services.sqlite(Path("burst.db"), MIGRATIONS), services.now, repeats=False
        )
        await store.open()
        messages = [*_backlog(scenario, seed, services.now())]
        for first in range(0, len(messages), PUT_AT_ONCE):
            some = messages[first : first + PUT_AT_ONCE]
            await asyncio.gather(*(store.put(one, BOUNDS) for one in some))
        found = Found(scenario.allowed, scenario.creators >= CROWD)
        await _deliver(services, store, found, scenario.seconds)
        await store.close()
    finally:
        await services.close()
    return found


def _backlog(scenario: Scenario, seed: int, now: float) -> Iterator[Message]:
    draw = random.Random(seed)
    kinds = [*scenario.demand.elements()]
    approval = Approval(approved_by="ann", approved_at=now)
    wanted = [(creator, kind) for creator in range(scenario.creators) for kind in kinds]
    draw.shuffle(wanted)
    for creator, kind in wanted:
        yield Message(
            id=message_id(now),
            user=f"creator-{creator}",
            recipient=f"fan-{creator}-{draw.randrange(READERS)}",
            content="Good morning",
            message_type=kind,
            priority=draw.choice([*Priority]),
            approval=approval,
            enqueued_at=now,
            due_at=now,
            expires_at=now + 2 * scenario.seconds,
        )


def _limits(services: FakeServices) -> CountingLimits:
    counts = MemoryCounts({}, lambda: round(services.now() * SECOND), 200_000)
    book = book_of(RateLimitSettings(rule_sets=("onlyfans",)))
    return CountingLimits(book, counts, counts, {}, lambda *_: None)


async def _deliver(services: FakeServices, store: QueueStore, found: Found, seconds: float) -> None:
    """Claim and deliver; where nothing can be done, let time pass until something can."""
    limits, begun = _limits(services), services.now()
    deliverer = Deliverer(
        store,
        Platform(services, found),
        lambda: limits,
        services,
        rules=["onlyfans"],
        timeout=30.0,
        lease=LEASE,
    )
    until = begun + seconds
    while services.now() <= until:
        claimed = await store.claim(BOUNDS, most=AT_ONCE, lease=LEASE)
        after = services.now() - begun
        for one in claimed:
            message = one.record.message
            found.turns.append(Turn(after, message.user, message.priority))
        rest = max([(await deliverer.deliver(one)).rest for one in claimed], default=0.0)
        moment = services.now() + rest
        if not claimed:
            next_moment = await store.next_moment()
            if next_moment is None:
                return
            moment = max(next_moment, services.now() + 1e-3)
        await services.jumping.jump(moment - services.now())


def unfair(turns: Sequence[Turn]) -> list[str]:
    """Return what the order of claims owes to classes and creators, before anything has aged.

    While all classes have something: in 15 turns 8, 4, 2 and 1, give or take one where a round
    of claims begins; and within a class nobody is two turns ahead of anybody.
    """
    early = [turn for turn in turns if turn.after < AGING]
    wrong = []
    for first in range(0, len(early) - ROUND + 1, ROUND):
        had = Counter(turn.priority for turn in early[first : first + ROUND])
        if any(abs(had[priority] - weight) > 1 for priority, weight in WEIGHTS.items()):
            wrong.append(f"turns {first} to {first + ROUND} went to {dict(had)}")
    for priority in Priority:
        had_turns = Counter(turn.user for turn in early if turn.priority is priority)
        if had_turns and max(had_turns.values()) - min(had_turns.values()) > 1:
            wrong.append(f"{priority.name}: {max(had_turns.values())} turns to one, others fewer")
    return wrong


def main() -> int:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--least", type=float, default=0.95, help="of what the limits allow")
    asked = parser.parse_args()
    names = ", ".join(priority.name for priority in Priority)
    print(f"| backlog | seed | sent | allowed | share | creators apart | {names} |")
    print("|---|---:|---:|---:|---:|---:|---|")
    failed = False
    for scenario in (TEN_MINUTES, A_DAY):
        for seed in asked.seeds:
            found = asyncio.run(play(scenario, seed))
            wrong = found.wrong()
            sent = ", ".join(str(found.sent[priority]) for priority in Priority)
            print(
                f"| {scenario.name} | {seed} | {len(found.admitted)} | {found.allowed} "
                f"| {found.share:.1%} | {found.uneven} | {sent} |",
                flush=True,
            )
            for said in wrong:
                print(f"! {said}")
            failed = failed or bool(wrong) or found.share < asked.least
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
