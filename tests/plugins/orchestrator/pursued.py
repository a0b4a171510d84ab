"""A runner with real clients at a stand-in, and a journal that keeps what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from plugins.orchestrator.asking.running import Answered, ChainFailedError, Runner, Task
from plugins.orchestrator.deciding.calls import Answer
from plugins.orchestrator.providers.clients import Clients
from plugins.orchestrator.settings import OrchestratorSettings
from plugins.orchestrator.wording.output import check, schema_of
from plugins.orchestrator.workflows.record import Attempt
from proxy.api import WorkflowIntent
from proxy.api.spending import ALLOWED, PlannedSpend, SpendAnswer
from proxy.api.testing import FakeServices
from tests.kit.provider import Provider
from tests.plugins.orchestrator.deployed import LARGE_PRICE, PRICE, settings
from tests.plugins.orchestrator.intents import intent

MESSAGE = intent("message_generation")
SECRET = "the launch of our secret perfume"
NAMES = {"openai": ("mini", "twin"), "azure": ("azure-mini", "azure-twin")}


class Notes:
    """A journal in memory, which can be made to refuse or to wait."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.begun: list[Attempt] = []
        self.attempts: dict[str, Attempt] = {}
        self.decisions: list[tuple[str, str]] = []
        self.warnings: list[str] = []
        self.refuses: Exception | None = None
        self.begin_waits: asyncio.Event | None = None
        self.end_waits: asyncio.Event | None = None
        self._news = asyncio.Event()

    async def begins(self, attempt: Attempt) -> None:
        if self.begin_waits is not None:
            await self.begin_waits.wait()
        if self.refuses is not None:
            raise self.refuses
        assert attempt.state == "begun"
        assert attempt.id not in self.attempts
        self.attempts[attempt.id] = attempt
        self.begun.append(attempt)
        self.events.append(f"begins {attempt.deployment}")
        self._news.set()

    async def ends(self, attempt: Attempt) -> None:
        if self.end_waits is not None:
            await self.end_waits.wait()
        self.attempts[attempt.id] = attempt
        self.events.append(f"ends {attempt.deployment} {attempt.failure or attempt.state}")
        self._news.set()

    def decided(self, what: str, why: str) -> None:
        self.decisions.append((what, why))

    def warned(self, warnings: tuple[str, ...]) -> None:
        self.warnings.extend(warnings)

    async def until(self, event: str) -> None:
        """Wait until an attempt has begun or ended like this."""
        async with asyncio.timeout(20):
            while event not in self.events:
                self._news.clear()
                await self._news.wait()

    @property
    def ended(self) -> list[Attempt]:
        """The attempts in order of their beginning, as they have ended."""
        return list(self.attempts.values())

    def why(self, what: str) -> list[str]:
        """The reasons of decisions of one kind."""
        return [why for said, why in self.decisions if said == what]


class Running:
    """A runner at a stand-in."""

    def __init__(self, said: OrchestratorSettings, there: Provider) -> None:
        self.settings = said
        self.there = there
        self.services = FakeServices(plugin="orchestrator")
        self.services.answer_spend = self._pays
        self.pays: Callable[[PlannedSpend], SpendAnswer] = lambda _: ALLOWED
        """What is said of each attempt before it is sent."""
        self.paid: list[str] = []
        """The ids of those that were allowed."""
        self.clients = Clients(said)
        self.runner = Runner(said, self.clients, self.services)
        self.notes = Notes()

    def _pays(self, planned: PlannedSpend) -> SpendAnswer:
        answer = self.pays(planned)
        if answer.allowed:
            self.paid.append(planned.attempt_id)
        return answer

    def task(self, wanted: WorkflowIntent = MESSAGE, *, within: float = 5.0, **how: Any) -> Task:
        """What is to be answered within so many seconds."""

        def fits(answer: Answer) -> str:
            return check(wanted, answer)

        made: dict[str, Any] = {
            "workflow_id": "wf_1",
            "attempts_before": 0,
            "intent": wanted,
            "messages": ({"role": "user", "content": SECRET},),
            "schema": None if wanted.stream else schema_of(wanted.type),
            "max_tokens": 100,
            "temperature": None,
            "route": "intents",
            "deadline": asyncio.get_running_loop().time() + within,
            "request_id": "r-1",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "traceparent": "",
            "zone": "",
            "check": fits,
        }
        return Task(**{**made, **how})

    async def run(self, **how: Any) -> Answered:
        """An answer; raises ChainFailedError."""
        return await self.runner.run(self.task(**how), self.notes)

    async def failure(self, **how: Any) -> ChainFailedError:
        """How it fails."""
        try:
            answered = await self.run(**how)
        except ChainFailedError as failed:
            return failed
        raise AssertionError(f"it was answered: {answered}")

    def states(self) -> dict[str, str]:
        """How each deployment stands."""
        return {one.deployment: one.state for one in self.runner.standing()}

    def slots(self) -> list[str]:
        """The breakers of deployments at which a place was not given back."""
        breakers = self.runner.health.learned.breakers
        named = {name: repr(breakers[name]) for name in self.settings.deployments}
        return [name for name, said in named.items() if "0 slots" not in said]


def settings_at(
    there: Provider, kinds: Any = ("openai", "azure"), **more: Any
) -> OrchestratorSettings:
    """Deployments of one model at the stand-in: mini and twin, azure-mini and azure-twin.

    They are asked in this order, those of the first kind first.
    """
    deployments: dict[str, Mapping[str, Any]] = {}
    for kind in kinds:
        first, second = NAMES[kind]
        for name in (first, second):
            at = {"provider": kind, "price": PRICE if name is first else LARGE_PRICE}
            deployments[name] = {**at, "deployment": name} if kind == "azure" else at
    return settings(
        deployments,
        azure=there.url_azure,
        openai=there.url_openai,
        **{"rules": [{"providers": list(kinds)}], "score": "cost", **more},
    )


@asynccontextmanager
async def running(
    there: Provider, said: OrchestratorSettings | None = None, **more: Any
) -> AsyncIterator[Running]:
    """A runner; in the end all of its calls have ended."""
    made = Running(said or settings_at(there, **more), there)
    try:
        yield made
    finally:
        await made.clients.close()
        await made.services.close()
    assert made.slots() == []
    settled = sorted(one.planned.attempt_id for one in made.services.settled)
    assert settled == sorted(made.paid), "each attempt that may be sent is settled once"


def text(answered: Answered) -> str:
    """The message of an answer."""
    document = answered.answer.document
    assert document is not None
    assert orjson.loads(answered.answer.content) == document
    return str(document["message"])
