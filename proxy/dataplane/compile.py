"""Turns declared routes, rollouts and identity into what the hot path runs on.

Everything that can be worked out before a request arrives is worked out here:
encoded names, salts, lists, thresholds, the order of rules. What raises here
is a configuration that validation let through; the message says where, and the
generation before it keeps serving.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from proxy.config.models import Arm as DeclaredArm
from proxy.config.models import Condition as DeclaredCondition
from proxy.config.models import Config, Match
from proxy.config.models import Rollout as DeclaredRollout
from proxy.config.models import Route as DeclaredRoute
from proxy.core.conditions import Condition, any_of, between
from proxy.core.decide import ANSWERED, ROUTED, UNMATCHED, Rollout, assignable, compile_rollout
from proxy.core.key import normalise_value
from proxy.core.match import Conditions, Goal, Route, RouteTable, compile_host, compile_table
from proxy.core.path_pattern import compile_path
from proxy.core.reason import Arm
from proxy.dataplane.identify import Identifier

UNMATCHED_NAME = "unmatched"
"""The name of the last route, which takes what no declared route took."""


class EndpointRoute(NamedTuple):
    """A path that a plugin answers itself, before all declared routes."""

    name: str
    method: str
    path: str


def compile_identifier(config: Config) -> Identifier:
    """Return the identifier, with the attributes that a condition asks for and no others.

    Raises ValueError if there is no JWT key or it does not fit its algorithms.
    """
    asked = {name for rollout in config.rollouts.values() for name in rollout.conditions}
    return Identifier(config.identity, asked)


def compile_rollouts(config: Config) -> dict[str, Rollout]:
    """Return the rollouts by name. Raises ValueError for a list or a salt that cannot be used."""
    return {
        name: _rollout(name, declared, lower=config.identity.lower)
        for name, declared in config.rollouts.items()
    }


def compile_routes(
    config: Config,
    rollouts: Mapping[str, Rollout] | None = None,
    *,
    assigned: Container[str] = (),
    endpoints: Sequence[EndpointRoute] = (),
) -> RouteTable:
    """Return the table of all routes in file order, the last one being the unmatched default.

    ``rollouts`` are those of `compile_rollouts`, which is called where they are
    not given; ``assigned`` are the routes on which a plugin may pin the arm;
    ``endpoints`` come first. Raises ValueError for a pattern that cannot be compiled.
    """
    compiled = compile_rollouts(config) if rollouts is None else rollouts
    routes = [_endpoint(index, endpoint) for index, endpoint in enumerate(endpoints)]
    for index, declared in enumerate(config.routes):
        rollout = None if declared.rollout is None else compiled[declared.rollout]
        if rollout is not None and declared.name in assigned:
            rollout = assignable(rollout)
        try:
            routes.append(_route(len(endpoints) + index, declared, rollout))
        except ValueError as error:
            raise ValueError(f"routes[{index}] ({declared.name}): {error}") from error
    everything = Conditions(compile_path("/**"))
    default: dict[Arm | None, Goal] = {None: Goal(config.default_upstream)}
    routes.append(Route(len(routes), UNMATCHED_NAME, everything, None, default, UNMATCHED))
    return compile_table(routes)


def _rollout(name: str, declared: DeclaredRollout, *, lower: bool) -> Rollout:
    try:
        return compile_rollout(
            name,
            enabled=declared.enabled,
            percentage=declared.percentage,
            salt=declared.salt.encode(),
            whitelist=_keys(declared.whitelist, "whitelist", lower=lower),
            blacklist=_keys(declared.blacklist, "blacklist", lower=lower),
            conditions=[_condition(*item) for item in declared.conditions.items()],
            missing_key=declared.missing_key,
        )
    except ValueError as error:
        raise ValueError(f"rollouts.{name}: {error}") from error


def _keys(listed: Iterable[str], where: str, *, lower: bool) -> frozenset[bytes]:
    """Return listed keys in the spelling that requests are given; None of them is shown."""
    keys = set()
    for place, text in enumerate(listed):
        key = normalise_value(text, lower=lower)
        if key is None:
            raise ValueError(f"{where}[{place}] is no key: it is empty or not Unicode")
        keys.add(key)
    return frozenset(keys)


def _condition(attribute: str, declared: DeclaredCondition) -> Condition:
    if declared.any_of is not None:
        return any_of(attribute, declared.any_of)
    return between(attribute, declared.min, declared.max)


def _endpoint(index: int, endpoint: EndpointRoute) -> Route:
    conditions = Conditions(
        compile_path(endpoint.path), methods=frozenset([endpoint.method.encode()])
    )
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
