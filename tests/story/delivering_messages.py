"""Proxies that deliver messages, killed at any moment, and their Redis too, while clients post.

The platform is a process of its own that answers, hangs, breaks off and fails at random, and
whose log says what it has executed.
"""

import asyncio
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from tests.kit.delivery import Log, judged, spread
from tests.kit.limit_rules import Admitted, Asked, Rule, rule
from tests.kit.limit_rules import judged as limits_judged
from tests.kit.onlyfans import Step, answer, close, garbage, hang, read, reset, status
from tests.kit.onlyfans.process import OnlyFansProcess
from tests.kit.redis import RedisServer
from tests.kit.replaying import SECOND
from tests.kit.running import RunningProxy, faults, free_port
from tests.story.echo import Caller, Reply
from tests.story.operator import TRUSTED, Admin
from tests.story.steering import until

PATH = "/api/v2/onlyfans/messages"
PRIORITIES = ("critical", "high", "medium", "low")
TROUBLE: tuple[Step, ...] = (
    hang(executed=True),
    hang(executed=False),
    close(executed=True),
    close(executed=False),
    reset(executed=True),
    status(500, executed=True),
    status(500),
    status(503),
    status(429, retry_after=1),
    garbage(),
    *[answer(after=0.5)] * 10,  # a kill meets what was executed and not yet answered
)
SHARE = 0.1
"""Of the sends meet one of these."""
SETTLED_SECONDS = 180.0
REDIS_KILLED = 0.1
"""How often a kill is one of Redis."""
_CLIENTS = 24
_AGAIN = 0.05
"""How often a client posts again what was acknowledged already."""
_BETWEEN = (0.1, 1.0)
"""Seconds from one kill to the next."""
_PAGE = 500
"""Messages that operators are shown at a time."""
_MARGIN = 3
"""Seconds that a message may take from the count of a limit to the platform."""

Store = Literal["redis", "sqlite"]


def limits() -> tuple[Rule, ...]:
    """Return what the platform may see: limits that twenty thousand pass within minutes."""
    return (
        rule("person", "user", s10=30),
        rule("everybody", s10=3000),
    )


def _limited(store: str) -> dict[str, Any]:
    return {
        "store": store,
        "patience": "2s",
        "rules": {
            one.name: {
                "scope": list(one.scope),
                "windows": [
                    {"limit": at.limit, "per": f"{at.period // SECOND}s"} for at in one.policies
                ],
                "margin": f"{_MARGIN}s",
                "action": "queue",
                "on_store_error": "closed",
            }
            for one in limits()
        },
    }


def configured(queue: str, counts: str, platform: str, *, repeats: bool) -> dict[str, Any]:
    """Return a proxy's configuration."""
    return {
        "upstreams": {"legacy": {"url": f"http://127.0.0.1:{free_port()}"}},
        "identity": {"key": ["header:X-User-Id"], "trusted_proxies": [f"{TRUSTED}/32"]},
        "plugins": {
            "rate_limit": _limited(counts),
            "message_queue": {
                "store": queue,
                "gateway": {
                    "url": platform,
                    "token": "${CROSSFADE_TEST_TOKEN}",
                    "timeout": "1s",
                    "idempotent": repeats,
                },
                "limits": [one.name for one in limits()],
                "workers": {"concurrency": 16, "lease": "3s", "in_flight": 4},
                "retries": {"attempts": 100},
                "wait": "0.05s",
            },
        },
        "routes": [{"name": "rest", "match": {"path": "/**"}, "upstream": "legacy"}],
    }


class Posted(NamedTuple):
    """A message as it was acknowledged."""

    id: str
    user: str
    priority: str
    at: float
    """Unix seconds."""


@dataclass
class Found:
    """What was found."""

    kills: int = 0
    redis_kills: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    """Answers to what was posted, by status; 0: the connection was cut."""
    states: Counter[str] = field(default_factory=Counter)
    """Messages by how they have ended."""
    executed: int = 0
    uncertain_executed: int = 0
    waits: dict[str, str] = field(default_factory=dict)
    """By priority, the seconds from acknowledgement to execution: median, 99th percentile."""
    wrong: list[str] = field(default_factory=list)


