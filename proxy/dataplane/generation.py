"""Everything that was declared, compiled: a request meets exactly one generation."""

import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.callers import Caller
from proxy.config.models import Config
from proxy.config.models import Route as DeclaredRoute
from proxy.core.affinity import WriteAffinity
from proxy.core.decide import ANSWERED, Decision, Pin, Rollout, decide
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.match import Goal, Route, RouteTable, match
from proxy.core.message import RequestHead
from proxy.core.reason import Arm, Reason
from proxy.core.rollout_state import RolloutState
from proxy.core.window import Window
from proxy.dataplane.access_log import AccessLog
from proxy.dataplane.accounting import NO_ARM
from proxy.dataplane.callers import Callers
from proxy.dataplane.compile import EndpointRoute, compile_routes
from proxy.dataplane.compile_rollouts import (
    NOTHING,
    compile_rollout_for,
    compile_rollouts,
    decide_alike,
)
from proxy.dataplane.identify import Identifier
from proxy.dataplane.upstream import Upstream
from proxy.pluginhost.chains import Chains, Step

if TYPE_CHECKING:
    from proxy.pluginhost.plugin_set import PluginSet
    from proxy.pluginhost.routers import PluginEndpoint

__all__ = [
    "NOT_OBSERVED",
    "REMEMBERED",
    "REMEMBERED_ONE_IN",
    "BoundRoute",
    "Destination",
    "Generation",
    "Observers",
]

REMEMBERED = 2048
"""So many of the last callers of rollouts are remembered, over all routes."""

REMEMBERED_ONE_IN = 16
"""Of a busy route's callers one in so many is remembered.

What is kept turns cold, and cold memory costs the next request more than the keeping.
"""

_NOWHERE = Goal()
_log: FilteringBoundLogger = structlog.get_logger()


class Observers(NamedTuple):
    """What watches the rollouts from one generation to the next, each by the rollout's name."""

    windows: Mapping[str, Window]
    affinities: Mapping[str, WriteAffinity]
    """Of the rollouts that have one."""


NOT_OBSERVED = Observers({}, {})
"""Nobody watches."""


class BoundRoute:
    """A route with the live things that it leads to.

    `chains` are its plugins, None for a route without any; `asks` is the name of the
    rollout that has to be asked, empty where the decision is fixed; then `settled` is the
    destination. `undecided` is where a request is before its arm is decided.

    `rollout` is the one that is asked, as it stands (`Generation.steer` replaces it);
    `reading` is asked for requests that change nothing: the same but where callers read
    what they have just written. `state` is what was learned that both are made of;
    `assigned`: they ask plugins for the arm.
    `rescues`: legacy may answer what new fails at; `replays`: also a POST that names
    itself by an Idempotency-Key. `window` counts what becomes of the arms' requests,
    parted by the attribute `cohort`; `affinity` remembers who has written where.
    """

    __slots__ = (
        "_asked",
        "affinity",
        "asks",
        "assigned",
        "chains",
        "cohort",
        "endpoint",
        "generation",
        "name",
        "reading",
        "replays",
        "rescues",
        "rollout",
        "route",
        "settled",
        "state",
        "undecided",
        "upstreams",
        "window",
    )

    def __init__(
        self,
        generation: "Generation",
        route: Route,
        upstreams: dict[Arm | None, Upstream],
        chains: Chains | None,
        endpoint: "PluginEndpoint | None",
    ) -> None:
        """Bind `route`; `endpoint` is what answers, for a path of a plugin's own."""
        self.generation = generation
        self.route = route
        self.name = route.name
        self.asks = "" if route.rollout is None else route.rollout.name
        self.rollout = self.reading = route.rollout
        self.state: RolloutState | None = None
        self.assigned = self.rescues = self.replays = False
        self.cohort = ""
        self.window: Window | None = None
        self.affinity: WriteAffinity | None = None
        self.upstreams = upstreams
        self.chains = chains
        self.endpoint = endpoint
        self._asked = 0
        self.undecided = Destination(self, ANONYMOUS, ANSWERED)
        fixed = route.fixed
        self.settled = None if fixed is None else Destination(self, ANONYMOUS, fixed)

    def remembers(self) -> bool:
        """Whether this caller is to be remembered: everybody at first, then one in some."""
        self._asked += 1
        return self._asked <= REMEMBERED or self._asked % REMEMBERED_ONE_IN == 0


