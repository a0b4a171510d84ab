"""How limits stand, for those whom they concern: users, administrators, operators."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import ceil
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from proxy.api import AdminRouter, Caller, EndpointRouter, Reply, Request, json_reply, problem_reply
from proxy.api.endpoints import count_of, iso, preflight, query_of
from proxy.api.limits import Standing, WindowStanding

from .assembly import Assembled
from .claims import Kind
from .durations import shortly
from .rules import Rule

__all__ = ["GLOBAL", "ME", "USERS", "AdminViews", "Endpoints"]

ME: Final = "/api/v2/rate-limits/me"
USERS: Final = "/api/v2/rate-limits/users"
GLOBAL: Final = "/api/v2/rate-limits/global"

_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_LONGEST: Final = 256
_LISTED_MOST: Final = 1000

_FACTS: Final = {"recipientId": "recipient", "messageType": "message_type"}
"""The facts that may be asked about, by what the v2 API calls them."""


class _DeclinedError(Exception):
    """Ends a request of the v2 API; the text is for whoever sent it."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.reply = json_reply({"error": error}, status, _NOT_KEPT | dict(headers or {}))


class Endpoints:
    """The answers to clients: in the envelope of the v2 API. None of them takes anything."""

    def __init__(self, parts: Callable[[], Assembled]) -> None:
        self._parts = parts

    def offer(self, router: EndpointRouter) -> None:
        """Say what is answered; to browsers, what they may ask (Fetch, CORS protocol)."""
        for path, answer in ((ME, self._me), (USERS, self._user), (GLOBAL, self._global)):
            router.add("GET", path, partial(_declining, answer))
            router.add("OPTIONS", path, preflight("GET"))

    async def _me(self, request: Request) -> Reply:
        caller = await _caller(request)
        facts = _asked(request.query, tuple(_FACTS))
        facts |= {"user": caller.id, "role": caller.role or None, "tier": caller.tier or None}
        return await self._shown(facts, {"userId": caller.id})

    async def _user(self, request: Request) -> Reply:
        await _administrator(request)
        facts = _asked(request.query, ("userId", *_FACTS))
        user = facts.pop("userId", None)
        if user is None:
            raise _DeclinedError(400, "userId has to be there: whose limits?")
        return await self._shown(facts | {"user": user}, {"userId": user})

    async def _global(self, request: Request) -> Reply:
        await _administrator(request)
        return await self._shown(_asked(request.query, ()), {})

    async def _shown(self, facts: Mapping[str, Any], whose: Mapping[str, str]) -> Reply:
        parts = self._parts()
        standing = await parts.limits.of(facts)
        data = dict(whose) | _standing(standing, parts.services.now())
        return json_reply({"success": True, "data": data}, 200, _NOT_KEPT)


class AdminViews:
    """The answers on the admin listener, below ``/plugins/rate_limit``."""

    def __init__(self, parts: Callable[[], Assembled]) -> None:
        self._parts = parts

    def offer(self, router: AdminRouter) -> None:
        """Say what is answered, to whom."""
        router.add("GET", "/rules", self._rules, role="viewer")
        router.add("GET", "/global", self._global, role="viewer")
        router.add("GET", "/user", self._user, role="operator")
        router.add("GET", "/violations", self._violations, role="operator")
        router.add("POST", "/clear", self._clear, role="operator")

    async def _rules(self, _: Request, __: bytes) -> Reply:
        return json_reply({"rules": [_rule(one) for one in self._parts().limits.book.rules]})

    async def _global(self, _: Request, __: bytes) -> Reply:
        return await self._stand({})

    async def _user(self, request: Request, _: bytes) -> Reply:
        facts = dict(parse_qsl(request.query))
        if not facts.get("id"):
            return problem_reply(400, "Say whose limits: ?id=…, and more facts by their names.")
        return await self._stand({"user": facts.pop("id")} | facts)

    async def _violations(self, request: Request, _: bytes) -> Reply:
        said = dict(parse_qsl(request.query)).get("limit", "50")
        try:
            limit = count_of(said, _LISTED_MOST)
        except ValueError as error:
            return problem_reply(400, f"limit is {error}.")
        parts = self._parts()
        found = parts.watching.violations.latest(parts.services.now(), limit)
        return json_reply(
            {"violations": [one._asdict() | {"last": iso(one.last)} for one in found]}
        )

    async def _clear(self, request: Request, body: bytes) -> Reply:
        parts, wanted = self._parts(), _wanted(body)
        if wanted is None:
            return problem_reply(400, 'Send {"rule": "…", "facts": {"user": "…"}}.')
        name, facts = wanted
        rule = next((one for one in parts.limits.book.rules if one.name == name), None)
        if rule is None:
            return problem_reply(404, f"There is no rule of this name; {_known(parts)}.")
        missing = sorted(set(rule.said.scope) - facts.keys())
        if missing:
            wants = " and ".join(missing)
            return problem_reply(400, f"Rule {name} counts by {wants}: say that, too, in facts.")
        await parts.limits.counts.clear((rule.claim(facts),))
        parts.services.log.warning("limits_cleared", rule=name, by=request.key)
        return json_reply({"cleared": name})

    async def _stand(self, facts: Mapping[str, Any]) -> Reply:
        parts = self._parts()
        return json_reply(_standing(await parts.limits.of(facts), parts.services.now()))


