"""Answers intents by generating: Azure OpenAI and OpenAI, whichever suits, within one deadline."""

from pathlib import Path

from proxy.api import (
    AdminRouter,
    Application,
    Commands,
    Deployments,
    Note,
    Reply,
    Request,
    Services,
    Use,
    Workflows,
    hook,
)

from .settings import OrchestratorSettings
from .showing.commands import provide_commands
from .showing.spans import Spans
from .showing.views import notes_of
from .wording.prompting import Prompts
from .workflows.opening import migrated

_SHUTDOWN_SECONDS = 2.9
"""For what is under way; of the five that there are, two are for spans."""


class Orchestrator(Application):
    """The one orchestrator of the process: providers, breakers, workflows."""

    settings: OrchestratorSettings

    def __init__(self, settings: OrchestratorSettings) -> None:
        """Read and try all templates. Raises ValueError for one that is of no use."""
        super().__init__(settings)
        self._spans = Spans(settings)
        self._prompts = Prompts(None if settings.prompts is None else Path(settings.prompts))

    @hook
    async def startup(self, services: Services) -> None:
        """Open the store, go on with what was left, offer other plugins what they may know."""
        from .assembly import assembled  # the providers' libraries: for who serves alone

        self.parts = await assembled(self.settings, self._prompts, self._spans, services)
        services.share(Workflows, self.parts.workflows)
        services.share(Deployments, self.parts.deployments)
        services.spawn(self.parts.resume(), "resume")

    @hook
    async def shutdown(self) -> None:
        """End what is under way; what somebody comes back for is left to the next process."""
        if hasattr(self, "parts"):  # else it has never been started
            await self.parts.close(_SHUTDOWN_SECONDS)

    @hook
    async def migrate(self, services: Services, dry_run: bool) -> tuple[str, ...]:  # noqa: FBT001 (a hook)
        """Create the table of workflows in DynamoDB, if that is where they are kept."""
        return await migrated(self.settings.workflows, services, dry_run=dry_run)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        """Deployments and workflows."""
        operating = self.parts.operating
        router.add("GET", "/deployments", operating.deployments, role="viewer")
        router.add("POST", "/deployments/force", operating.force, role="operator")
        router.add("GET", "/workflows", operating.workflows, role="operator")

    @hook
    def provide_commands(self, cli: Commands) -> None:
        """The same by hand."""
        provide_commands(cli)

    @hook
    def health(self) -> str:
        """Say whether nobody can be asked, or something else is wrong."""
        return self.parts.health()

    @hook
    async def explain(self, request_id: str) -> tuple[Note, ...]:
        """Say how a request's workflows went."""
        found = await self.parts.store.of_request(request_id)
        return tuple(note for workflow in found for note in notes_of(workflow))


class Dispatch(Use):
    """The destination of a route or an arm."""

    application: Orchestrator

    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        """Answer an intent: a result, a stream, or 202 and a workflow that goes on."""
        return await self.application.parts.serving.answer(request, body)
