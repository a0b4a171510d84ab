"""Checks the requests of one use: what is known of them, what is taken, who is refused."""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from proxy.api import Refused, Reply, ReplyHead, Request
from proxy.api.limits import Facts, Standing

from .assembly import Assembled
from .claims import Kind
from .facts import RequestFacts
from .headers import tell
from .leases import Held
from .refusing import refusal
from .rules import Rule, asks_of
from .service import Asked
from .settings import UseSettings

__all__ = ["Checks"]


class _Checked(NamedTuple):
    """What is noted on a request."""

    standing: Standing
    held: Held | None
    """Leases that end with the request."""


class Checks:
    """The checks of one use."""

    def __init__(
        self, rules: tuple[Rule, ...], said: UseSettings, parts: Callable[[], Assembled]
    ) -> None:
        """`parts` returns the running plugin, from its start on."""
        self._rules = rules
        self._said = said
        self._styles, self._reset = said.styles, said.reset
        self._holds = any(rule.kind is Kind.LEASE for rule in rules)
        self._running = parts
        self._facts = RequestFacts(asks_of(rules), said)

    @property
    def _parts(self) -> Assembled:
        return self._running()

    @property
    def in_body(self) -> bool:
        """Whether a rule looks at the body."""
        return self._facts.in_body

    def admit(self, request: Request) -> Reply | Coroutine[Any, Any, Reply | None] | None:
        """Return the refusal, or None; something to wait for where it cannot be said at once."""
        facts, limits = self._facts.plain(request), self._running().limits
        if limits.plain is None or self._facts.asks_caller(request):
            return self._admit_later(request, facts)
        asked = limits.asked(facts, self._rules)
        standing = limits.taken_now(asked)
        if not standing.admitted and _may_wait(standing, standing.delay):
            return self._delayed(request, facts, standing)
        return self._answered(request, facts, asked, standing)

    async def take(self, request: Request, body: bytes) -> None:
        """Check a request with its body, unless that was done before. Raises Refused."""
        if self in request.notes:
            return  # it falls back to legacy: one request, counted once
        facts = self._facts.plain(request) | self._facts.of_body(body)
        reply = await self._admit_later(request, facts)
        if reply is not None:
            reply.by_rule = True
            raise Refused(reply)

    def tell(self, request: Request, reply: ReplyHead) -> None:
        """Write into an answer how the windows stand."""
        checked: _Checked | None = request.notes.get(self)
        if checked is not None:
            now = self._running().services.now()
            tell(reply.headers, checked.standing, self._styles, self._reset, now)

    def end(self, request: Request) -> None:
        """Give back what counts only while the request is under way."""
        checked: _Checked | None = request.notes.get(self)
        if checked is not None and checked.held is not None:
            self._parts.leases.give_back(checked.held)

    async def _admit_later(self, request: Request, facts: dict[str, Any]) -> Reply | None:
        if self._facts.asks_caller(request):
            facts |= await self._facts.of_caller(request)
        limits = self._parts.limits
        asked = limits.asked(facts, self._rules)
        standing = await limits.taken(asked)
        if not standing.admitted and _may_wait(standing, standing.delay):
            return await self._delayed(request, facts, standing)
        return self._answered(request, facts, asked, standing)

    async def _delayed(self, request: Request, facts: Facts, standing: Standing) -> Reply | None:
        """Ask again when it may fit, as long as the rules and the number of waiting ones allow."""
        parts = self._parts
        limits, services = parts.limits, parts.services
        asked = limits.asked(facts, self._rules)
        until = services.clock() + standing.delay
        with parts.waits.place() as free:
            if free:
                parts.recent.note(request.id, "delayed", standing, services.now())
            while free and not standing.admitted:
                if not _may_wait(standing, until - services.clock()):
                    break
                await services.sleep(standing.retry_after)
                standing = await limits.taken(asked)
        return self._answered(request, facts, asked, standing)

    def _answered(
        self, request: Request, facts: Facts, asked: Asked, standing: Standing
    ) -> Reply | None:
        parts = self._running()
        leases = asked.leases if self._holds and standing.admitted else ()
        held = parts.leases.hold(asked.ticket, leases) if leases else None
        request.notes[self] = _Checked(standing, held)
        if standing.admitted:
            parts.watching.checked(standing, None, refuses=True)
            return None
        user = facts.get("user") or (request.key if request.verified else None)
        parts.watching.checked(standing, user, refuses=True)
        parts.recent.note(request.id, "refused", standing, parts.services.now())
        return refusal(standing, self._said.refusal, in_body=self._facts.in_body)


def _may_wait(standing: Standing, left: float) -> bool:
    return standing.action == "delay" and standing.retry_after <= left
