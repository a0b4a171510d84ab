"""The users of the demonstration: who asked, who answered, and whether anyone went back."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MANY_FAILURES = 50
USERS = tuple(f"user-{number:04}" for number in range(1000))
WANTED = {
    "action": "content_planning",
    "platforms": ["instagram", "tiktok"],
    "payload": {"theme": "spring sale", "tone": "warm"},
}
ARMS = {"legacy": "legacy", "hybrid": "new"}
"""The arm that has answered, by the X-Provider of the legacy API."""


def is_legacy_answer(answer: Any) -> bool:
    """Whether it is what clients of the legacy API know, whichever arm it comes from."""
    try:
        result = answer["result"]
        kept = answer == {"status": "success", "result": result, "data": result}
        return (
            kept and {*result} == {"content", "platforms", "provider"} and bool(result["content"])
        )
    except (KeyError, TypeError):
        return False


@dataclass
class Tally:
    """What happened during one step."""

    requests: int = 0
    failures: int = 0
    switched_back: set[str] = field(default_factory=set)
    arms: dict[str, str] = field(default_factory=dict)
    first_failure: str = ""
    holds: bool = True  # False from the next edit on: then arms are no longer this step's
    everyone_answered: asyncio.Event = field(default_factory=asyncio.Event)
    hopeless: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def on_new(self) -> int:
        """How many of the users seen in this step were last answered by new."""
        return sum(arm == "new" for arm in self.arms.values())

    @property
    def share(self) -> float:
        """Users on new in per cent of the users seen in this step."""
        return 100 * self.on_new / len(self.arms) if self.arms else 0.0

    def failed(self, said: str) -> None:
        """Count a failure and keep the first one's words."""
        self.failures += 1
        self.first_failure = self.first_failure or said
        if self.failures >= MANY_FAILURES and 2 * self.failures > self.requests:
            self.hopeless.set()
            self.everyone_answered.set()


@dataclass
class Population:
    """Users and the arm that last answered each; a new `tally` is begun with each step."""

    tally: Tally = field(default_factory=Tally)
    last_arm: dict[str, str] = field(default_factory=dict)

    def begin_step(self) -> Tally:
        """Count into a fresh tally from here on."""
        self.tally = Tally()
        return self.tally

    def answered(self, user: str, arm: str) -> None:
        """Record who answered a user; from new back to legacy is a broken promise."""
        tally = self.tally
        if tally.holds:
            tally.arms[user] = arm
        if self.last_arm.get(user) == "new" and arm == "legacy":
            tally.switched_back.add(user)
        self.last_arm[user] = arm
        if len(tally.arms) == len(USERS):
            tally.everyone_answered.set()


class Traffic:
    """Requests of the legacy API at a bounded rate, each user in turn."""

    def __init__(self, url: str, population: Population, rate: float, workers: int = 32) -> None:
        self._url = url
        self._population = population
        self._interval = 1 / rate
        self._workers = workers
        self._turns = self._make_turns()

    @staticmethod
    def _make_turns() -> Iterator[tuple[int, str]]:
        return enumerate(itertools.cycle(USERS))

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set; requests under way are finished."""
        started = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self._workers):
                group.create_task(self._work(session, stop, started))

    async def _work(
        self, session: aiohttp.ClientSession, stop: asyncio.Event, started: float
    ) -> None:
        while not stop.is_set():
            turn, user = next(self._turns)
            pause = started + turn * self._interval - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            await self._ask(session, user)

    async def _ask(self, session: aiohttp.ClientSession, user: str) -> None:
        self._population.tally.requests += 1
        try:
            async with session.post(
                self._url, json=WANTED, headers={"X-User-Id": user}
            ) as response:
                answer = await response.json(content_type=None)
                headers = response.headers
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._population.tally.failed(f"{user}: {error!r}")
            return
        arm = ARMS.get(headers.get("X-Provider", ""), "")
        claimed = headers.get("X-Crossfade-Arm")
        if response.status != 200 or arm != claimed or not is_legacy_answer(answer):
            said = f"{user}: {response.status}, X-Crossfade-Arm {claimed}, {answer}"
            self._population.tally.failed(said)
        else:
            self._population.answered(user, arm)
