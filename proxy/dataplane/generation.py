"""Everything that was declared, compiled: a request meets exactly one generation."""

import ipaddress
from collections.abc import Mapping

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Config
from proxy.core.decide import Decision, decide
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.match import Route, match
from proxy.core.message import RequestHead
from proxy.core.reason import Arm, Reason
from proxy.dataplane.access_log import AccessLog
from proxy.dataplane.accounting import NO_ARM
from proxy.dataplane.compile import compile_routes
from proxy.dataplane.identify import Identifier
from proxy.dataplane.upstream import Upstream

__all__ = ["Destination", "Generation"]

_log: FilteringBoundLogger = structlog.get_logger()


class Destination:
    """Where a request goes, and why: the outcome of match, identity and decision."""

    __slots__ = ("arm", "decision", "identity", "reason", "route", "upstream")

    def __init__(self, route: Route, identity: Identity, decision: Decision, upstream: Upstream):
        """Keep the parts; `arm` is the word that metrics, logs and headers use."""
        self.route = route.name
        self.identity = identity
        self.decision = decision
        self.reason = decision.reason
        self.arm: str = decision.arm or NO_ARM
        self.upstream = upstream


class Generation:
    """A configuration at work. Immutable but for what its upstreams learn."""

    def __init__(
        self,
        number: int,
        config: Config,
        upstreams: Mapping[str, Upstream],
        identifier: Identifier,
        access_log: AccessLog,
    ) -> None:
        """Compile the routes of `config` and bind them to the live `upstreams`."""
        self.number = number
        self.config = config
        self.limits = config.limits
        self.exposes = config.expose
        self.upstreams = upstreams
        self.access_log = access_log
        self._identifier = identifier
        self._networks = [ipaddress.ip_network(n) for n in config.identity.trusted_proxies]
        self._table = compile_routes(config)
        self._bound: list[dict[Arm | None, Upstream]] = [
            {arm: upstreams[name] for arm, name in route.destinations.items()}
            for route in self._table.routes
        ]
        self._exposed: dict[tuple[str, Reason], bytes] = {}

    def decide(self, head: RequestHead, *, trusted: bool, now: float) -> Destination:
        """Match the route, find the identity, decide the arm. Pure but for the token cache.

        `now` is Unix time in seconds, `trusted` whether the peer is a trusted proxy.
        """
        target, index = head.target, head.by_name
        query = target.find(b"?")
        path = target if query < 0 else target[:query]
        host = head.authority or index.get(b"host", b"")
        route = match(self._table, head.method, host, path, index)
        decision, identity = route.fixed, ANONYMOUS
        if decision is None:
            identity = self._identifier.identify(index, now, trusted=trusted)
            decision = decide(route.rollout, identity)  # type: ignore[arg-type]
            if decision.error is not None:
                # Its text may name a user; the kind of error is what can be told.
                kind = type(decision.error).__name__
                _log.error("decision_failed", route=route.name, error=kind)
        return Destination(route, identity, decision, self._bound[route.index][decision.arm])

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
