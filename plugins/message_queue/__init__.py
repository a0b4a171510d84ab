"""Messages wait in a durable queue, and go out as soon as the limits let them."""

from proxy.api import (
    AdminRouter,
    Application,
    Commands,
    EndpointRouter,
    Note,
    Reply,
    Request,
    Services,
    Settings,
    Use,
    hook,
)

from .operating.commands import provide_commands
from .operating.views import notes_of
from .settings import MessageQueueSettings

_SHUTDOWN_SECONDS = 3.0
"""For what is being sent; of the five that there are, the rest is for giving back and closing."""


class MessageQueue(Application):
    """The one queue of the process: `crossfade queue` shows it, and changes what waits in it."""

    commands = "queue"
    settings: MessageQueueSettings

    @hook
    async def startup(self, services: Services) -> None:
        """Open the store, and go on with what waits there."""
        from .assembly import Assembled  # the client's library: for who serves alone

        parts = Assembled(self.settings, services)
        await parts.open()
        self.parts = parts

    @hook
    async def shutdown(self) -> None:
        """Let what is being sent end; what waits is left to the next process."""
        if hasattr(self, "parts"):  # else it has never been started
            await self.parts.close(_SHUTDOWN_SECONDS)

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """Answer the v2 API of messages."""
        self.parts.endpoints.offer(router)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        """Show the queue, and change what waits."""
        self.parts.operating.offer(router)

    @hook
    def provide_commands(self, cli: Commands) -> None:
        """The same by hand."""
        provide_commands(cli)

    @hook
    def health(self) -> str:
        """Say what is wrong: with the store, the limits, the platform."""
        return self.parts.watch.health()

    @hook
    async def explain(self, request_id: str) -> tuple[Note, ...]:
        """Say what became of the messages that a request has brought."""
        found = await self.parts.store.of_request(request_id)
        return tuple(note for record in found for note in notes_of(record))


class Dispatch(Use):
    """The destination of ``POST /api/messages/send`` on the new arm."""

    settings: Settings
    application: MessageQueue

    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        """Queue a message in legacy's words. Raises Unserved for what legacy has to answer."""
        return await self.application.parts.legacy.answer(request, body)
