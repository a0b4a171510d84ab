"""The queue alone, with a stand-in for the platform: its answers, and what waits in it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson

from plugins.message_queue import Dispatch
from plugins.message_queue.message import Record
from plugins.message_queue.paths import MESSAGES, STATS
from proxy.api import Reply, Request
from proxy.api.endpoints import iso
from proxy.api.limits import Limits
from proxy.api.testing import Isolated, isolated, request
from tests.kit.onlyfans import OnlyFans, onlyfans
from tests.kit.waiting import until

ADMIN = {"role": "ADMIN"}
BELOW = f"{MESSAGES}/**"


class Queueing(NamedTuple):
    """The plugin and its platform."""

    plugin: Isolated
    there: OnlyFans

    @property
    def parts(self) -> Any:
        return self.plugin.application.parts

    @property
    def now(self) -> float:
        return self.plugin.clock.now()

    def approval(self, age: float = 0.0) -> dict[str, Any]:
        """A person's consent, so many seconds old."""
        return {"approvedBy": "mia", "approvedAt": iso(self.now - age)}

    def body(self, **more: Any) -> dict[str, Any]:
        """A good message; what is None is left out."""
        said = {
            "recipientId": "fan-1",
            "content": "Good morning",
            "humanApproval": self.approval(),
            **more,
        }
        return {name: value for name, value in said.items() if value is not None}

    async def send(self, asked: Request | None = None, /, **more: Any) -> Reply:
        """What is answered to a message."""
        handler = self.plugin.endpoints["POST", MESSAGES]
        return await handler(asked or asks("POST"), orjson.dumps(self.body(**more)))

    async def ask(self, asked: Request, body: Any = None) -> Reply:
        """What is answered on any path of the API."""
        place = asked.path if asked.path in (MESSAGES, STATS) else BELOW
        data = b"" if body is None else orjson.dumps(body)
        return await self.plugin.endpoints[asked.method, place](asked, data)

    async def admin(self, method: str, path: str, body: Any = None, by: str = "ops") -> Reply:
        """What is answered to an operator."""
        asked = request(method, path, key=by, verified=True)
        data = b"" if body is None else orjson.dumps(body)
        return await self.plugin.admin[method, asked.path](asked, data)

    async def platform_answers(self) -> None:
        """Have it answer the first message that it executes and keeps waiting."""
        await self.there.executed()
        self.there.go()

    async def record(self, message_id: str) -> Record:
        found = await self.parts.store.get(message_id)
        assert isinstance(found, Record)
        return found

    async def becomes(self, message_id: str, state: str) -> Record:
        """Wait, while workers work, until a message is in a state."""
        found: list[Record] = []

        async def there() -> bool:
            found.append(await self.record(message_id))
            return found[-1].state == state

        await self.until(there, lambda: f"the message is {state}, not {found[-1].state}")
        return found[-1]

    async def sent(self, messages: int) -> None:
        """Wait, while workers work, until so many messages were sent, and no more."""

        async def there() -> bool:
            depth = (await self.parts.store.stats()).depth
            return bool(messages == sum(n for (state, _), n in depth.items() if state == "sent"))

        await self.until(there, lambda: f"{messages} messages are sent")
        assert len(self.there.executions) == messages

    async def until(self, truth: Callable[[], Any], said: Callable[[], str]) -> None:
        """Ask again and again, leaving threads and sockets their time."""

        async def further() -> None:  # for workers that have fallen asleep meanwhile
            await self.plugin.clock.jump(0.0005)

        await until(truth, said, between=further)


def asks(
    method: str = "GET",
    path: str = MESSAGES,
    query: str = "",
    *,
    user: str | None = "ann",
    admin: bool = False,
    key: str = "",
    **more: Any,
) -> Request:
    """A request of a user that somebody vouches for; `key` is its Idempotency-Key."""
    return request(
        method,
        path,
        query=query,
        key=user,
        verified=user is not None,
        attributes=ADMIN if admin else {},
        headers={"Idempotency-Key": key} if key else {},
        **more,
    )


@asynccontextmanager
async def queueing(
    counts: Callable[[Isolated], Limits] | None = None, /, **settings: Any
) -> AsyncIterator[Queueing]:
    """Start a queue without limits, unless something counts; `settings` are further ones."""
    async with onlyfans(token="t-platform") as there:
        said = {
            "store": "memory://",
            "gateway": {"url": there.url, "token": "t-platform"} | settings.pop("gateway", {}),
            "limits": [] if counts is None else ["few"],
            "wait": "20s",  # of real time, however slow the machine is
            **settings,
        }
        async with isolated(Dispatch, application_settings=said) as plugin:
            if counts is not None:
                plugin.services.share(Limits, counts(plugin))
            yield Queueing(plugin, there)
