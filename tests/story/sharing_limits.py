"""Many clients at several proxies that share their limits on one Redis, and what was let through.

The judge has the times that Redis itself noted for what was admitted, the requests that came
back with an answer of the upstream, and the stretches in which the others were refused.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from plugins.rate_limit.rules import book_of
from plugins.rate_limit.settings import RateLimitSettings
from tests.kit.limit_rules import Admitted, Asked, Book, Refusal, Rule, judged, onlyfans, rule
from tests.kit.redis import RedisServer
from tests.kit.replaying import SECOND
from tests.story.echo import Caller, EchoUpstream
from tests.story.operator import TRUSTED
from tests.story.steering import serving

TYPES = ("welcome", "follow_up", "promotional", "custom")
OWN = (
    rule("person", "user", s2=8, s10=30),
    rule("reader", "recipient", s2=12),
    rule("kind", "user", "message_type", s4=6),
    rule("greeting", "user", only="welcome", s5=10),
    rule("purse", "account", weighed=True, s3=60),
    rule("readers", "user", distinct=True, s3=12),
    rule("everything", s1=150),
)
"""Rules whose windows fill within seconds."""
RULES = {"own": OWN, "onlyfans": tuple(one for one in onlyfans() if not one.only)}
"""By the route that they are for; those for one type of message are not filled within minutes."""
NOTED = {
    "own": ("person", "reader", "kind", "purse"),
    "onlyfans": ("onlyfans-user", "onlyfans-recipient"),
}
"""Rules by whose buckets it is known what an admitted request was about."""
_ALL = {"limit": 10_000, "per": "1h"}
"""A window that is never full: for its sake Redis keeps the times of all that was admitted."""


def settings(store: str) -> dict[str, Any]:
    """Return the plugin's settings: `OWN` in its words, and its rule set."""
    return {
        "store": store,
        "rule_sets": ["onlyfans"],
        "rules": {one.name: _in_words(one) for one in OWN},
    }


def _in_words(one: Rule) -> dict[str, Any]:
    windows = [{"limit": at.limit, "per": f"{at.period // SECOND}s"} for at in one.policies]
    words: dict[str, Any] = {
        "scope": list(one.scope),
        "windows": [*windows, _ALL] if one.name in NOTED["own"] else windows,
        "on_store_error": "closed",
    }
    if one.only:
        words["when"] = {"facts": {"message_type": [one.only]}}
    if one.weighed:
        words["cost"] = "body.units"
    if one.distinct:
        words["distinct"] = "recipient"
    return words


def configured(store: str, legacy: EchoUpstream) -> dict[str, Any]:
    """Return a proxy's configuration with a limited route for each of `RULES`."""
    return {
        "upstreams": {"legacy": {"url": legacy.url, "pool": {"idle": "30s"}}},
        "identity": {"key": ["header:X-User-Id"], "trusted_proxies": [f"{TRUSTED}/32"]},
        "plugins": {"rate_limit": {**settings(store), "patience": "5s"}},
        "routes": [
            {
                "name": name,
                "match": {"path": f"/{name}"},
                "upstream": "legacy",
                "plugins": [{"rate_limit": {"rules": rules}}],
            }
            for name, rules in (("own", [one.name for one in OWN]), ("onlyfans", ["onlyfans"]))
        ],
    }


