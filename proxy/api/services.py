"""What a plugin may touch of the process it runs in.

All of these are protocols: the proxy and the testing kit each have their own.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger

from proxy.api.events import Alert
from proxy.api.reply import Reply
from proxy.api.request import Request

__all__ = ["AdminRouter", "Commands", "Counter", "EndpointRouter", "Gauge", "Handler", "Services"]

Handler = Callable[[Request, bytes], Awaitable[Reply]]
"""Answers a request, of which the second argument is the whole body."""


class Counter(Protocol):
    """A number that only grows."""

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count; `labels` are those that the counter was made with."""


class Gauge(Protocol):
    """A number that goes up and down."""

    def set(self, value: float, **labels: str) -> None:
        """Say what it is now; `labels` are those that the gauge was made with."""


class Services(Protocol):
    """Handed to the hook `startup`. Everything taken here ends with the plugin."""

    @property
    def log(self) -> FilteringBoundLogger:
        """Return the logger; every line names the plugin."""

    def clock(self) -> float:
        """Return seconds that only go forward, for measuring time."""

    def now(self) -> float:
        """Return Unix time in seconds, for dates."""

    async def sleep(self, seconds: float) -> None:
        """Wait. In a test the jumping clock decides how long that is."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` in the background; it is cancelled when the plugin ends.

        What it raises is logged and counted as a fault of the plugin.
        """

    def counter(self, name: str, says: str, labels: tuple[str, ...] = ()) -> Counter:
        """Return the metric ``crossfade_<plugin>_<name>_total``; the same one after a reload."""

    def gauge(self, name: str, says: str, labels: tuple[str, ...] = ()) -> Gauge:
        """Return the metric ``crossfade_<plugin>_<name>``; the same one after a reload."""

    def alert(self, alert: Alert) -> None:
        """Tell every plugin that has the hook `alert_raised`."""


class EndpointRouter(Protocol):
    """Where the hook `provide_endpoints` says what the plugin answers to clients."""

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Answer `method` on exactly this `path`, before any route of the configuration."""


class AdminRouter(Protocol):
    """Where the hook `provide_admin` says what the plugin answers to operators."""

    def add(self, method: str, path: str, handler: Handler, *, role: str = "operator") -> None:
        """Answer `method` on ``/plugins/<name><path>`` of the admin listener.

        `role` is the least that may ask: ``viewer``, ``operator`` or ``admin``.
        """


class Commands(Protocol):
    """Where the hook `provide_commands` says what the plugin adds to the command line."""

    def add(self, function: Callable[..., None], *, name: str = "") -> None:
        """Add ``crossfade <plugin> <name>``, by default called like the function.

        The function's parameters become arguments and options, by their annotations
        (str, int, float, bool) and defaults; its docstring becomes the help text.
        """

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the running proxy's admin listener for ``/plugins/<name><path>``; returns JSON.

        Ends the command with an error text and exit code when the proxy cannot be
        reached or refuses.
        """
