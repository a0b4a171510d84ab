"""The v2 API of messages: send, look, cancel, approve; figures and health."""

from collections.abc import Awaitable, Callable
from functools import partial
from heapq import merge

from proxy.api import Caller, EndpointRouter, Reply, Request, Services, StoreError
from proxy.api.endpoints import preflight

from ..identifiers import is_message_id
from ..message import Record
from ..paths import MESSAGES, STATS
from ..settings import MessageQueueSettings
from ..store import Filter, QueueStore
from .answering import sent_reply
from .asking import approval_of, wish_of
from .declining import (
    CONFLICT,
    DeclinedError,
    forbidden,
    invalid,
    none_such,
    store_fails,
    unauthenticated,
)
from .figures import Figures
from .making import disapproved
from .reading import asked_in, limit_in
from .showing import STATES_OF, ShownOne, limit_headers, shown, shown_list
from .taking import Taking
from .writing import reply_of

__all__ = ["Endpoints"]

LISTED_MOST = 100

_HEADERS = "Content-Type, Authorization, Idempotency-Key"
_Answers = Callable[[Request, bytes], Awaitable[Reply]]


class Endpoints:
    """What is answered to clients beside the routes."""

    def __init__(
        self,
        settings: MessageQueueSettings,
        store: QueueStore,
        taking: Taking,
        figures: Figures,
        services: Services,
    ) -> None:
        self._settings = settings
        self._store = store
        self._taking = taking
        self._figures = figures
        self._services = services

    def offer(self, router: EndpointRouter) -> None:
        """Say what is answered; preflights of browsers too (Fetch, CORS protocol)."""
        answers: dict[str, dict[str, _Answers]] = {
            MESSAGES: {"POST": self._send, "GET": self._look},
            f"{MESSAGES}/**": {"GET": self._one, "DELETE": self._cancel, "POST": self._act},
            STATS: {"GET": self._stats, "POST": self._health},
        }
        for path, by_method in answers.items():
            for method, answer in by_method.items():
                router.add(method, path, partial(_declining, answer))
            router.add("OPTIONS", path, preflight(*by_method, headers=_HEADERS))

    async def _send(self, request: Request, body: bytes) -> Reply:
        begun = self._services.clock()
        caller = await caller_of(request)
        wish = wish_of(request, body, caller, self._services.now(), self._settings)
        taken = await self._taking.take(wish, inline=True)
        return sent_reply(taken, self._services.clock() - begun)

    async def _look(self, request: Request, _: bytes) -> Reply:
        caller = await caller_of(request)
        said = asked_in(request.query, ("messageId", "status", "limit", "after", "userId"))
        if "messageId" in said:
            return await self._shown(await self._owned(said["messageId"], caller))
        user = said.get("userId", caller.id)
        if user != caller.id and not caller.is_admin:
            raise forbidden()
        limit = limit_in(said, 10, LISTED_MOST)
        status, after = said.get("status"), said.get("after", "")
        if status is not None and status not in STATES_OF:
            raise invalid([f"status: one of {', '.join(STATES_OF)}"])
        if after and not is_message_id(after):
            raise invalid(["after: the messageId with which the list before ended"])
        records = await self._listed(user, status, limit, after)
        return reply_of(shown_list(records, self._services.now(), limit))

    async def _listed(
        self, user: str, status: str | None, limit: int, after: str
    ) -> tuple[Record, ...]:
        states = (None,) if status is None else STATES_OF[status]
        found = [
            await self._store.list(Filter(state, user), limit=limit, after=after)
            for state in states
        ]
        return tuple(merge(*found, key=lambda one: one.message.id))[:limit]

    async def _one(self, request: Request, _: bytes) -> Reply:
        caller = await caller_of(request)
        asked_in(request.query, ())
        [message_id] = _below(request, 1)
        return await self._shown(await self._owned(message_id, caller))

    async def _cancel(self, request: Request, _: bytes) -> Reply:
        caller = await caller_of(request)
        [message_id] = _below(request, 1)
        return await self._cancelled(await self._owned(message_id, caller))

    async def _act(self, request: Request, body: bytes) -> Reply:
        caller = await caller_of(request)
        message_id, what = _below(request, 2)
        if what == "cancel":
            return await self._cancelled(await self._owned(message_id, caller))
        if what == "approve":
            return await self._approved(await self._owned(message_id, caller), body)
        raise none_such()

    async def _cancelled(self, record: Record) -> Reply:
        cancelled = await self._store.cancel(record.message.id)
        if cancelled is None:
            raise DeclinedError(409, CONFLICT, "It is too late to cancel this message")
        return await self._shown(cancelled)

    async def _approved(self, record: Record, body: bytes) -> Reply:
        approval = approval_of(body)
        refusal = disapproved(approval, self._services.now(), self._settings.approval)
        if refusal is not None:
            raise refusal
        approved = await self._store.approve(record.message.id, approval)
        if approved is None:
            raise DeclinedError(409, CONFLICT, "This message does not wait for an approval")
        self._taking.ring()
        return await self._shown(approved)

    async def _stats(self, request: Request, _: bytes) -> Reply:
        caller = await caller_of(request)
        said = asked_in(request.query, ("userId", "detailed"))
        user, detailed = said.get("userId", caller.id), said.get("detailed", "false")
        if detailed not in ("true", "false"):
            raise invalid(["detailed: true or false"])
        if not caller.is_admin and (user != caller.id or detailed == "true"):
            raise forbidden()
        return reply_of(await self._figures.of(user, detailed=detailed == "true"))

    async def _health(self, _: Request, __: bytes) -> Reply:
        found = self._figures.health()
        return reply_of(found, 503 if found.status == "unhealthy" else 200)

    async def _owned(self, message_id: str, caller: Caller) -> Record:
        """Return a message. Raises DeclinedError: 404 also for one that is somebody else's."""
        record = await self._store.get(message_id) if is_message_id(message_id) else None
        if record is None or not (caller.is_admin or record.message.user == caller.id):
            raise none_such()
        return record

    async def _shown(self, record: Record) -> Reply:
        seen = await self._taking.seen(record)
        return reply_of(ShownOne(data=shown(record, seen)), headers=limit_headers(seen))


async def caller_of(request: Request) -> Caller:
    """Return who is calling. Raises DeclinedError where nobody vouches for them."""
    caller = await request.caller()
    if caller is None:
        raise unauthenticated()
    return caller


def _below(request: Request, parts: int) -> list[str]:
    """Return the parts of the path below that of the messages. Raises DeclinedError."""
    found = request.path.removeprefix(f"{MESSAGES}/").split("/")
    if len(found) != parts:
        raise none_such()
    return found


async def _declining(answer: _Answers, request: Request, body: bytes) -> Reply:
    try:
        return await answer(request, body)
    except DeclinedError as declined:
        return declined.reply
    except StoreError:
        return store_fails().reply
