"""Tells people of alerts: by Slack, e-mail, PagerDuty, a signed webhook, and in a list."""

from collections import deque

from proxy.api import (
    AdminRouter,
    Alert,
    Application,
    Commands,
    EndpointRouter,
    Services,
    hook,
)

from .operating.commands import provide_commands
from .settings import NotifySettings

_SHUTDOWN_SECONDS = 3.0
"""For what is being sent; of the five that there are, the rest is for closing."""

_EARLY_MOST = 1000


class Notify(Application):
    """Who tells people of what the process, and every plugin in it, finds alarming."""

    settings: NotifySettings

    def __init__(self, settings: NotifySettings) -> None:
        super().__init__(settings)
        self._early: deque[Alert] = deque(maxlen=_EARLY_MOST)

    @hook
    async def startup(self, services: Services) -> None:
        """Open the store, and go on with what waits there."""
        from .assembly import Assembled  # libraries: for who serves alone

        parts = Assembled(self.settings, services)
        await parts.open()
        self.parts = parts
        while self._early:
            parts.take(self._early.popleft())

    @hook
    async def shutdown(self) -> None:
        """Store what was raised last; what waits is left to the next process."""
        if hasattr(self, "parts"):  # else it has never been started
            await self.parts.close(_SHUTDOWN_SECONDS)

    @hook
    def alert_raised(self, alert: Alert) -> None:
        """Take in an alert."""
        if hasattr(self, "parts"):
            self.parts.take(alert)
        else:
            self._early.append(alert)

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """Show users and administrators the alerts."""
        self.parts.endpoints.offer(router)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        """Show what waits to be told, and what cannot be; test a channel."""
        self.parts.operating.offer(router)

    @hook
    def provide_commands(self, cli: Commands) -> None:
        """The same by hand."""
        provide_commands(cli)

    @hook
    def health(self) -> str:
        """Say what is wrong: with the store, with a channel."""
        return self.parts.watch.health()
