"""What operators see and do, on the admin listener below ``/plugins/notify``."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.api import AdminRouter, Reply, Request, Services, StoreError, json_reply, problem_reply
from proxy.api.endpoints import count_of, iso, problems_of, query_of

from ..channels.channel import NotToldError, Told
from ..delivering.courier import Courier
from ..identifiers import alert_id
from ..notice import Notice
from ..settings import NotifySettings
from ..store import Delivery, NotifyStore

__all__ = ["LISTED_MOST", "Operating"]

LISTED_MOST: Final = 500
_LISTED: Final = 50
_BODY: Final = 4096
_STATES: Final = ("waiting", "dead")

_Answers = Callable[[Request, bytes], Awaitable[Reply]]
_Model = TypeVar("_Model", bound=BaseModel)


class _Wrong(Exception):  # noqa: N818 (an answer more than an error)
    """What was asked for cannot be; the text says why."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Tested(_Asked):
    channel: str = Field(max_length=64)


class _Dead(_Asked):
    """Which dead deliveries are meant: one, those of a channel, or all."""

    id: int | None = Field(default=None, ge=1, le=2**53)
    channel: str | None = Field(default=None, max_length=64)
    all: bool = False


class Operating:
    """The answers; each change is logged with who made it."""

    def __init__(
        self,
        settings: NotifySettings,
        couriers: Mapping[str, Courier],
        store: NotifyStore,
        services: Services,
    ) -> None:
        self._settings = settings
        self._couriers = couriers
        self._store = store
        self._services = services

    def offer(self, router: AdminRouter) -> None:
        """Say what is answered, to whom at least."""
        offered: tuple[tuple[str, str, str, _Answers], ...] = (
            ("GET", "/channels", "viewer", self._channels),
            ("GET", "/outbox", "viewer", self._outbox),
            ("POST", "/test", "operator", self._test),
            ("POST", "/retry", "operator", self._retry),
            ("POST", "/drop", "operator", self._drop),
        )
        for method, path, role, answer in offered:
            router.add(method, path, partial(_declining, answer), role=role)

    # looking

    async def _channels(self, request: Request, _: bytes) -> Reply:
        _query(request, ())
        stats = await self._store.stats()
        told = [
            {
                "name": name,
                "kind": courier.channel.kind,
                "minSeverity": self._settings.channels[name].min_severity,
                "rate": self._settings.channels[name].rate,
                "waiting": stats.waiting.get(name, 0),
                "dead": stats.dead.get(name, 0),
                "failures": courier.failures,
                "why": courier.why,
            }
            for name, courier in self._couriers.items()
        ]
        return json_reply({"channels": told})

    async def _outbox(self, request: Request, _: bytes) -> Reply:
        said = _query(request, ("state", "channel", "limit"))
        state = said.get("state", "waiting")
        if state not in _STATES:
            raise _Wrong(f"state is one of {', '.join(_STATES)}")
        try:
            limit = count_of(said.get("limit", str(_LISTED)), LISTED_MOST)
        except ValueError as error:
            raise _Wrong(f"limit is {error}") from None
        found = await self._store.outbox(
            dead=state == "dead", channel=said.get("channel"), limit=limit
        )
        return json_reply({"deliveries": [_shown(one) for one in found]})

    # doing

    async def _test(self, request: Request, body: bytes) -> Reply:
        name = _read(_Tested, body).channel
        courier = self._couriers.get(name)
        if courier is None:
            known = ", ".join(self._couriers) or "none"
            raise _Wrong(f"there is no channel of this name; there are: {known}", 404)
        notice = self._test_notice(name)
        told = Told((notice,), f"test-{notice.id}", self._settings.name, test=True)
        try:
            answer, taken = await courier.test(told), True
        except NotToldError as error:
            answer, taken = str(error), False
        self._note("test", request, channel=name, taken=taken)
        return json_reply({"channel": name, "taken": taken, "answer": answer})

    async def _retry(self, request: Request, body: bytes) -> Reply:
        which = _meant(body)
        count = await self._store.again(which.id, which.channel)
        for courier in self._couriers.values():
            courier.ring()
        self._note("retry", request, deliveries=count)
        return json_reply({"deliveries": count})

    async def _drop(self, request: Request, body: bytes) -> Reply:
        which = _meant(body)
        count = await self._store.drop(which.id, which.channel)
        self._note("drop", request, deliveries=count)
        return json_reply({"deliveries": count})

    def _test_notice(self, name: str) -> Notice:
        now = self._services.now()
        text = "This is a test. Nothing is wrong: whoever reads this is told of alerts."
        made = alert_id(now)
        return Notice(made, f"test:{made}", "notification_test", name, text, "info", "", now)

    def _note(self, what: str, request: Request, **more: Any) -> None:
        self._services.log.info("notify_changed", what=what, by=request.key, **more)


def _shown(one: Delivery) -> dict[str, Any]:
    said = {
        "id": one.id,
        "channel": one.channel,
        "state": "waiting" if one.dead_at is None else "dead",
        "alert": one.notice.id,
        "name": one.notice.name,
        "subject": one.notice.subject,
        "severity": one.notice.severity,
        "action": "resolved" if one.notice.resolves else "raised",
        "at": iso(one.at),
        "attempts": one.attempts,
        "why": one.why,
    }
    if one.dead_at is None:
        return said | {"dueAt": iso(one.due_at), "expiresAt": iso(one.expires_at)}
    return said | {"deadAt": iso(one.dead_at)}


def _meant(body: bytes) -> _Dead:
    which = _read(_Dead, body)
    if [which.id is not None, which.channel is not None, which.all].count(True) != 1:
        raise _Wrong("say which dead deliveries are meant: one of id, channel, and all: true")
    return which


def _query(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    try:
        return query_of(request.query, known)
    except ValueError as error:
        raise _Wrong(str(error)) from None


def _read(model: type[_Model], body: bytes) -> _Model:
    if len(body) > _BODY:
        raise _Wrong(f"the body has more than {_BODY} bytes", 413)
    try:
        return model.model_validate_json(body or b"{}", strict=True)
    except ValidationError as error:
        raise _Wrong("; ".join(problems_of(error))) from None


async def _declining(answer: _Answers, request: Request, body: bytes) -> Reply:
    try:
        return await answer(request, body)
    except _Wrong as wrong:
        return problem_reply(wrong.status, str(wrong))
    except StoreError as error:
        return problem_reply(503, f"The store of alerts fails: {error}")