class Destination:
    """Where a request goes, and why: the outcome of match, identity and decision.

    `upstream` is also set where a plugin answers (`goal.plugin`): as the one whose
    timeouts hold until then.
    """

    __slots__ = ("arm", "decision", "goal", "identity", "reason", "route", "upstream")

    def __init__(self, bound: BoundRoute, identity: Identity, decision: Decision) -> None:
        """Keep the parts; `arm` is the word that metrics, logs and headers use."""
        self.route = bound.name
        self.identity = identity
        self.decision = decision
        self.reason = decision.reason
        self.arm: str = decision.arm or NO_ARM
        self.upstream = bound.upstreams[decision.arm]
        self.goal = bound.route.destinations.get(decision.arm, _NOWHERE)


class Generation:
    """A configuration at work. Immutable but for what its upstreams and plugins learn.

    `in_flight` counts the requests under way that need its plugins; once it is `retired`,
    `on_drained` is called when the last of them is over.
    """

    def __init__(
        self,
        number: int,
        config: Config,
        upstreams: Mapping[str, Upstream],
        identifier: Identifier,
        access_log: AccessLog,
        plugins: "PluginSet | None" = None,
        learned: Mapping[str, RolloutState] = NOTHING,
        observers: Observers = NOT_OBSERVED,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Compile the routes of `config` and bind them to the live `upstreams` and `plugins`.

        `learned` is how the rollouts stand, `observers` what watches them; `wall_clock` tells
        Unix time in seconds.
        """
        self.number = number
        self.config = config
        self.limits = config.limits
        self.exposes = config.expose
        self.upstreams = upstreams
        self.access_log = access_log
        self.plugins = plugins
        self.in_flight = 0
        self.retired = False
        self.on_drained: Callable[[], None] | None = None
        self._identifier = identifier
        self._knower: Identifier | None = None
        self._callers: Callers | None = None
        self._networks = [ipaddress.ip_network(n) for n in config.identity.trusted_proxies]
        self.wall_clock = wall_clock
        self.learned = dict(learned)
        self.rollouts = compile_rollouts(config, learned)
        self._table, self._bound = _bind(self, plugins, observers)
        self._exposed: dict[tuple[str, Reason], bytes] = {}

    def match(self, head: RequestHead) -> BoundRoute:
        """Find the route; every request has one."""
        target, by_name = head.target, head.by_name
        query = target.find(b"?")
        path = target if query < 0 else target[:query]
        host = head.authority or by_name.get(b"host", b"")
        return self._bound[match(self._table, head.method, host, path, by_name).index]

    def route(self, name: str) -> BoundRoute | None:
        """Find a route by its name, for those who ask about it."""
        return next((bound for bound in self._bound if bound.name == name), None)

    def identify(self, head: RequestHead, *, trusted: bool, now: float) -> Identity:
        """Find out who sent `head`. Pure but for the token cache.

        `now` is Unix time in seconds, `trusted` whether the peer is a trusted proxy.
        """
        return self._identifier.identify(head.by_name, now, trusted=trusted)

    def attributes(self, head: RequestHead, *, trusted: bool, now: float) -> Mapping[str, str]:
        """All attributes of who sent `head`, not only those that conditions ask for."""
        if self._knower is None:
            self._knower = Identifier(self.config.identity)
        return self._knower.identify(head.by_name, now, trusted=trusted).attributes

    def caller(self, head: RequestHead, *, trusted: bool, now: float) -> Awaitable[Caller | None]:
        """Find out which user sent `head`, as far as one can believe it; may ask legacy."""
        if self._callers is None:
            self._callers = Callers(self.config.identity, self._identifier)
        return self._callers.find(head.by_name, now, trusted=trusted)

    async def close(self) -> None:
        """Close the connections that only this generation has; nobody needs them any more."""
        if self._callers is not None:
            await self._callers.close()

    def steer(self, state: RolloutState) -> None:
        """Let a rollout stand as `state` says, from the next request on.

        What a generation declares stays as it is; how a rollout stands is learned. A rollout
        that this generation does not have is passed over. Raises ValueError, and changes
        nothing, for lists that cannot be used.
        """
        name = state.name
        if name not in self.rollouts:
            return
        asking = [bound for bound in self._bound if bound.asks == name]
        # Where a ramp has only baked for some more seconds there is nothing to compile.
        if not decide_alike(self.learned.get(name), state):
            compiled = compile_rollout_for(self.config, name, state)
            pairs = [_compiled(bound, state) for bound in asking]
            self.rollouts[name] = compiled
            for bound, (rollout, reading) in zip(asking, pairs, strict=True):
                bound.rollout, bound.reading = rollout, reading
        self.learned[name] = state
        for bound in asking:
            bound.state = state

    def decide(
        self,
        bound: BoundRoute,
        identity: Identity,
        pin: Pin | None = None,
        *,
        reads: bool = False,
    ) -> Destination:
        """Decide the arm; `pin` asks the route's plugins, `reads`: the request changes nothing."""
        if bound.settled is not None:
            return bound.settled
        rollout = bound.reading if reads else bound.rollout
        decision = decide(rollout, identity, pin)  # type: ignore[arg-type]
        if decision.error is not None:
            # Its text may name a user; the kind of error is what can be told.
            kind = type(decision.error).__name__
            _log.error("decision_failed", route=bound.name, error=kind)
        return Destination(bound, identity, decision)

    def dispatcher(self, bound: BoundRoute, to: Destination) -> tuple[Step, float]:
        """Return what answers instead of an upstream, and how many seconds it may take."""
        if bound.endpoint is not None:
            return bound.endpoint.step, self.limits.hook_timeout
        assert self.plugins is not None  # noqa: S101 (narrows the type)
        arm = to.decision.arm or ""
        return self.plugins.destinations[bound.name, arm], to.goal.timeout

    def left(self) -> None:
        """Note that a request which needed the plugins is over."""
        self.in_flight -= 1
        if self.retired and not self.in_flight and self.on_drained is not None:
            self.on_drained()

    def trusts(self, peer: str) -> bool:
        """Whether the address `peer` is one of the trusted proxies."""
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)

    def exposed(self, arm: str, reason: Reason) -> bytes:
        """The X-Crossfade-* lines for `arm` and `reason`; empty if not exposed."""
        lines = self._exposed.get((arm, reason))
        if lines is None:
            text = f"X-Crossfade-Arm: {arm}\r\nX-Crossfade-Reason: {reason.value}\r\n"
            lines = self._exposed[arm, reason] = text.encode() if self.exposes else b""
        return lines


