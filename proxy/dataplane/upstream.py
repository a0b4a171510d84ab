"""A named upstream at run time: its endpoints, their pools, their health.

What was declared (addresses, timeouts) comes with a generation; what was learned (an
endpoint's health) is taken over from the upstream that stood under the same name
before, so that a reload does not forgive a failing endpoint.
"""

import ssl
from collections.abc import Callable

from proxy.config.models import Upstream as Declared
from proxy.core.endpoint_health import EjectionRule, EndpointHealth, choose
from proxy.core.reason import Reason
from proxy.dataplane.endpoint_snapshot import EndpointSnapshot
from proxy.dataplane.pool import EndpointPool, PoolRule

__all__ = ["Endpoint", "Upstream"]

# Faults that speak against an endpoint; the rest is the client's or our own doing.
_AGAINST_ENDPOINT = frozenset(
    [
        Reason.UPSTREAM_REFUSED,
        Reason.UPSTREAM_UNRESOLVED,
        Reason.UPSTREAM_TLS,
        Reason.UPSTREAM_CONNECT_TIMEOUT,
        Reason.UPSTREAM_FIRST_BYTE_TIMEOUT,
        Reason.UPSTREAM_IDLE_TIMEOUT,
        Reason.UPSTREAM_CLOSED,
        Reason.UPSTREAM_INVALID,
        Reason.UPSTREAM_CUT,
    ]
)


class Endpoint:
    """One address: pool, health, and how many requests are with it."""

    __slots__ = ("authority", "health", "outstanding", "pool", "url")

    def __init__(self, url: str, authority: bytes, health: EndpointHealth, pool: EndpointPool):
        """Start with nothing outstanding."""
        self.url = url
        self.authority = authority
        self.health = health
        self.pool = pool
        self.outstanding = 0


class Upstream:
    """The live upstream `name` as `declared`; `before` hands its endpoints' health on."""

    def __init__(
        self,
        name: str,
        declared: Declared,
        tls: ssl.SSLContext | None,
        clock: Callable[[], float],
        before: "Upstream | None" = None,
    ) -> None:
        """Open no connection yet. `tls` is the context for https endpoints."""
        self.name = name
        self.declared = declared
        self.timeouts = declared.timeouts
        self.replaces_host = declared.host == "replace"
        self._turn = 0
        self._rule = EjectionRule(
            declared.outlier.failures, declared.outlier.base, declared.outlier.max
        )
        learned = {} if before is None else {e.url: e.health for e in before.endpoints}
        self.endpoints: list[Endpoint] = []
        for url in declared.endpoints:
            rule = PoolRule(
                host=url.host,
                port=url.port,
                tls=tls if url.scheme == "https" else None,
                server_name=declared.tls.server_name or url.host,
                most=declared.pool.max,
                idle=declared.pool.idle,
                line=declared.pool.queue,
            )
            self.endpoints.append(
                Endpoint(
                    url=str(url),
                    authority=url.authority.encode(),
                    health=learned.get(str(url)) or EndpointHealth(),
                    pool=EndpointPool(rule, clock),
                )
            )

    def choose(self, now: float, tried: tuple[Endpoint, ...]) -> Endpoint | None:
        """The endpoint to ask, not among `tried`; None when no healthy one is left."""
        endpoints = self.endpoints
        if len(endpoints) == 1 and not tried:
            return endpoints[0] if endpoints[0].health.up else None
        self._turn += 1
        return choose(endpoints, now, turn=self._turn, skip=tried.__contains__)

    def report(self, endpoint: Endpoint, now: float, reason: Reason | None, status: int) -> None:
        """Learn from an exchange that ended with `status`, or with the fault `reason`."""
        if (reason is None and status < 500) or self._rule.failures == 0:
            endpoint.health.succeeded(now, self._rule)
        elif reason is None or reason in _AGAINST_ENDPOINT:
            others = any(e.health.available(now) for e in self.endpoints if e is not endpoint)
            endpoint.health.failed(now, self._rule, last=not others)

    def expire_idle(self, now: float) -> None:
        """Close connections that nobody has used for too long."""
        for endpoint in self.endpoints:
            endpoint.pool.expire(now)

    def retire(self) -> None:
        """Close idle connections; those in use finish and are not kept."""
        for endpoint in self.endpoints:
            endpoint.pool.close()

    def states(self, now: float) -> list[EndpointSnapshot]:
        """What there is to show, endpoint by endpoint."""
        return [self._state(endpoint, now) for endpoint in self.endpoints]

    def _state(self, endpoint: Endpoint, now: float) -> EndpointSnapshot:
        health, pool = endpoint.health, endpoint.pool
        return EndpointSnapshot(
            upstream=self.name,
            endpoint=endpoint.url,
            state="down" if not health.up else "up" if health.available(now) else "ejected",
            outstanding=endpoint.outstanding,
            idle=len(pool.idle),
            waiting=len(pool.waiting),
            connects=pool.connects,
            ejections=health.ejections_total,
        )
