"""What is told about plugins to operators: values only, no secrets, bounded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.api.hookspecs import HOOKS
from proxy.pluginhost.instances import ApplicationInstance, UseInstance
from proxy.pluginhost.shown import shown_settings, without_secrets
from proxy.pluginhost.verify import PluginCode

__all__ = ["PluginReport", "UseReport", "report"]


@dataclass(frozen=True, slots=True)
class UseReport:
    """One use of a plugin."""

    route: str
    arm: str
    """``legacy`` or ``new`` for the destination of an arm, else empty."""
    destination: bool
    """Whether it answers in place of an upstream."""
    on_error: str
    """As configured; empty: what each hook does by itself."""
    settings: Mapping[str, Any]
    calls: int
    """Calls of its hooks since it was made."""
    faults: int
    last_fault: str
    """Hook and type of exception; empty without faults."""
    quarantined: str
    """Why it is; empty if it is not."""


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One plugin that is in use."""

    name: str
    version: str
    kind: str
    """``directory`` or ``installed``."""
    place: str
    """Its file or folder."""
    digest: str
    """SHA-256 of its code, in hex."""
    module: str
    hooks: tuple[str, ...]
    """All hooks it has, in the order of a request's life."""
    settings: Mapping[str, Any] | None
    """Those of its application; None if it has no application."""
    health: str
    """What its application says is wrong; empty when all is well."""
    background_tasks: int
    faults: int
    """Those of its application; the uses count their own."""
    last_fault: str
    quarantined: str
    """Why its application is; empty if it is not."""
    uses: tuple[UseReport, ...]


def report(
    code: PluginCode, application: ApplicationInstance | None, uses: Iterable[UseInstance]
) -> PluginReport:
    """Return the report on one plugin; asks its application for its health."""
    methods = {method.name for method in (*code.use_hooks, *code.application_hooks)}
    guard = None if application is None else application.guard
    services = None if application is None else application.services
    return PluginReport(
        name=code.name,
        version=code.version,
        kind=code.source.kind,
        place=str(code.source.place),
        digest=code.source.digest,
        module=code.module,
        hooks=tuple(name for name in HOOKS if name in methods),
        settings=None if application is None else shown_settings(application.settings),
        health="" if application is None else _health(application),
        background_tasks=0 if services is None else services.running,
        faults=0 if guard is None else guard.count,
        last_fault="" if guard is None else guard.last,
        quarantined="" if guard is None else guard.quarantined,
        uses=tuple(_use(one) for one in uses),
    )


def _use(one: UseInstance) -> UseReport:
    guard = one.guard
    return UseReport(
        route=one.key.route,
        arm=one.key.arm,
        destination=one.key.destination,
        on_error=guard.on_fault,
        settings=shown_settings(one.settings),
        calls=guard.calls,
        faults=guard.count,
        last_fault=guard.last,
        quarantined=guard.quarantined,
    )


def _health(application: ApplicationInstance) -> str:
    before = application.guard.count
    said = application.tell("health")
    if application.guard.quarantined:
        return f"quarantined: {application.guard.quarantined}"
    if application.guard.count != before:
        return f"it cannot say ({application.guard.last})"
    return "" if said is None else without_secrets(str(said), application.settings)
