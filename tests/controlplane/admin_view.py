"""A proxy reduced to what the admin listener sees of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from proxy.config.models import Admin
from proxy.controlplane.admin import start_admin
from proxy.controlplane.metrics import GenerationFacts, MetricSources, build_registry
from proxy.controlplane.status import (
    ConfigStatus,
    ReloadOutcome,
    RolloutStatus,
    Status,
    summarise,
)
from proxy.core.reason import Reason
from proxy.dataplane.accounting import Accounting, EndpointSnapshot

ENDPOINTS = (
    EndpointSnapshot("legacy", "http://127.0.0.1:3000", "up", 3, 2, 0, 17, 0),
    EndpointSnapshot("new", "http://127.0.0.1:4000", "ejected", 0, 0, 1, 5, 2),
)
ROLLOUTS = (
    RolloutStatus("hybrid", enabled=True, percentage=12.5, routes=("campaigns",)),
    RolloutStatus("sleeping", enabled=False, percentage=50.0),
)


class View:
    """The state is plain attributes, for a test to set."""

    def __init__(self) -> None:
        self.accounting = Accounting()
        self.is_ready = (True, "serving")
        self.outcome = ReloadOutcome(done=True, changed=True, generation=4)
        self.problems: tuple[str, ...] = ()
        self.broken = False
        self.reloads = 0
        sources = MetricSources(
            lambda: GenerationFacts(3, bool(self.problems), 1700000000.0),
            lambda: ENDPOINTS,
            lambda: ROLLOUTS,
        )
        self._registry = build_registry(self.accounting, sources, "1.2.3")

    @property
    def registry(self) -> CollectorRegistry:
        return self._registry

    def ready(self) -> tuple[bool, str]:
        return self.is_ready

    def status(self) -> Status:
        ready, reason = self.is_ready
        return Status(
            version="1.2.3",
            ready=ready,
            reason=reason,
            generation=3,
            uptime_seconds=93784.0,
            config=ConfigStatus(
                "config.yaml", "ab" * 32, 1700000000.0, bool(self.problems), self.problems
            ),
            listeners=("127.0.0.1:8080",),
            requests=summarise(self.accounting),
            rollouts=ROLLOUTS,
            endpoints=ENDPOINTS,
        )

    async def reload(self) -> ReloadOutcome:
        await asyncio.sleep(0)
        if self.broken:
            raise RuntimeError("a fault of ours, with hunter2 in it")
        self.reloads += 1
        return self.outcome


def serve_some(accounting: Accounting) -> None:
    """Count a little of everything."""
    for arm, status, reason in (
        ("new", 200, Reason.PERCENTAGE),
        ("new", 503, Reason.PERCENTAGE),
        ("legacy", 502, Reason.UPSTREAM_REFUSED),
        ("legacy", 0, Reason.CLIENT_LEFT),
    ):
        accounting.started()
        accounting.finished("campaigns", arm, status, reason, 0.02, 10, 100)
    accounting.refused(Reason.BAD_REQUEST, 400)
    accounting.connection_opened()
    accounting.retried("legacy")


@asynccontextmanager
async def admin_serving(view: View, tokens: Sequence[object] = ()) -> AsyncIterator[str]:
    """Run the real listener on a free port; gives its URL."""
    settings = Admin.model_validate({"listen": "127.0.0.1:0", "tokens": list(tokens)})
    server = await start_admin(settings, view)
    try:
        yield "http://{}:{}".format(*server.addresses[0])
    finally:
        await server.close()
