"""The v2 API of alerts: the list, and saying that one is known."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

from proxy.api import Caller, EndpointRouter, Reply, Request, StoreError
from proxy.api.endpoints import count_of, every_method, query_of, time_of

from ..identifiers import is_alert_id
from ..listing import LISTED_MOST, Listing
from ..notice import SEVERITIES
from ..paths import ALERTS
from .declining import DeclinedError, invalid, no_method, none_such, store_fails, unauthenticated
from .showing import ShownOne, reply_of, shown, shown_list

__all__ = ["LISTED", "Endpoints"]

LISTED: Final = 100
"""How many are listed where nothing is said."""

_PARAMETERS: Final = ("severity", "acknowledged", "since", "limit")
_KNOWN: Final = {"all": None, "true": True, "false": False}
_Answers = Callable[[Request, bytes], Awaitable[Reply]]


class Asked(NamedTuple):
    """Which alerts a client wants to see."""

    severity: str | None
    acknowledged: bool | None
    since: float | None
    limit: int


class Endpoints:
    """What is answered to clients beside the routes."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def offer(self, router: EndpointRouter) -> None:
        """Say what is answered, to every method on these paths."""
        answers: tuple[tuple[str, str, _Answers], ...] = (
            ("GET", ALERTS, self._list),
            ("POST", f"{ALERTS}/**", self._acknowledge),
        )
        for method, path, answer in answers:
            by_method = {method: partial(_declining, answer)}
            for each, handler in every_method(by_method, _refused).items():
                below = path != ALERTS and each not in (method, "OPTIONS")
                router.add(each, path, partial(_found, handler) if below else handler)

    async def _list(self, request: Request, _: bytes) -> Reply:
        caller = await _caller_of(request)
        asked = asked_in(request.query)
        views = await self._listing.list(
            _owner(caller), asked.severity, asked.acknowledged, asked.since, asked.limit
        )
        return reply_of(shown_list(views, asked.limit, admin=caller.is_admin))

    async def _acknowledge(self, request: Request, _: bytes) -> Reply:
        caller = await _caller_of(request)
        alert = _alert_in(request.path)
        if alert is None:
            raise none_such()
        view = await self._listing.acknowledge(alert, caller.id, _owner(caller))
        if view is None:
            raise none_such()
        return reply_of(ShownOne(data=shown(view, admin=caller.is_admin)))


def asked_in(query: str) -> Asked:
    """Read a query. Raises DeclinedError with all that is wrong."""
    try:
        said = query_of(query, _PARAMETERS)
    except ValueError as error:
        raise invalid([str(error)]) from None
    problems: list[str] = []
    severity, known = said.get("severity"), said.get("acknowledged", "all")
    if severity not in (None, *SEVERITIES):
        problems.append(f"severity: one of {', '.join(SEVERITIES)}")
    if known not in _KNOWN:
        problems.append(f"acknowledged: one of {', '.join(_KNOWN)}")
    since = limit = None
    try:
        since = time_of(said["since"]).timestamp() if "since" in said else None
    except ValueError:
        problems.append("since: a time such as 2026-11-23T18:22:00Z")
    try:
        limit = count_of(said.get("limit", str(LISTED)), LISTED_MOST)
    except ValueError as error:
        problems.append(f"limit: {error}")
    if problems or limit is None:
        raise invalid(problems)
    return Asked(severity, _KNOWN[known], since, limit)


async def _caller_of(request: Request) -> Caller:
    caller = await request.caller()
    if caller is None:
        raise unauthenticated()
    return caller


def _alert_in(path: str) -> str | None:
    """Return which alert a path is to acknowledge; None for any other path."""
    alert, *more = path.removeprefix(f"{ALERTS}/").split("/")
    return alert if more == ["acknowledge"] and is_alert_id(alert) else None


async def _found(handler: _Answers, request: Request, body: bytes) -> Reply:
    """Answer on what is a path at all; no other one has any method."""
    if _alert_in(request.path) is None:
        return none_such().reply
    return await handler(request, body)


def _refused(allow: str) -> Reply:
    return no_method(allow).reply


def _owner(caller: Caller) -> str | None:
    """Return whose alerts the caller may see; None: everybody's."""
    return None if caller.is_admin else caller.id


async def _declining(answer: _Answers, request: Request, body: bytes) -> Reply:
    try:
        return await answer(request, body)
    except DeclinedError as declined:
        return declined.reply
    except StoreError:
        return store_fails().reply
