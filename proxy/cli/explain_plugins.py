"""The plugins' part in `crossfade explain`: what stands on the route, and who pins the arm.

The hook `assign` is called as the proxy would, on plugins that were never started; one
that needs to be started cannot be asked here, and that is said.
"""

from collections.abc import Mapping
from typing import Any

from proxy.api.request import Request
from proxy.core.field import MessageError
from proxy.core.identity import Identity
from proxy.core.message import RequestHead, parse_request_head
from proxy.core.reason import Arm
from proxy.dataplane.compile import EndpointRoute
from proxy.pluginhost.guard import CATCHABLE
from proxy.pluginhost.instances import Instances, UseInstance
from proxy.pluginhost.routers import PluginEndpoint, provide

__all__ = ["ExplainedPlugins", "head_of", "request_of"]

_ARMS = (Arm.LEGACY.value, Arm.NEW.value)


class ExplainedPlugins:
    """The plugins of a configuration, asked about one request."""

    def __init__(self, plugins: Instances) -> None:
        """`plugins` were never started."""
        self._plugins = plugins
        provided = provide(plugins.applications)
        self._endpoints: tuple[PluginEndpoint, ...] = provided.endpoints
        self.unknown = tuple(str(problem) for problem in provided.problems)
        """Problems of plugins that cannot say, without being started, what they answer."""

    @property
    def endpoints(self) -> list[EndpointRoute]:
        """Return what plugins answer themselves, before all routes."""
        return [
            EndpointRoute(f"plugin:{one.plugin}", one.method, one.path) for one in self._endpoints
        ]

    @property
    def assigned(self) -> set[str]:
        """Return the names of the routes on which a plugin may pin the arm."""
        return {use.key.route for use in self._plugins.uses if "assign" in use.steps}

    def on_route(self, route: str) -> list[dict[str, Any]]:
        """Return the uses of a route as plain values, in the order of requests."""
        return [
            {
                "plugin": use.code.name,
                "destination": use.key.destination,
                "arm": use.key.arm or None,
                "on_error": use.guard.on_fault or None,
                "hooks": list(use.steps),
            }
            for use in self._uses(route)
        ]

    def pin(self, request: Request, said: list[str]) -> Arm | None:
        """Return the first arm that a plugin of the request's route pins.

        What each of them says is added to `said`, in words. Raises what a plugin raises
        that has nothing to be started: the proxy would send the request to legacy.
        """
        for use in self._uses(request.route):
            step = use.steps.get("assign")
            if step is None:
                continue
            name = use.code.name
            try:
                arm = step.call(request, _ARMS)
                found = None if arm is None else Arm(arm)
            except CATCHABLE as error:
                if use.application is None:
                    said.append(f"{name} failed: {type(error).__name__}")
                    raise
                said.append(f"{name} cannot be asked without being started")
                continue
            said.append(f"{name} pins nothing" if found is None else f"{name} pins {found}")
            if found is not None:
                return found
        return None

    def _uses(self, route: str) -> list[UseInstance]:
        uses = [use for use in self._plugins.uses if use.key.route == route]
        return sorted(uses, key=lambda use: use.key.destination)


def head_of(method: str, target: bytes, fields: Mapping[bytes, bytes]) -> RequestHead:
    """Return the head of a request that nobody sent. Raises ValueError if it cannot be one."""
    minor = b"1" if b"host" in fields else b"0"
    lines = [b"%b %b HTTP/1.%b" % (method.encode(), target, minor)]
    lines += [b"%b: %b" % field for field in fields.items()]
    try:
        return parse_request_head(b"\r\n".join(lines) + b"\r\n\r\n")
    except MessageError as error:
        raise ValueError(f"no request can be like that: {error.detail}") from None


def request_of(head: RequestHead, route: str, identity: Identity) -> Request:
    """Return the request as plugins see it; a trusted proxy on this machine has sent it."""
    return Request(
        head,
        route=route,
        request_id="explain",
        trace_id="explain",
        client="127.0.0.1",
        scheme="http",
        trusted=True,
        identity=identity,
    )
