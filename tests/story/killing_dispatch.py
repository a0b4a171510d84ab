"""A proxy that runs workflows, killed at any moment, again and again, while clients ask.

The provider is a process of its own, whose log says what it was asked and what it has executed.
"""

import asyncio
import json
import random
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import aiohttp

from plugins.orchestrator.workflows.record import UNFINISHED, Workflow
from tests.kit.provider import Provider, Step, answer, close_before_head, hang_before_head, status
from tests.kit.provider.process import ProviderProcess
from tests.kit.running import RunningProxy, faults, free_port, wait_until
from tests.story.operator import Admin
from tests.story.orchestrated import INTENT, KEYS, orchestrator
from tests.story.steering import until

MODEL = "gpt-4o-mini"
WEATHER: dict[str, Step] = {
    "fine": answer(before=0.02),
    "slow": answer(before=0.15),
    "busy": status(429, retry_after_ms=40),
    "broken": status(503),
    "gone": close_before_head(),
    "hanging": hang_before_head(),
}
SETTLED_SECONDS = 30.0
_CLIENTS = 8
_AGAIN = 0.3
"""How often a client sends one of its earlier requests again, under its key."""
_KILL_WITHIN = 0.8
"""Seconds from when it asks the provider for the first time, or was started, to the kill."""
_EARLY = 0.1
"""How often it is killed without having been asked for anything."""


@dataclass
class Judgement:
    """What was found."""

    kills: int = 0
    asked: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    """Answers by status; 0: the connection was cut."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Workflows by how they have ended."""
    resumed: int = 0
    executed: int = 0
    wrong: list[str] = field(default_factory=list)


class Answer(NamedTuple):
    """What a client was told."""

    key: str
    """The Idempotency-Key; empty: none was sent."""
    status: int
    workflow: str
    content: str


class Call(NamedTuple):
    """A call as the provider has it."""

    attempt: str
    workflow: str
    executed: bool


