"""What operators see and do, on the admin listener below ``/plugins/message_queue``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Literal, get_args

from pydantic import Field

from proxy.api import AdminRouter, Reply, Request, Services, StoreError, json_reply, problem_reply

from ..identifiers import is_message_id
from ..message import Approval, Priority, Record, State
from ..serving.declining import DeclinedError
from ..serving.reading import Asked, asked_in, limit_in, read
from ..settings import MessageQueueSettings
from ..store import Filter, QueueStore
from ..stores.pauses import pause_of
from ..watching import ENDED, Watch
from .views import listed_of, record_of, text_of

__all__ = ["Operating"]

LISTED_MOST = 500
"""The longest list."""

COUNTED_MOST = 10_000
"""So many messages are looked at for one replay, or to say what a purge would remove."""

_STATES: tuple[State, ...] = get_args(State)
_Answers = Callable[[Request, bytes], Awaitable[Reply]]


class _One(Asked):
    id: str


class _Settled(_One):
    became: Literal["sent", "dead"]


class _Approved(_One):
    by: str


class _Paused(Asked):
    what: str


class _Replayed(Asked):
    state: Literal["dead", "uncertain"]
    user: str | None = None
    code: str | None = None
    confirm: bool = False


class _Purged(Asked):
    state: State
    older_than: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    confirm: bool = False


class Operating:
    """The answers; each change is logged with who made it."""

    def __init__(
        self,
        settings: MessageQueueSettings,
        store: QueueStore,
        watch: Watch,
        ring: Callable[[], None],
        services: Services,
    ) -> None:
        self._settings = settings
        self._store = store
        self._watch = watch
        self._ring = ring
        self._services = services
        self._changes = services.counter("changes", "What operators have done.", ("what",))

    def offer(self, router: AdminRouter) -> None:
        """Say what is answered, to whom at least."""
        offered: dict[tuple[str, str, str], _Answers] = {
            ("GET", "/stats", "viewer"): self._stats,
            ("GET", "/messages", "viewer"): self._list,
            ("GET", "/message", "viewer"): self._show,
            ("GET", "/message/text", "admin"): self._text,
            ("POST", "/requeue", "operator"): self._requeue,
            ("POST", "/dead", "operator"): self._dead,
            ("POST", "/replay", "operator"): self._replay,
            ("POST", "/settle", "operator"): self._settle,
            ("POST", "/approve", "operator"): self._approve,
            ("POST", "/cancel", "operator"): self._cancel,
            ("POST", "/pause", "operator"): self._pause,
            ("POST", "/resume", "operator"): self._resume,
            ("POST", "/purge", "admin"): self._purge,
        }
        for (method, path, role), answer in offered.items():
            router.add(method, path, _Declining(answer), role=role)

    # looking

    async def _stats(self, _: Request, __: bytes) -> Reply:
        return json_reply(self._watch.told(await self._store.stats()))

    async def _list(self, request: Request, _: bytes) -> Reply:
        said = asked_in(request.query, ("state", "user", "priority", "limit", "after"))
        limit = limit_in(said, 50, LISTED_MOST)
        after = said.get("after", "")
        if after and not is_message_id(after):
            raise _wrong("after is the id with which the list before ended.")
        which = Filter(_state(said.get("state")), said.get("user"), _priority(said.get("priority")))
        found = await self._store.list(which, limit=limit, after=after)
        return json_reply({"messages": listed_of(found)})

    async def _show(self, request: Request, _: bytes) -> Reply:
        return json_reply(record_of(await self._found(request)))

    async def _text(self, request: Request, _: bytes) -> Reply:
        record = await self._found(request)
        self._note("text", request, record)
        return json_reply(text_of(record))

    async def _found(self, request: Request) -> Record:
        return await self._one(asked_in(request.query, ("id",)).get("id", ""))

    # changing one

    async def _requeue(self, request: Request, body: bytes) -> Reply:
        record = await self._one(read(_One, body).id)
        expires_at = self._services.now() + self._settings.expires
        changed = await self._store.requeue(record.message.id, expires_at)
        return self._changed("requeue", request, record, changed)

    async def _dead(self, request: Request, body: bytes) -> Reply:
        record = await self._one(read(_One, body).id)
        changed = await self._store.settle(record.message.id, "dead", "given_up", _by(request))
        return self._changed("dead", request, record, changed)

    async def _settle(self, request: Request, body: bytes) -> Reply:
        asked = read(_Settled, body)
        record = await self._one(asked.id)
        if record.state != "uncertain":
            raise _conflict(record, "Settle one that is uncertain.")
        changed = await self._store.settle(record.message.id, asked.became, "settled", _by(request))
        return self._changed("settle", request, record, changed)

    async def _approve(self, request: Request, body: bytes) -> Reply:
        asked = read(_Approved, body)
        record = await self._one(asked.id)
        if not 1 <= len(asked.by.strip()) <= 256:
            raise _wrong("by names the person who approves, in 1 to 256 characters.")
        approval = Approval(approved_by=asked.by, approved_at=self._services.now())
        changed = await self._store.approve(record.message.id, approval)
        return self._changed("approve", request, record, changed)

    async def _cancel(self, request: Request, body: bytes) -> Reply:
        record = await self._one(read(_One, body).id)
        changed = await self._store.cancel(record.message.id)
        return self._changed("cancel", request, record, changed)

    # changing many

    async def _pause(self, request: Request, body: bytes) -> Reply:
        what = _paused(body)
        changed = await self._store.pause(what)
        return self._told("pause", request, what, changed=changed)

    async def _resume(self, request: Request, body: bytes) -> Reply:
        what = _paused(body)
        changed = await self._store.resume(what)
        self._ring()
        return self._told("resume", request, what, changed=changed)

    def _told(self, what: str, request: Request, whom: str, *, changed: bool) -> Reply:
        # Not whom: a user's id is in no log.
        self._services.log.info(
            "queue_changed", what=what, of=whom.partition(":")[0], by=request.key, changed=changed
        )
        self._changes.add(what=what)
        return json_reply({"what": whom, "changed": changed})

    async def _replay(self, request: Request, body: bytes) -> Reply:
        asked = read(_Replayed, body)
        which = Filter(asked.state, asked.user)
        found = 0
        expires_at = self._services.now() + self._settings.expires
        async for record in self._all(which):
            if asked.code not in (None, record.code):
                continue
            if not asked.confirm or await self._store.requeue(record.message.id, expires_at):
                found += 1
        return self._many("replay", request, asked.state, found, done=asked.confirm)

    async def _purge(self, request: Request, body: bytes) -> Reply:
        asked = read(_Purged, body)
        if asked.state not in ENDED:
            raise _wrong(f"Only what has ended can be purged: {', '.join(ENDED)}.")
        before = self._services.now() - asked.older_than
        found = 0
        if not asked.confirm:
            async for record in self._all(Filter(asked.state)):
                found += record.changed_at < before
        else:
            while removed := await self._store.purge(asked.state, before):
                found += removed
        return self._many("purge", request, asked.state, found, done=asked.confirm)

    def _many(self, what: str, request: Request, state: str, found: int, *, done: bool) -> Reply:
        if done:
            self._ring()
            self._services.log.info(
                "queue_changed", what=what, of=state, by=request.key, messages=found
            )
            self._changes.add(what=what)
        return json_reply({"messages": found, "done": done})

    async def _all(self, which: Filter) -> AsyncIterator[Record]:
        """Go through the messages, the oldest first, at most `COUNTED_MOST`."""
        after = ""
        for _ in range(0, COUNTED_MOST, LISTED_MOST):
            found = await self._store.list(which, limit=LISTED_MOST, after=after)
            for record in found:
                yield record
            if len(found) < LISTED_MOST:
                return
            after = found[-1].message.id

    async def _one(self, message_id: str) -> Record:
        record = await self._store.get(message_id) if is_message_id(message_id) else None
        if record is None:
            raise DeclinedError(404, "NOT_FOUND", "There is no message of this id (any more).")
        return record

    def _changed(self, what: str, request: Request, before: Record, after: Record | None) -> Reply:
        if after is None:
            raise _conflict(before, _WANTED[what])
        self._note(what, request, after)
        self._ring()
        return json_reply(record_of(after))

    def _note(self, what: str, request: Request, record: Record) -> None:
        self._services.log.info(
            "queue_changed", what=what, message_id=record.message.id, by=request.key
        )
        self._changes.add(what=what)


_WANTED = {
    "requeue": "Requeue one that is dead, uncertain or queued.",
    "dead": "Give up one that is uncertain, held or queued.",
    "settle": "Settle one that is uncertain.",
    "approve": "Approve one that is held.",
    "cancel": "Cancel one that is held or queued.",
}


class _Declining:
    """An answer whose refusals are problems (RFC 9457)."""

    def __init__(self, answer: _Answers) -> None:
        self._answer = answer

    async def __call__(self, request: Request, body: bytes) -> Reply:
        try:
            return await self._answer(request, body)
        except DeclinedError as declined:
            return problem_reply(declined.status, str(declined))
        except StoreError as error:
            return problem_reply(503, f"The store of messages fails: {error}")


def _by(request: Request) -> str:
    return f"said by {request.key or 'an operator'}"


def _wrong(says: str) -> DeclinedError:
    return DeclinedError(400, "VALIDATION_ERROR", says)


def _conflict(record: Record, wanted: str) -> DeclinedError:
    return DeclinedError(409, "CONFLICT", f"This message is {record.state}. {wanted}")


def _state(text: str | None) -> State | None:
    known: dict[str, State] = {state: state for state in _STATES}
    if text is not None and text not in known:
        raise _wrong(f"state is one of {', '.join(known)}.")
    return None if text is None else known[text]


def _priority(text: str | None) -> Priority | None:
    if text is not None and text not in Priority.__members__:
        raise _wrong(f"priority is one of {', '.join(Priority.__members__)}.")
    return None if text is None else Priority[text]


def _paused(body: bytes) -> str:
    what = read(_Paused, body).what
    try:
        pause_of(what)
    except ValueError as error:
        raise _wrong(f"{error}.") from None
    return what
