"""What plugins answer themselves: to clients (endpoints) and to operators (admin)."""

import inspect
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from proxy.api.endpoints import OTHER_METHODS
from proxy.api.reply import Reply
from proxy.api.request import Request
from proxy.api.services import Handler
from proxy.pluginhost.chains import Step
from proxy.pluginhost.failures import failure
from proxy.pluginhost.guard import CATCHABLE, Guard, Quarantine
from proxy.pluginhost.instances import ApplicationInstance
from proxy.settings.problems import Problem, shown

__all__ = ["PluginAdmin", "PluginEndpoint", "Provided", "provide"]

ROLES = ("viewer", "operator", "admin")

_METHOD = re.compile(r"[A-Z]{1,32}")
_PATH = re.compile(r"/[\x21-\x22\x24-\x3e\x40-\x7e]{0,1023}")


class PluginEndpoint(NamedTuple):
    """What a plugin answers to clients. Call `step` with (Request, body: bytes), await a Reply."""

    plugin: str
    method: str
    path: str
    step: Step


class PluginAdmin(NamedTuple):
    """What a plugin answers to operators; `path` is below ``/plugins/<plugin>``."""

    plugin: str
    method: str
    path: str
    role: str
    """The least that may ask: ``viewer``, ``operator`` or ``admin``."""
    step: Step


class Provided(NamedTuple):
    """What all plugins of a set answer."""

    endpoints: tuple[PluginEndpoint, ...]
    admin: tuple[PluginAdmin, ...]
    problems: tuple[Problem, ...]


def provide(applications: Iterable[ApplicationInstance]) -> Provided:
    """Ask each application; what one raises, a path that is taken for example, is a problem."""
    problems: list[Problem] = []
    endpoints: dict[tuple[str, str], PluginEndpoint] = {}
    admin: list[PluginAdmin] = []
    for one in applications:
        _ask(one, "provide_endpoints", _Endpoints(one.guard, endpoints), problems)
        own: dict[tuple[str, str], PluginAdmin] = {}
        _ask(one, "provide_admin", _Admin(one.guard, own), problems)
        admin += own.values()
    # What takes the other methods comes last, whoever has added it: else it would take all.
    last = sorted(endpoints.values(), key=lambda one: one.method == OTHER_METHODS)
    return Provided(tuple(last), tuple(admin), tuple(problems))


def _ask(one: ApplicationInstance, hook: str, router: object, problems: list[Problem]) -> None:
    call = one.calls.get(hook)
    if call is None:
        return
    try:
        call(router)
    except CATCHABLE as error:
        problems.append(failure(one.code, error, hook, one.settings))


class _Endpoints:
    """Implements `proxy.api.EndpointRouter` for one plugin."""

    def __init__(self, guard: Guard, found: dict[tuple[str, str], PluginEndpoint]) -> None:
        self._guard = guard
        self._found = found

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Take it in. Raises ValueError for what cannot be, and for what is taken."""
        _check("ANY" if method == OTHER_METHODS else method, path, handler)
        taken = self._found.get((method, path))
        if taken is not None:
            raise ValueError(f"{method} {shown(path)} is answered by plugin {taken.plugin} already")
        step = _step(handler, self._guard)
        self._found[method, path] = PluginEndpoint(self._guard.plugin, method, path, step)


class _Admin:
    """Implements `proxy.api.AdminRouter` for one plugin."""

    def __init__(self, guard: Guard, found: dict[tuple[str, str], PluginAdmin]) -> None:
        self._guard = guard
        self._found = found

    def add(self, method: str, path: str, handler: Handler, *, role: str = "operator") -> None:
        """Take it in. Raises ValueError for what cannot be, and for what is taken."""
        _check(method, path, handler)
        if role not in ROLES:
            raise ValueError(f"{shown(str(role))} is no role; one of {', '.join(ROLES)} is")
        if (method, path) in self._found:
            raise ValueError(f"{method} {shown(path)} is there twice")
        step = _step(handler, self._guard)
        self._found[method, path] = PluginAdmin(self._guard.plugin, method, path, role, step)


def _check(method: str, path: str, handler: Handler) -> None:
    if not isinstance(method, str) or _METHOD.fullmatch(method) is None:
        raise ValueError(f"{shown(str(method))} is no method; write GET or POST, in upper case")
    if not isinstance(path, str) or _PATH.fullmatch(path) is None:
        raise ValueError(
            f"{shown(str(path))} is no path; it begins with / and has neither ? nor # nor "
            "anything that must be percent-encoded"
        )
    if not _waits(handler):
        raise ValueError(f"what answers {method} {shown(path)} must be an async def")


def _waits(handler: Any) -> bool:
    called = getattr(handler, "__call__", None)  # noqa: B004 (an instance with async __call__)
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)


def _step(handler: Handler, guard: Guard) -> Step:
    async def call(request: Request, body: bytes) -> Reply:
        # Whoever calls holds on to this; so a quarantine has to be looked for here.
        if guard.quarantined:
            raise Quarantine(f"plugin {guard.plugin} is quarantined: {guard.quarantined}")
        return await handler(request, body)

    return Step(call, guard, "refuse", waits=True)