class Delivering:
    """Keeps the stores and the platform over all the lives of the proxies; a context manager."""

    def __init__(
        self, seed: int, *, store: Store = "redis", repeats: bool = False, users: int = 100
    ) -> None:
        self.found = Found()
        self._repeats = repeats
        self._users = users
        self._random = random.Random(seed)
        self._folder = tempfile.TemporaryDirectory(prefix="crossfade-deliver-")
        folder = Path(self._folder.name)
        self._log = folder / "executions"
        options = ("--idempotent",) if repeats else ()
        self._platform = OnlyFansProcess(*options, log=self._log)
        self._redis = RedisServer("--appendonly", "yes", "--appendfsync", "always")
        self._with_redis = store == "redis"
        self._proxies: list[RunningProxy] = []
        self._posted: dict[str, list[Posted]] = defaultdict(list)
        """By the key that they were posted with."""

    def __enter__(self) -> Self:
        self._platform.start()
        queue = counts = self._redis.url
        if self._with_redis:
            self._redis.start()
        else:
            folder = self._folder.name
            queue, counts = f"sqlite:{folder}/queue.db", f"sqlite:{folder}/counts.db"
        config = configured(queue, counts, self._platform.url, repeats=self._repeats)
        env = {"CROSSFADE_TEST_TOKEN": "of-a-story"}
        self._proxies = [RunningProxy(config, env) for _ in range(2 if self._with_redis else 1)]
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
        self._redis.__exit__(kind, error, trace)
        self._platform.stop()
        self._folder.cleanup()

    # -- what happens -------------------------------------------------------------------

    def deliver(self, *, messages: int, kills: int, seconds: float) -> Found:
        """Post so many, kill so often meanwhile, wait until all have an end, judge.

        Raises TimeoutError if the posting and killing takes longer than `seconds`.
        """
        self._platform.trouble(SHARE, TROUBLE, self._random.randrange(1000))
        asyncio.run(self._run(messages, kills, seconds))
        return self.found

    async def _run(self, messages: int, kills: int, seconds: float) -> None:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            numbers = iter(range(messages))
            for _ in range(_CLIENTS):
                group.create_task(self._post_all(numbers))
            await self._kill(kills)
        await asyncio.to_thread(self._platform.clear)
        await until(lambda: not self._live(), "all messages have an end", SETTLED_SECONDS)
        await self._judge()
        for proxy in self._proxies:
            self._tell_faults(proxy)

    async def _kill(self, kills: int) -> None:
        for _ in range(kills):
            await asyncio.sleep(self._random.uniform(*_BETWEEN))
            if self._with_redis and self._random.random() < REDIS_KILLED:
                self._redis.stop()
                await asyncio.sleep(self._random.uniform(0, 0.5))
                await asyncio.to_thread(self._redis.start)
                await until(self._redis_serves, "Redis has read its file")
                self.found.redis_kills += 1
            else:
                proxy = self._random.choice(self._proxies)
                proxy.process.kill()
                await asyncio.to_thread(proxy.process.wait)
                self._tell_faults(proxy)
                await asyncio.to_thread(proxy.start)
                self.found.kills += 1

    def _redis_serves(self) -> bool:
        return self._redis.say("PING").startswith(b"+")

    def _tell_faults(self, proxy: RunningProxy) -> None:
        said = proxy.output()
        if words := faults(said):
            self.found.wrong.append(f"kill {self.found.kills}: {', '.join(words)}: {said[-2000:]}")

    # -- clients ------------------------------------------------------------------------

    async def _post_all(self, numbers: Iterator[int]) -> None:
        client = Poster(self._proxies, self._random)
        for number in numbers:
            times = 2 if self._random.random() < _AGAIN else 1
            body = self._body(number)
            user = f"user-{number % self._users:03}"
            for _ in range(times):
                reply = await self._post_until_taken(client, user, f"key-{number}", body)
                message = str(json.loads(reply.body)["data"]["messageId"])
                posted = Posted(message, user, body["priority"], time.time())
                self._posted[f"key-{number}"].append(posted)
        await client.close()

    def _body(self, number: int) -> dict[str, Any]:
        approved = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return {
            "recipientId": f"fan-{number}",
            "content": f"Message {number}",
            "priority": self._random.choice(PRIORITIES),
            "humanApproval": {"approvedBy": "ann", "approvedAt": approved},
        }

    async def _post_until_taken(
        self, client: "Poster", user: str, key: str, body: Mapping[str, Any]
    ) -> Reply:
        while True:
            lines = (f"X-User-Id: {user}", f"Idempotency-Key: {key}")
            reply = await client.ask("POST", PATH, *lines, body=json.dumps(body).encode())
            self.found.answered[0 if reply is None else reply.status] += 1
            if reply is not None and reply.status in (200, 202):
                return reply
            if reply is not None and reply.status not in (429, 503):
                raise AssertionError(f"{key} was answered with {reply.status}: {reply.body!r}")
            await asyncio.sleep(0.1)

    # -- the end ------------------------------------------------------------------------

    def _live(self) -> int:
        """Count those of the kinds that are on their way, each kind up to one."""
        return sum(len(self._listed(state, 1)) for state in ("queued", "leased", "sending"))

    def _listed(self, state: str, limit: int, after: str = "") -> list[str]:
        path = f"/plugins/message_queue/messages?state={state}&limit={limit}"
        code, text = Admin(self._proxies[0]).ask(path + (f"&after={after}" if after else ""))
        assert code == 200, text
        return [one["id"] for one in json.loads(text)["messages"]]

    def _all_uncertain(self) -> frozenset[str]:
        found = some = self._listed("uncertain", _PAGE)
        while len(some) == _PAGE:
            some = self._listed("uncertain", _PAGE, after=some[-1])
            found = found + some
        return frozenset(found)

    async def _judge(self) -> None:
        states = await self._states()
        executions = read(self._log)
        executed = Counter(one.key for one in executions)
        listed = await asyncio.to_thread(self._all_uncertain)
        told = {key: {one.id for one in posted} for key, posted in self._posted.items()}
        self.found.wrong += judged(Log(told, states, executed, listed), repeats=self._repeats)
        known = {posted[0].id: posted[0] for posted in self._posted.values()}
        arrived = [
            Admitted(int(one.at * SECOND), Asked(known[one.key].user, one.recipient))
            for one in executions
            if one.key in known
        ]
        self.found.wrong += limits_judged(limits(), arrived, [])
        self.found.states = Counter(states.values())
        self.found.executed = len(executions)
        self.found.uncertain_executed = sum(executed[one] for one in listed)
        for priority in PRIORITIES:
            self.found.waits[priority] = spread(
                one.at - known[one.key].at
                for one in executions
                if one.key in known and known[one.key].priority == priority
            )

    async def _states(self) -> dict[str, str]:
        """Ask for each message as its user would."""
        messages = iter([posted[0] for posted in self._posted.values()])
        states: dict[str, str] = {}

        async def ask() -> None:
            client = Poster(self._proxies, self._random)
            for one in messages:
                reply = await client.ask("GET", f"{PATH}/{one.id}", f"X-User-Id: {one.user}")
                assert reply is not None
                if reply.status == 200:
                    states[one.id] = str(json.loads(reply.body)["data"]["status"])
            await client.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(_CLIENTS):
                group.create_task(ask())
        return states


class Poster:
    """A client that goes to another proxy when the one it spoke to is gone."""

    def __init__(self, proxies: list[RunningProxy], draw: random.Random) -> None:
        self._proxies = proxies
        self._random = draw
        self._caller: Caller | None = None

    async def ask(self, method: str, path: str, *lines: str, body: bytes = b"") -> Reply | None:
        """Return the answer; None if the connection was cut, or none could be had."""
        try:
            if self._caller is None:
                self._caller = await Caller.open(self._random.choice(self._proxies).port, TRUSTED)
            typed = ("Content-Type: application/json",) if body else ()
            return await self._caller.ask(path, *lines, *typed, method=method, body=body)
        except (OSError, EOFError):
            await self.close()
            return None

    async def close(self) -> None:
        """Hang up."""
        caller, self._caller = self._caller, None
        if caller is not None:
            with suppress(OSError):
                await caller.close()