def _bind(
    generation: Generation, plugins: "PluginSet | None", observers: Observers
) -> tuple[RouteTable, list[BoundRoute]]:
    """Compile the routes, and give each its upstreams and the chains of its plugins."""
    config, upstreams = generation.config, generation.upstreams
    chains: Mapping[str, Chains] = {} if plugins is None else plugins.chains
    everywhere = None if plugins is None else plugins.everywhere
    answering = () if plugins is None else plugins.endpoints
    table = compile_routes(
        config,
        generation.learned,
        assigned={name for name, chain in chains.items() if chain.assign},
        endpoints=[EndpointRoute(f"plugin:{e.plugin}", e.method, e.path) for e in answering],
    )
    default = upstreams[config.default_upstream]
    bound = []
    for route in table.routes:
        goals = route.destinations
        chain = chains.get(route.name, everywhere)
        if chain is None and any(goal.plugin for goal in goals.values()):
            chain = Chains()
        endpoint = answering[route.index] if route.index < len(answering) else None
        live = {arm: upstreams.get(goal.upstream, default) for arm, goal in goals.items()}
        live.setdefault(None, default)
        bound.append(BoundRoute(generation, route, live, chain, endpoint))
    declared = {route.name: route for route in config.routes}
    for one in bound:
        if one.asks:
            _watch(one, declared[one.name], observers)
    return table, bound


def _watch(bound: BoundRoute, declared: DeclaredRoute, observers: Observers) -> None:
    """Let a route with a rollout be steered, observed and rescued as it is declared."""
    generation, name = bound.generation, bound.asks
    rollout = generation.config.rollouts[name]
    bound.assigned = bound.chains is not None and bool(bound.chains.assign)
    bound.rescues = rollout.fallback
    bound.replays = declared.replay == "allow"
    bound.cohort = rollout.cohort
    bound.window = observers.windows.get(name)
    bound.affinity = observers.affinities.get(name)
    state = generation.learned.get(name)
    bound.state = state
    if bound.affinity is not None:
        bound.rollout, bound.reading = _compiled(bound, state)


def _compiled(bound: BoundRoute, state: RolloutState | None) -> tuple[Rollout, Rollout]:
    """Return the rollout as a route asks it, and as it is asked for what only reads."""
    generation, affinity, assigned = bound.generation, bound.affinity, bound.assigned
    config, name, route = generation.config, bound.asks, bound.name
    rollout = compile_rollout_for(config, name, state, route=route, assigned=assigned)
    if affinity is None:
        return rollout, rollout
    clock = generation.wall_clock
    reading = compile_rollout_for(
        config,
        name,
        state,
        route=route,
        assigned=assigned,
        affinity=lambda key: affinity.arm_of(key, clock()),
    )
    return rollout, reading
