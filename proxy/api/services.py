"""What a plugin may touch of the process it runs in.

All of these are protocols: the proxy and the testing kit each have their own.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from structlog.typing import FilteringBoundLogger

from proxy.api.changes import Change
from proxy.api.events import Alert
from proxy.api.reply import Reply
from proxy.api.request import Request
from proxy.api.spending import PlannedSpend, SettledSpend, SpendAnswer
from proxy.api.stores import DynamoTable, RedisScripts, SqliteFile

__all__ = ["AdminRouter", "Commands", "Counter", "EndpointRouter", "Gauge", "Handler", "Services"]

Handler = Callable[[Request, bytes], Awaitable[Reply]]
"""Answers a request, of which the second argument is the whole body."""


_Service = TypeVar("_Service")


class Counter(Protocol):
    """A number that only grows."""

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count; `labels` are those that the counter was made with."""


class Gauge(Protocol):
    """A number that goes up and down."""

    def set(self, value: float, **labels: str) -> None:
        """Say what it is now; `labels` are those that the gauge was made with."""

    def set_function(self, value: Callable[[], float], **labels: str) -> None:
        """Have `value` called whenever the metrics are read, in place of what was set.

        For what changes often. It may not wait; where it raises, the sample is not a number.
        """


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

    async def plan_spend(self, attempt: PlannedSpend) -> SpendAnswer:
        """Ask every plugin that meters whether a call to a provider may be sent; never raises."""

    def settle_spend(self, entry: SettledSpend) -> None:
        """Tell every plugin that meters what became of a call that was allowed; once for each."""

    async def reconfigure(self, changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
        """Change the configuration file, and serve it: an ordinary reload, all of it or nothing.

        The file keeps its comments and layout. `by` (who approved it) and `why` are audited. A
        change of the plugin's own settings ends this instance of it when its requests are over.
        Not from `startup`, nor for what happens by itself: an operator has to have asked for it.
        Returns the changes that undo these, in their order. Raises ChangeRefusedError: the file
        and what serves are then as they were.
        """

    def share(self, kind: type[_Service], offer: _Service) -> None:
        """Offer a service to other plugins, until this one ends: ``share(Workflows, self)``."""

    def shared(self, kind: type[_Service]) -> _Service | None:
        """Return what was offered last and is still there; None if nothing.

        Ask whenever it is needed: a reload puts another in its place.
        """

    def sqlite(self, path: Path, migrations: Sequence[str]) -> SqliteFile:
        """Return a SQLite file; a relative `path` is below the configuration's folder.

        `migrations` are SQL scripts, of which the file has had the first so many; the rest
        are run when it is first used, each in a transaction. They are counted for each plugin,
        so that several may share a file. ``:memory:`` is the plugin's own, without a file; what
        is in it outlives a reload, and ends with the plugin.
        """

    def redis(self, url: str) -> RedisScripts:
        """Return a Redis (``redis://host:port/db``). Raises ValueError for another URL."""

    def dynamodb(self, table: str, region: str = "", endpoint: str = "") -> DynamoTable:
        """Return a table; region, endpoint and credentials by default as boto3 finds them."""


class EndpointRouter(Protocol):
    """Where the hook `provide_endpoints` says what the plugin answers to clients."""

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Answer `method` on exactly this `path`, before any route of the configuration.

        A path that ends in ``/**`` takes all that is below, in the order in which they are
        added: exact ones first. `Request.path` says which it is. The method ``*`` is each that
        nobody else answers on this path; `proxy.api.endpoints.every_method` says what to do then.
        """


class AdminRouter(Protocol):
    """Where the hook `provide_admin` says what the plugin answers to operators."""

    def add(self, method: str, path: str, handler: Handler, *, role: str = "operator") -> None:
        """Answer `method` on ``/plugins/<name><path>`` of the admin listener.

        `role` is the least that may ask: ``viewer``, ``operator`` or ``admin``.
        """


class Commands(Protocol):
    """Where the hook `provide_commands` says what the plugin adds to the command line."""

    def add(
        self,
        function: Callable[..., None],
        *,
        name: str = "",
        group: str = "",
        default: bool = False,
    ) -> None:
        """Add ``crossfade <plugin> <name>``, by default called like the function.

        With a `group` it is ``crossfade <group> <name>``, beside the plugin's own commands.
        With `default` it is also what is run without a name: ``crossfade <plugin> --option``.
        The function's parameters become arguments and options, by their annotations
        (str, int, float, bool, ``list[str] | None`` for what may be said several times) and
        defaults; its docstring becomes the help text.
        """

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the running proxy's admin listener for ``/plugins/<name><path>``; returns JSON.

        Ends the command with an error text and exit code when the proxy cannot be
        reached or refuses.
        """
