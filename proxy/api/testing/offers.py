"""What a plugin offers besides its hooks: endpoints, admin requests, commands."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from proxy.api.endpoints import OTHER_METHODS
from proxy.api.reply import Reply
from proxy.api.services import AdminRouter, Commands, EndpointRouter, Handler
from proxy.api.testing.building import request

__all__ = ["AdminOffers", "CommandOffers", "EndpointOffers"]

_ROLES = ("viewer", "operator", "admin")


class EndpointOffers(dict[tuple[str, str], Handler], EndpointRouter):
    """The handlers of `provide_endpoints` by (method, path)."""

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Keep a handler. Raises ValueError for a place that is taken, or is none."""
        _check("ANY" if method == OTHER_METHODS else method, path)
        if (method, path) in self:
            raise ValueError(f"{method} {path} is offered twice")
        self[method, path] = handler


class AdminOffers(dict[tuple[str, str], Handler], AdminRouter):
    """The handlers of `provide_admin` by (method, path); `roles` says who may ask."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self.roles: dict[tuple[str, str], str] = {}

    def add(self, method: str, path: str, handler: Handler, *, role: str = "operator") -> None:
        """Keep a handler. Raises ValueError for a place that is taken or none, or the role."""
        _check(method, path)
        if (method, path) in self:
            raise ValueError(f"{method} {path} is offered twice")
        if role not in _ROLES:
            raise ValueError(f"there is no role {role!r}; one of {', '.join(_ROLES)}")
        self[method, path] = handler
        self.roles[method, path] = role


class CommandOffers(dict[str, Callable[..., None]], Commands):
    """The functions of `provide_commands` by name; `run` runs one."""

    def __init__(self, admin: AdminOffers) -> None:
        """`admin` answers what the commands ask."""
        super().__init__()
        self._admin = admin
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(
        self,
        function: Callable[..., None],
        *,
        name: str = "",
        group: str = "",
        default: bool = False,  # noqa: ARG002 (it is run by its name)
    ) -> None:
        """Keep a command; one of a group as ``group name``. ValueError for a name that is taken."""
        name = f"{group} {name or function.__name__.replace('_', '-')}".lstrip()
        if name in self:
            raise ValueError(f"the command {name} is offered twice")
        self[name] = function

    async def run(self, name: str, *arguments: Any, **options: Any) -> None:
        """Run a command beside the loop, at most ten seconds, as it would run in a process."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            await asyncio.to_thread(self[name], *arguments, **options)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the plugin's own admin handler.

        Raises RuntimeError where the real command would end with an error text.
        """
        handler = self._admin.get((method, path.partition("?")[0]))
        if handler is None or self._loop is None:
            offered = ", ".join(" ".join(place) for place in self._admin) or "nothing"
            raise RuntimeError(f"{method} {path} is not answered; the plugin offers {offered}")
        data = b"" if body is None else orjson.dumps(body)
        # As the admin listener tells of who may do everything: this machine, without tokens.
        by = request(method, path, attributes={"role": "admin"})
        asked = asyncio.run_coroutine_threadsafe(_answer(handler, by, data), self._loop)
        reply = asked.result(10)
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path} was refused with {reply.status}")
        return reply.json() if reply.body else None


async def _answer(handler: Handler, asked: Any, data: bytes) -> Reply:
    return await handler(asked, data)


def _check(method: str, path: str) -> None:
    if not method.isalpha() or method != method.upper():
        raise ValueError(f"{method!r} is no method; write it in upper case")
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not begin with /")
