"""Has intents answered by deployments: what the rest of the plugin knows of all this.

Nothing is decided here: `choosing` says who may be asked, `chain` what is done next, `pursuing`
does it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from proxy.api import Services
from proxy.api.resilience import RetryBudget
from proxy.api.workflows import ProviderHealth

from ..deciding.choosing import Chooser
from ..deciding.health import MODES, Health
from ..deciding.tasks import Answered, ChainFailedError, Task
from ..providers.clients import Clients
from ..settings import OrchestratorSettings
from .attempting import Around, Journal
from .hints import SUSPECTED
from .metering import Meters
from .pursuing import Parts, Pursuit
from .relaying import StreamAnswered
from .spending import Spending

__all__ = [
    "MODES",
    "Answered",
    "ChainFailedError",
    "Journal",
    "Runner",
    "StreamAnswered",
    "Task",
]

_BUDGETS_MOST = 1000
HEDGE_WINDOW = 60
"""Seconds over which the share of hedges is kept: a quiet application may hedge, too."""


class Runner:
    """One for the application: breakers, budgets, times; the connections are the clients'."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        clients: Clients,
        services: Services,
        before: "Runner | None" = None,
    ) -> None:
        """Within a running event loop. With `before`, go on with what that one has learned."""
        now = asyncio.get_running_loop().time()
        chooser = Chooser(settings)
        learned = None if before is None else before.health
        self.health: Health = Health(chooser.deployments, settings.breaker, now, learned)
        self._settings = settings
        self._budgets: dict[str, RetryBudget] = {}
        spending = Spending(services)
        self._around = Around(self.health, Meters(services), spending, services, set())
        hedges = RetryBudget(settings.hedge.share, 0.0, HEDGE_WINDOW)
        self._parts = Parts(settings, chooser, clients, self._around, hedges)
        self.standing()

    async def run(self, task: Task, note: Journal) -> Answered:
        """Return a whole answer, by the task's deadline.

        Raises ChainFailedError where nobody has answered, and what the journal raises when an
        attempt begins. Cancelling it closes the connection.
        """
        return await self._pursuit(task, note, stream=False).whole()

    @asynccontextmanager
    async def stream(self, task: Task, note: Journal) -> AsyncIterator[StreamAnswered]:
        """Ask for a stream; entered by the task's deadline, when the first content is there.

        Raises on entering as `run` does. From then on nobody else is asked, and it may take as
        long as content comes. Leaving before the end closes the connection.
        """
        answered = await self._pursuit(task, note, stream=True).opened()
        try:
            yield answered
        finally:
            await answered.close()

    def tell(self, opened: Callable[[str], None]) -> None:
        """Have `opened` told of each deployment whose breaker opens."""
        self._around.meters.opened = opened

    def suspect(self, deployment: str) -> None:
        """Take in that a deployment's breaker has opened in another replica."""
        now = asyncio.get_running_loop().time()
        self.health.suspect(deployment, now + SUSPECTED)

    def standing(self) -> tuple[ProviderHealth, ...]:
        """Return how each deployment stands; the metrics show the same from now on."""
        now = asyncio.get_running_loop().time()
        standing = self.health.standing(now)
        for one in standing:
            self._around.meters.stands(one, self.health.openings(one.deployment))
        return standing

    def force(self, deployment: str, mode: str) -> None:
        """Put a deployment's breaker into a mode of `MODES`.

        Raises ValueError for another mode, or a deployment that there is none of.
        """
        now = asyncio.get_running_loop().time()
        self.health.force(deployment, mode, now)
        self._around.shows(deployment, now)

    def _pursuit(self, task: Task, note: Journal, *, stream: bool) -> Pursuit:
        now = asyncio.get_running_loop().time()
        budget = self._budget(task.route)
        budget.request(now)
        if not stream:
            self._parts.hedges.request(now)
        return Pursuit(self._parts, budget, task, note, stream=stream)

    def _budget(self, route: str) -> RetryBudget:
        # Routes come from the configuration; should they not, the rest shares one.
        if route not in self._budgets and len(self._budgets) >= _BUDGETS_MOST:
            route = ""
        retry = self._settings.retry
        return self._budgets.setdefault(route, RetryBudget(retry.budget, retry.budget_least))