class Killing:
    """Keeps one store and one provider over all the lives of the proxy; a context manager."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._folder = tempfile.TemporaryDirectory(prefix="crossfade-kill-")
        folder = Path(self._folder.name)
        self._store = folder / "workflows.db"
        self._log = folder / "calls"
        self._provider = ProviderProcess(log=self._log)
        self._answers: list[Answer] = []
        self._sent: list[tuple[str, dict[str, Any]]] = []
        self.found = Judgement()

    def __enter__(self) -> Self:
        self._provider.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._provider.stop()
        self._folder.cleanup()

    # -- the lives of the proxy ---------------------------------------------------------

    def kill_once(self) -> None:
        """Start a proxy, let clients ask, kill it."""
        weather = self._random.choices(list(WEATHER), weights=[4, 3, 1, 2, 1, 1])[0]
        self._provider.stand(MODEL, WEATHER[weather])
        proxy = self._proxy()
        early = self._random.random() < _EARLY
        moment = self._random.uniform(0.0, _KILL_WITHIN)
        asyncio.run(self._live(proxy, moment, early=early))
        self._told_of_faults(proxy)
        proxy._folder.cleanup()
        self.found.kills += 1

    def settle(self) -> None:
        """Start a last one, wait until every workflow has an end, end it in good order."""
        self._provider.clear()
        with self._proxy() as proxy:
            wait_until(lambda: self._unfinished(proxy) == 0, "all has an end", SETTLED_SECONDS)
            self._told_of_faults(proxy)

    def _proxy(self) -> RunningProxy:
        settings = orchestrator(
            cast("Provider", self._provider),  # which has the same addresses
            workflows=f"sqlite://{self._store}",
            deadline="2s",
            cache={"use": "never"},
            breaker={"open": "0.1s", "open_most": "0.2s"},
            rules=[{"providers": ["azure", "openai"]}],
        )
        for one in settings["providers"].values():
            one["timeout"] = "0.4s"
        for deployment in settings["deployments"].values():
            deployment["price"] = {"input": "0.15", "output": "0.60"}
        config = {
            "upstreams": {"legacy": {"url": f"http://127.0.0.1:{free_port()}"}},
            "plugins": {"orchestrator": settings},
            "routes": [{"name": "intents", "match": {"path": "/**"}, "plugin": "orchestrator"}],
        }
        return RunningProxy(config, env=KEYS)

    async def _live(self, proxy: RunningProxy, moment: float, *, early: bool) -> None:
        if early:
            proxy._spawn()
            await asyncio.sleep(moment)
        else:
            await asyncio.to_thread(proxy.start)
        async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
            if not early:
                before = self._provider.counts()
                for _ in range(_CLIENTS):
                    group.create_task(self._ask(client, proxy))
                await until(lambda: self._provider.counts() != before, "the provider is asked")
                await asyncio.sleep(moment)
            proxy.process.kill()
        await asyncio.to_thread(proxy.process.wait)

    async def _ask(self, client: aiohttp.ClientSession, proxy: RunningProxy) -> None:
        """Ask again and again until the proxy is gone."""
        while True:
            key, intent = self._next()
            headers = {"Idempotency-Key": key} if key else {}
            url = f"http://127.0.0.1:{proxy.port}/intents"
            self.found.asked += 1
            try:
                async with client.post(url, json=intent, headers=headers) as told:
                    self._told(key, told.status, await told.read(), streams="stream" in intent)
            except (aiohttp.ClientError, ConnectionError):
                self.found.answered[0] += 1
                return

    def _next(self) -> tuple[str, dict[str, Any]]:
        if self._sent and self._random.random() < _AGAIN:
            return self._random.choice(self._sent[-100:])
        number = self.found.asked
        intent: dict[str, Any] = {**INTENT, "data": {"number": number}}
        kind = self._random.choice(["plain", "keyed", "keyed", "deferrable", "stream"])
        if kind in ("deferrable", "stream"):
            intent[kind] = True
        if kind != "keyed":
            return "", intent
        self._sent.append((f"key-{number}", intent))
        return self._sent[-1]

    def _told(self, key: str, code: int, body: bytes, *, streams: bool) -> None:
        self.found.answered[code] += 1
        if streams and code == 200:
            text = body.decode()
            if "event: workflow" in text:
                said = text.split("event: workflow", 1)[1]
                body = said.split("data: ", 1)[1].splitlines()[0].encode()
            else:
                return  # it was cut, or has failed, and says so
        with suppress(ValueError):
            said = json.loads(body)
            self._answers.append(
                Answer(key, code, said.get("workflowId", ""), said.get("content", ""))
            )

    def _unfinished(self, proxy: RunningProxy) -> int:
        count = 0
        for state in UNFINISHED:
            _, text = Admin(proxy).ask(f"/plugins/orchestrator/workflows?status={state}&limit=100")
            count += len(json.loads(text)["workflows"])
        return count

    def _told_of_faults(self, proxy: RunningProxy) -> None:
        said = proxy.output()
        if words := faults(said):
            self.found.wrong.append(f"kill {self.found.kills}: {', '.join(words)}: {said[-2000:]}")

    # -- what is left -------------------------------------------------------------------

    def judge(self) -> Judgement:
        """Compare what the store holds with what clients and the provider know."""
        kept = self._kept()
        calls = [*self._calls()]
        self.found.statuses = Counter(one.status for one in kept.values())
        self.found.resumed = sum(
            any(step.what == "resumed" for step in one.decisions) for one in kept.values()
        )
        self.found.executed = sum(call.executed for call in calls)
        self.found.wrong += [
            *_unended(kept),
            *_lost(kept, self._answers),
            *_unaccounted(kept, calls),
            *_executed_twice(kept, calls),
            *_keys_taken_twice(kept, self._answers),
            *_uncosted(kept, calls),
            *_missummed(kept, self._summed()),
        ]
        return self.found

    def _kept(self) -> dict[str, Workflow]:
        with closing(sqlite3.connect(self._store)) as connection:
            rows = connection.execute("SELECT document FROM workflows").fetchall()
        workflows = (Workflow.model_validate_json(text) for (text,) in rows)
        return {one.id: one for one in workflows}

    def _summed(self) -> dict[str, int]:
        """The costs that are told to users, by workflow."""
        with closing(sqlite3.connect(self._store)) as connection:
            rows = connection.execute(
                "SELECT workflow, sum(nano_usd) FROM workflow_costs GROUP BY workflow"
            )
            return dict(rows.fetchall())

    def _calls(self) -> Iterator[Call]:
        """The provider's calls; nobody has killed it, so each line is whole."""
        for line in self._log.read_text().splitlines():
            said = json.loads(line)
            if said["event"] == "begin":
                yield Call(said["attempt"], said["workflow"], said["executed"])


