"""Limits how much is done in a time, by whom: exactly, for one process or a fleet.

On a route a use checks requests, answers 429 and tells clients in headers where they stand. To
other plugins the service `Limits` is offered, which counts in the same buckets.
"""

from collections.abc import Coroutine
from typing import Any

from proxy.api import (
    AdminRouter,
    Application,
    Body,
    Commands,
    EndpointRouter,
    Note,
    Reply,
    ReplyHead,
    Request,
    Services,
    Use,
    hook,
)

from .assembly import Assembled, assembled
from .checking import Checks
from .commands import provide_commands
from .rules import book_of
from .settings import RateLimitSettings, UseSettings
from .views import AdminViews, Endpoints


class RateLimit(Application):
    """What is counted in the process, and how it is shown."""

    settings: RateLimitSettings
    parts: Assembled

    def __init__(self, settings: RateLimitSettings) -> None:
        """Make the rules ready."""
        super().__init__(settings)
        self.book = book_of(settings)

    @hook
    async def startup(self, services: Services) -> None:
        """Open the store, and offer the limits to other plugins."""
        self.parts = await assembled(self.settings, self.book, services)

    @hook
    async def shutdown(self) -> None:
        """Close the store."""
        if hasattr(self, "parts"):  # else it has never been started
            await self.parts.close()

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """How limits stand, for users."""
        Endpoints(lambda: self.parts).offer(router)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        """How limits stand, for operators."""
        AdminViews(lambda: self.parts).offer(router)

    @hook
    def provide_commands(self, cli: Commands) -> None:
        """The same by hand."""
        provide_commands(cli)

    @hook
    def health(self) -> str:
        """Say whether the store is there, and whether all counts have their place."""
        return self.parts.health()

    @hook
    async def explain(self, request_id: str) -> tuple[Note, ...]:
        """Say by which limits a request was refused or delayed lately."""
        return self.parts.recent.of(request_id)


class RateLimitUse(Use):
    """Checks the requests of one route."""

    settings: UseSettings
    application: RateLimit

    def __init__(self, settings: UseSettings, application: RateLimit) -> None:
        """Find out what has to be known of a request. Raises ValueError for unknown rules."""
        super().__init__(settings, application)
        book = application.book
        unknown = [name for name in settings.rules if name not in book.names]
        if unknown:
            known = ", ".join(sorted(book.names)) or "none: write some under plugins.rate_limit"
            raise ValueError(f"rules: there is no {unknown[0]}; there are {known}")
        rules = book.selected(settings.rules)
        self._checks = Checks(rules, settings, lambda: application.parts)
        self.arm = settings.arm or ""
        # What is for one arm is checked when that is known: after the decision.
        late = self._checks.in_body or settings.arm is not None
        self.unused = ("admit",) if late else ("rewrite_request",)

    @hook
    def admit(self, request: Request) -> Reply | Coroutine[Any, Any, Reply | None] | None:
        """Let a request in, or refuse it; in memory without waiting."""
        return self._checks.admit(request)

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        """Check a request of which the body has to be known. Raises Refused."""
        await self._checks.take(request, body.data)
        return body

    @hook
    def edit_response(self, request: Request, reply: ReplyHead) -> None:
        """Tell where the caller stands."""
        self._checks.tell(request, reply)

    @hook
    def finished(self, request: Request) -> None:
        """End what counts only while it is under way."""
        self._checks.end(request)
