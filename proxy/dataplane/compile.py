"""Turns declared routes and identity into what the hot path runs on.

Everything that can be worked out before a request arrives is worked out here:
encoded names, salts, lists, thresholds, the order of rules. What raises here
is a configuration that validation let through; the message says where, and the
generation before it keeps serving.
"""

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from proxy.api.endpoints import OTHER_METHODS
from proxy.config.models import Arm as DeclaredArm
from proxy.config.models import Config, Match
from proxy.config.models import Route as DeclaredRoute
from proxy.core.decide import ANSWERED, ROUTED, UNMATCHED, Rollout
from proxy.core.match import Conditions, Goal, Route, RouteTable, compile_host, compile_table
from proxy.core.path_pattern import compile_path
from proxy.core.reason import Arm
from proxy.core.rollout_state import RolloutState
from proxy.dataplane.compile_rollouts import NOTHING, attributes_asked, compile_rollout_for
from proxy.dataplane.identify import Identifier

UNMATCHED_NAME = "unmatched"
"""The name of the last route, which takes what no declared route took."""


class EndpointRoute(NamedTuple):
    """A path that a plugin answers itself, before all declared routes."""

    name: str
    method: str
    path: str


def compile_identifier(config: Config) -> Identifier:
    """Return the identifier, with the attributes that a rollout asks for and no others.

    Raises ValueError if there is no JWT key or it does not fit its algorithms.
    """
    return Identifier(config.identity, attributes_asked(config))


def compile_routes(
    config: Config,
    learned: Mapping[str, RolloutState] = NOTHING,
    *,
    assigned: Container[str] = (),
    endpoints: Sequence[EndpointRoute] = (),
) -> RouteTable:
    """Return the table of all routes in file order, the last one being the unmatched default.

    ``learned`` is what became of the rollouts since they were declared; ``assigned``
    are the routes on which a plugin may pin the arm; ``endpoints`` come first. Raises
    ValueError for a list, a salt or a pattern that cannot be compiled.
    """
    routes = [_endpoint(index, endpoint) for index, endpoint in enumerate(endpoints)]
    for index, declared in enumerate(config.routes):
        rollout = None
        if declared.rollout is not None:
            rollout = compile_rollout_for(
                config,
                declared.rollout,
                learned.get(declared.rollout),
                route=declared.name,
                assigned=declared.name in assigned,
            )
        try:
            routes.append(_route(len(endpoints) + index, declared, rollout))
        except ValueError as error:
            raise ValueError(f"routes[{index}] ({declared.name}): {error}") from error
    everything = Conditions(compile_path("/**"))
    default: dict[Arm | None, Goal] = {None: Goal(config.default_upstream)}
    routes.append(Route(len(routes), UNMATCHED_NAME, everything, None, default, UNMATCHED))
    return compile_table(routes)


def _endpoint(index: int, endpoint: EndpointRoute) -> Route:
    methods = None if endpoint.method == OTHER_METHODS else frozenset([endpoint.method.encode()])
    conditions = Conditions(compile_path(endpoint.path), methods=methods)
    return Route(
        index, endpoint.name, conditions, None, {None: Goal(plugin=endpoint.name)}, ANSWERED
    )


def _route(index: int, declared: DeclaredRoute, rollout: Rollout | None) -> Route:
    conditions = _conditions(declared.match)
    if rollout is None or declared.arms is None:
        destinations: dict[Arm | None, Goal] = {None: _goal(declared)}
        return Route(index, declared.name, conditions, None, destinations, ROUTED)
    destinations = {
        Arm.LEGACY: _goal(declared.arms.legacy),
        Arm.NEW: _goal(declared.arms.new),
    }
    return Route(index, declared.name, conditions, rollout, destinations, None)


def _goal(declared: DeclaredRoute | DeclaredArm) -> Goal:
    if declared.plugin is not None:
        return Goal(plugin=declared.plugin.plugin, timeout=declared.timeout)
    return Goal(declared.upstream or "")


def _conditions(declared: Match) -> Conditions:
    return Conditions(
        path=compile_path(declared.path),
        methods=frozenset(method.encode() for method in declared.methods) or None,
        host=None if declared.host is None else compile_host(declared.host),
        headers=tuple(
            (name.lower().encode(), None if value == "*" else value.encode())
            for name, value in declared.headers.items()
        ),
    )