@dataclass
class Found:
    """What the clients saw, and what the judge says."""

    admitted: dict[str, Counter[Asked]] = field(default_factory=lambda: defaultdict(Counter))
    """By route."""
    refusals: dict[str, list[Refusal]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    fullest: dict[str, int] = field(default_factory=dict)
    """By policy, the most that any of its windows has held."""

    @property
    def let_through(self) -> int:
        """Return how many requests were admitted."""
        return sum(asked.total() for asked in self.admitted.values())

    @property
    def violated(self) -> Counter[str]:
        """Return the refusals by the policies that they named."""
        every = (one for refusals in self.refusals.values() for one in refusals)
        return Counter(policy for one in every for policy in one.violated)


class Client:
    """One of many: asks a route again and again, without a pause."""

    def __init__(self, caller: Caller, route: str, draw: random.Random, found: Found) -> None:
        self._caller = caller
        self._route = route
        self._draw = draw
        self._found = found

    async def ask_until(self, end: float) -> None:
        """Ask until a moment of the monotonic clock."""
        while time.monotonic() < end:
            await self._ask(drawn(self._route, self._draw))
        await self._caller.close()

    async def _ask(self, asked: Asked) -> None:
        body = {
            "recipientId": asked.recipient,
            "messageType": asked.message_type,
            "accountId": asked.account,
            "units": asked.units,
        }
        since = _now()
        reply = await self._caller.ask(
            f"/{self._route}",
            f"X-User-Id: {asked.user}",
            "Content-Type: application/json",
            method="POST",
            body=json.dumps(body).encode(),
        )
        if reply.status == 200:
            self._found.admitted[self._route][asked] += 1
        elif reply.status == 429:
            violated = tuple(json.loads(reply.body)["violated-policies"])
            self._found.refusals[self._route].append(Refusal(asked, since, _now(), violated))
        else:
            self._found.wrong.append(f"answered with {reply.status}: {reply.body[:200]!r}")


def _now() -> int:
    return time.time_ns() // 1000


def drawn(route: str, draw: random.Random) -> Asked:
    """Return what a request is about: some users and recipients are asked for far more often."""
    own = route == "own"
    return Asked(
        f"{route}-user-{int(draw.triangular(0, 60 if own else 10, 0))}",
        f"{route}-fan-{int(draw.triangular(0, 60, 0))}",
        draw.choice(TYPES if own else TYPES[:3]),
        f"account-{draw.randrange(20)}",
        draw.choice((1, 1, 1, 2, 5)) if own else 1,
    )


async def shared(*, seconds: float, clients: int, seed: int, proxies: int = 3) -> Found:
    """Let so many clients ask at so many proxies, and judge."""
    found = Found()
    with RedisServer() as redis:
        async with EchoUpstream("legacy") as legacy:
            config = configured(f"redis://127.0.0.1:{redis.port}/0", legacy)
            async with serving(*[config] * proxies) as running:
                await _traffic([one.port for one in running], seconds, clients, seed, found)
                kept = await _kept(redis.url)
            if legacy.asked != found.let_through:
                found.wrong.append(f"{legacy.asked} reached legacy, {found.let_through} came back")
    for route, rules in RULES.items():
        await asyncio.to_thread(_judge, route, rules, kept, found)
    return found


async def _traffic(
    ports: Sequence[int], seconds: float, clients: int, seed: int, found: Found
) -> None:
    callers = [await Caller.open(ports[one % len(ports)], TRUSTED) for one in range(clients)]
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number, caller in enumerate(callers):
            route = "onlyfans" if number % 10 == 9 else "own"
            draw = random.Random(f"{seed}-{number}")
            group.create_task(Client(caller, route, draw, found).ask_until(end))


# -- what Redis knows -------------------------------------------------------------------

Kept = dict[str, list[tuple[str, int]]]
"""The sets of Redis by key: pairs of ticket and time, one for each unit."""


async def _kept(url: str) -> Kept:
    kept: Kept = {}
    redis = Redis.from_url(url, decode_responses=True)
    try:
        async for key in redis.scan_iter(count=1000):
            if await redis.type(key) == "zset":
                pairs: list[Any] = await redis.zrange(key, 0, -1, withscores=True)
                kept[str(key)] = [(name.rpartition(":")[0], int(at)) for name, at in pairs]
    finally:
        await redis.aclose()
    return kept


def _joined(route: str, asked: Iterable[Asked], kept: Kept) -> list[Admitted]:
    """Return what Redis says was admitted: a ticket stands in one bucket of each rule."""
    book = book_of(RateLimitSettings.model_validate(settings("memory://")))
    noted = [one for one in book.rules if one.name in NOTED[route]]
    known: dict[str, dict[str, Any]] = {}
    for one in asked:
        for counted in noted:
            facts = one._asdict()
            scope = {name: facts[name] for name in counted.said.scope}
            known[counted.claim(facts).bucket] = scope
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, pairs in kept.items():
        bucket = ":".join(key.split(":")[-2:])
        if bucket not in known:
            continue
        units = Counter(ticket for ticket, _ in pairs)
        weighed = bucket.startswith("purse:")
        for ticket, at in pairs:
            found[ticket] |= known[bucket] | {"at": at}
            if weighed:
                found[ticket]["units"] = units[ticket]
    return [Admitted(facts.pop("at"), Asked(**facts)) for facts in found.values()]


def _judge(route: str, rules: Sequence[Rule], kept: Kept, found: Found) -> None:
    told = Counter({_counted(route, one): 0 for one in found.admitted[route]})
    for one, times in found.admitted[route].items():
        told[_counted(route, one)] += times
    admitted = _joined(route, found.admitted[route], kept)
    if told != Counter(one.asked for one in admitted):
        found.wrong.append(f"{route}: {told.total()} were let through, Redis has {len(admitted)}")
    found.wrong += judged(rules, admitted, found.refusals[route])
    for each in rules:
        book = Book(each, admitted)
        found.fullest |= {str(policy): book.fullest(policy) for policy in each.policies}


def _counted(route: str, asked: Asked) -> Asked:
    """Return what the noted rules of a route know of it."""
    return asked if route == "own" else Asked(asked.user, asked.recipient)