_Answers = Callable[[Request], Awaitable[Reply]]


async def _declining(answer: _Answers, request: Request, _: bytes) -> Reply:
    try:
        return await answer(request)
    except _DeclinedError as declined:
        return declined.reply


async def _caller(request: Request) -> Caller:
    caller = await request.caller()
    if caller is None:
        raise _DeclinedError(401, "Authentication required", {"WWW-Authenticate": "Bearer"})
    return caller


async def _administrator(request: Request) -> None:
    if not (await _caller(request)).is_admin:
        raise _DeclinedError(403, "Admin privileges required")


def _asked(query: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Return what a query says, facts by their own names. Raises _DeclinedError (400)."""
    try:
        said = query_of(query, known)
    except ValueError as error:
        raise _DeclinedError(400, str(error)) from None
    for name, value in said.items():
        if not 1 <= len(value) <= _LONGEST:
            raise _DeclinedError(400, f"{name} has 1 to {_LONGEST} characters")
    return {_FACTS.get(name, name): value for name, value in said.items()}


def _wanted(body: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return rule and facts of a request to clear; None if it says them in another way."""
    try:
        said = orjson.loads(body)
        name, facts = said["rule"], said["facts"]
    except (ValueError, TypeError, KeyError):
        return None
    fits = isinstance(name, str) and isinstance(facts, dict)
    return (name, facts) if fits and all(isinstance(one, str) for one in facts.values()) else None


def _known(parts: Assembled) -> str:
    names = ", ".join(one.name for one in parts.limits.book.rules)
    return f"there are {names}" if names else "there are no rules"


def _standing(standing: Standing, now: float) -> dict[str, Any]:
    windows = [_window(one, now) for one in standing.windows]
    return {"windows": windows} | ({"degraded": standing.degraded} if standing.degraded else {})


def _window(window: WindowStanding, now: float) -> dict[str, Any]:
    """Return a window as JSON: seconds as people are told them, whole and rounded up."""
    return {
        "policy": window.policy,
        "rule": window.rule,
        "limit": window.limit,
        "unit": window.unit,
        "seconds": window.seconds,
        "remaining": window.remaining,
        "reset": ceil(window.reset),
        "resetAt": iso(now + window.reset) if window.reset else None,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    said = rule.said
    lease = {"concurrency": said.concurrency, "lease": shortly(said.lease)}
    windows = [
        {"policy": one.policy, "limit": one.limit, "per": shortly(one.period / 1e6)}
        for one in rule.windows
    ]
    return {
        "rule": rule.name,
        "scope": list(said.scope),
        "counts": rule.kind.value,
        "unit": rule.unit,
        **(lease if rule.kind is Kind.LEASE else {"windows": windows}),
        "when": said.when.model_dump(mode="json", exclude_defaults=True),
        "action": rule.action,
        "onStoreError": said.on_store_error,
    }
