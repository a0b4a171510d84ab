"""Puts the orchestrator together, and takes it apart again."""

import asyncio
from contextlib import suppress

from proxy.api import Services, Workflows

from .asking.hints import Hints
from .asking.running import Runner
from .cache import cache_of
from .deciding.deployment import deployments_of
from .identifiers import digests
from .providers.clients import Clients
from .serving.answering import Serving
from .serving.flights import Flights
from .serving.resumer import Resumer
from .serving.working import Parts, Worker
from .settings import OrchestratorSettings
from .showing.choices import OfferedDeployments
from .showing.operating import Operating
from .showing.service import OfferedWorkflows
from .showing.spans import Spans
from .wording.prompting import Prompts
from .wording.scoring import Scorer
from .workflows.opening import store_for

__all__ = ["Assembled", "assembled"]

_LOOK_EVERY = 1.0


class Assembled:
    """All parts of a running orchestrator."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        prompts: Prompts,
        spans: Spans,
        services: Services,
    ) -> None:
        """Make the parts; nothing is opened yet. Raises ValueError for a store that is none."""
        self._services = services
        self._prompts = prompts
        self._spans = spans
        self._settings = settings
        self.clients = Clients(settings)
        # What was learned about the deployments outlives the configuration that named them.
        self.runner = Runner(settings, self.clients, services, services.shared(Runner))
        services.share(Runner, self.runner)
        self._hint(settings, services)
        self.store = store_for(settings.workflows, services, settings.keep)
        ended = services.counter("workflows", "Workflows that have ended.", ("type", "status"))
        before = services.shared(Workflows)
        self.workflows = OfferedWorkflows(self.store, self.runner, spans, ended, before)
        self.deployments = OfferedDeployments(settings)
        cache = cache_of(settings, services)
        drains = services.counter("left", "Workflows whose client has left.", ("became",))
        self.flights = Flights(lambda became: drains.add(became=became))
        self.worker = Worker(
            Parts(
                settings,
                prompts,
                self.runner,
                Scorer(settings.scoring),
                cache,
                self.store,
                services.now,
                digests(one.key.get_secret_value() for one in settings.providers.values()),
            )
        )
        self.serving = Serving(self.worker, self.flights, self.workflows.changed, services.log)
        self.operating = Operating(self.runner, self.workflows)
        queued = services.gauge("queued", "Workflows that wait for a provider.")
        self.resumer = Resumer(self.serving, queued, services.log)

    def _hint(self, settings: OrchestratorSettings, services: Services) -> None:
        """Let replicas tell each other of breakers that open, where there is a Redis for it."""
        if settings.hints is not None:
            redis = services.redis(settings.hints)
            hints = Hints(redis, settings.deployments, self.runner.suspect, services)
            self.runner.tell(hints.opened)
            services.spawn(hints.listen(), "listen for breakers")

    async def resume(self) -> None:
        """Look for workflows that nobody works on, as long as the orchestrator serves."""
        while True:
            serves = self._services.shared(Runner) is self.runner
            await self.resumer.look(serves=serves)
            if serves:
                self.runner.standing()  # breakers also change with time alone
            await self._services.sleep(_LOOK_EVERY)

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if all is well."""
        standing = self.runner.standing()
        if standing and all(one.why for one in standing):
            return "no deployment serves: " + "; ".join(
                f"{one.deployment}: {one.why}" for one in standing[:5]
            )
        broken = self._prompts.problems()
        if broken:
            return f"a template is passed over: {broken[0]}"
        return self.resumer.trouble

    async def close(self, seconds: float) -> None:
        """End what is under way, then the connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.serving.close(seconds)
        await asyncio.gather(self.clients.close(), self._spans.close())


async def assembled(
    settings: OrchestratorSettings, prompts: Prompts, spans: Spans, services: Services
) -> Assembled:
    """Return an orchestrator that can serve. Raises ValueError, StoreError."""
    parts = Assembled(settings, prompts, spans, services)
    await parts.store.open()
    await parts.clients.warm(deployments_of(settings))
    return parts