def _unended(kept: dict[str, Workflow]) -> Iterator[str]:
    for one in kept.values():
        if one.status in UNFINISHED:
            yield f"{one.id} is {one.status} still"
        elif any(attempt.state == "begun" for attempt in one.attempts):
            yield f"{one.id} is {one.status} with an attempt that has no end"


def _lost(kept: dict[str, Workflow], answers: list[Answer]) -> Iterator[str]:
    """What a client was told of has to be there; what it was told to be done, is done."""
    for told in answers:
        one = kept.get(told.workflow)
        if one is None:
            if told.status in (200, 202):
                yield f"{told.workflow} was answered with {told.status} and is gone"
        elif told.status == 200 and one.status != "completed":
            yield f"{one.id} was answered with 200 and is {one.status}"


def _unaccounted(kept: dict[str, Workflow], calls: list[Call]) -> Iterator[str]:
    known = {attempt.id for one in kept.values() for attempt in one.attempts}
    for call in calls:
        if call.attempt not in known:
            yield f"attempt {call.attempt} of {call.workflow} was sent and is in no record"


def _executed_twice(kept: dict[str, Workflow], calls: list[Call]) -> Iterator[str]:
    sent = Counter(call.attempt for call in calls)
    yield from (f"attempt {one} was sent {times} times" for one, times in sent.items() if times > 1)
    # In this weather nothing that was executed is known to have failed, so nothing may follow it.
    executed = Counter(call.workflow for call in calls if call.executed)
    for workflow, times in executed.items():
        if times > 1:
            states = [attempt.state for attempt in kept[workflow].attempts]
            yield f"{workflow} was executed {times} times; its attempts are {states}"


def _keys_taken_twice(kept: dict[str, Workflow], answers: list[Answer]) -> Iterator[str]:
    keys = Counter(one.idempotency for one in kept.values() if one.idempotency)
    yield from (f"a key has {times} workflows" for times in keys.values() if times > 1)
    told: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for one in answers:
        if one.key and one.status == 200:
            told[one.key].add((one.workflow, one.content))
    for key, ways in told.items():
        if len(ways) > 1:
            yield f"{key} was answered in {len(ways)} ways, by {sorted(way[0] for way in ways)}"


def _uncosted(kept: dict[str, Workflow], calls: list[Call]) -> Iterator[str]:
    """What was executed is paid for: its attempt knows how much, or has an estimate."""
    attempts = {attempt.id: attempt for one in kept.values() for attempt in one.attempts}
    for call in calls:
        one = attempts.get(call.attempt)
        if call.executed and one is not None and not one.nano_usd:
            yield f"attempt {one.id} was executed, is {one.state}, and has cost nothing"
    for one in attempts.values():
        if one.state == "unknown" and not one.estimated:
            yield f"attempt {one.id} is unknown, and its costs are said to be known"


def _missummed(kept: dict[str, Workflow], summed: dict[str, int]) -> Iterator[str]:
    for one in kept.values():
        costs = sum(attempt.nano_usd or 0 for attempt in one.attempts)
        if costs != summed.get(one.id, 0):
            yield f"{one.id} has cost {costs}, and {summed.get(one.id, 0)} are told"
