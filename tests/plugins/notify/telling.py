"""The plugin alone, with somebody who is told; and alerts to tell of."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson

from plugins.notify import Notify
from plugins.notify.channels.channel import Told
from plugins.notify.paths import ALERTS
from proxy.api import Alert, Reply, Request
from proxy.api.endpoints import OTHER_METHODS
from proxy.api.testing import Isolated, isolated, request
from tests.kit.waiting import until
from tests.plugins.notify.receiving import Receiver, receiver
from tests.plugins.notify.stores.bench import notice

SECRET = "a-secret-of-16-letters"
ADMIN = {"role": "ADMIN"}


def alert(name: str = "messages_dead", subject: str = "queue", **more: Any) -> Alert:
    """Something that a person should know of."""
    return Alert(name, subject, more.pop("text", "Something is wrong."), **more)


def told(*numbers: int, test: bool = False, **more: Any) -> Told:
    """A message about so many alerts."""
    found = tuple(notice(number, **more) for number in numbers)
    return Told(found, f"key-{numbers[0]}", "shop", test=test)


class Telling(NamedTuple):
    """The plugin and its receiver."""

    plugin: Isolated
    there: Receiver

    @property
    def parts(self) -> Any:
        return self.plugin.application.parts

    def raised(self, one: Alert) -> None:
        self.plugin.application.alert_raised(one)

    async def stored(self) -> None:
        """Wait until everything that was raised is in the store."""
        await self.until(lambda: not self.parts.intake.waiting, "alerts are in the store")

    async def received(self, count: int) -> None:
        """Wait until so many requests have come."""
        await self.until(lambda: len(self.there.got) >= count, f"{count} requests came")
        assert len(self.there.got) == count

    async def settled(self) -> None:
        """Wait until nothing waits any more."""
        await self.stored()

        async def nothing_waits() -> bool:
            return not (await self.parts.store.stats()).waiting

        await until(nothing_waits, "nothing waits any more")

    async def until(self, truth: Callable[[], Any], said: str) -> None:
        """Ask again and again, leaving threads and sockets their time."""
        await until(truth, said)

    async def quiet(self) -> None:
        """Wait until all has happened that can before time passes: nobody is being told."""
        couriers = self.parts.couriers.values()
        settled = self.plugin.clock.settled
        await settled()
        await until(
            lambda: all(one._idle.is_set() for one in couriers), "nobody is told", between=settled
        )

    async def jump(self, seconds: float) -> None:
        """Let time pass, and all happen that then can."""
        await self.plugin.clock.jump(seconds)
        await self.quiet()

    async def ask(self, asked: Request) -> Reply:
        """What is answered on any path of the API."""
        place = ALERTS if asked.path == ALERTS else f"{ALERTS}/**"
        offers = self.plugin.endpoints
        answer = offers.get((asked.method, place)) or offers[OTHER_METHODS, place]
        return await answer(asked, b"")

    async def admin(self, method: str, path: str, body: Any = None) -> Reply:
        """What is answered to an operator."""
        asked = request(method, path, key="ops", verified=True)
        data = b"" if body is None else orjson.dumps(body)
        return await self.plugin.admin[method, asked.path](asked, data)


def asks(
    method: str = "GET",
    path: str = ALERTS,
    query: str = "",
    user: str | None = "ann",
    admin: bool = False,
) -> Request:
    """A request of a user that somebody vouches for."""
    return request(
        method,
        path,
        query=query,
        key=user,
        verified=user is not None,
        attributes=ADMIN if admin else {},
    )


@asynccontextmanager
async def telling(more: dict[str, Any] | None = None, /, **channel: Any) -> AsyncIterator[Telling]:
    """Start the plugin with one channel, ``hook``; `more` are settings beside that."""
    async with receiver() as there:
        hook = {"webhook": {"url": there.url, "secret": SECRET}, **channel}
        said = {"store": "memory://", "channels": {"hook": hook}, **(more or {})}
        async with isolated(application=Notify, application_settings=said) as plugin:
            yield Telling(plugin, there)
