"""A chain that is walked in a time of its own: each attempt ends as a script says."""

from collections.abc import Mapping
from typing import Any

from plugins.orchestrator.deciding.calls import Failure, FailureClass
from plugins.orchestrator.deciding.chain import Chain, Stop, Try, Wait
from plugins.orchestrator.deciding.choosing import Chooser, Wish
from plugins.orchestrator.deciding.health import Health
from plugins.orchestrator.settings import OrchestratorSettings
from proxy.api import WorkflowIntent
from proxy.api.resilience import RetryBudget
from tests.plugins.orchestrator.intents import intent

MESSAGE = intent("message_generation")


def fails(kind: FailureClass, **more: Any) -> Failure:
    """A failure of this kind."""
    return Failure(kind, "said so", **more)


class Walk:
    """One intent's chain; its steps are in `steps`, as words such as ``mini`` or ``wait 0.5``."""

    def __init__(
        self,
        said: OrchestratorSettings,
        *,
        wanted: WorkflowIntent = MESSAGE,
        deadline: float = 30.0,
        health: Health | None = None,
        budget: RetryBudget | None = None,
        tokens: int = 0,
    ) -> None:
        self.now = 1000.0
        self.settings = said
        chooser = Chooser(said)
        self.health = health or Health(chooser.deployments, said.breaker, self.now)
        self.budget = budget or RetryBudget(said.retry.budget, said.retry.budget_least)
        self.budget.request(self.now)
        latency = self.health.latency(self.now, stream=False)
        self.choice = chooser.choose(Wish(wanted, tokens), latency, 0.0)
        self.chain = Chain(
            self.choice,
            self.health,
            self.budget,
            said.retry,
            said.larger_model,
            said.cheaper_model,
            self.now + deadline,
        )
        self.steps: list[str] = []
        self.tries: list[Try] = []

    def next(self) -> Try | Stop:
        """The next attempt, or the end; the time of waiting passes."""
        for _ in range(20):
            step = self.chain.next(self.now)
            if not isinstance(step, Wait):
                break
            self.steps.append(f"wait {step.until - self.now:.3g}")
            self.now = step.until
        assert not isinstance(step, Wait), "it waits for ever"
        if isinstance(step, Try):
            self.steps.append(step.deployment.name)
            self.tries.append(step)
        return step

    def fail(self, step: Try, failure: Failure, *, after: float = 0.0, random: float = 0.5) -> None:
        """Let an attempt fail."""
        self.now += after
        self.health.failed(step.deployment, step.permit, failure, self.now, random)
        self.chain.failed(step.deployment, failure, self.now, random)

    def walk(self, script: Mapping[str, list[Failure]] | Failure) -> Stop | None:
        """Go on until the end; each deployment's failures in order, then it answers (None).

        A single failure is that of everybody, always.
        """
        left = {} if isinstance(script, Failure) else {k: list(v) for k, v in script.items()}
        while True:
            step = self.next()
            if isinstance(step, Stop):
                return step
            if isinstance(script, Failure):
                self.fail(step, script)
                continue
            queue = left.get(step.deployment.name)
            if not queue:
                self.health.answered(step.deployment.name, step.permit, 0.1, self.now, 0.5)
                return None
            self.fail(step, queue.pop(0))
