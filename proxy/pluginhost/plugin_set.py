"""All plugins of one generation, ready to be called."""

from collections.abc import Mapping
from typing import Protocol

from proxy.pluginhost.assembly import assemble, in_service
from proxy.pluginhost.chains import Chains, Step
from proxy.pluginhost.guard import APPLICATION, Guard
from proxy.pluginhost.instances import ApplicationInstance, Instances, Known, UseInstance
from proxy.pluginhost.reports import PluginReport, report
from proxy.pluginhost.routers import PluginAdmin, PluginEndpoint, Provided

__all__ = ["Owner", "PluginAdmin", "PluginEndpoint", "PluginSet"]


class Owner(Protocol):
    """The host, as a plugin set knows it."""

    async def end(self, plugins: "PluginSet") -> None:
        """End what only this set holds."""

    def changed(self, guard: Guard) -> None:
        """Let every set know that a use is quarantined or released."""


class PluginSet:
    """What the data plane calls, and what the control plane ends.

    Instances may belong to several sets at a time: those that a reload carried over.
    """

    def __init__(self, instances: Instances, provided: Provided, owner: Owner, digest: str) -> None:
        """For the host, which makes it, and is its owner."""
        self.chains: Mapping[str, Chains] = {}
        """By the name of the route, for every route with uses."""
        self.everywhere: Chains | None = None
        """For all other routes, if an application watches every request."""
        self.destinations: dict[tuple[str, str], Step] = {}
        """`dispatch` by route, and arm or "". Look it up for each request: a quarantine
        puts another step in its place."""
        self.endpoints: tuple[PluginEndpoint, ...] = provided.endpoints
        self.admin: tuple[PluginAdmin, ...] = provided.admin
        self.digest = digest
        """Changes when the code of any plugin in reach does; SHA-256 in hex."""
        self._instances = instances
        self._owner = owner
        self._by_route: dict[str, list[UseInstance]] = {}
        self._build()

    @property
    def applications(self) -> tuple[ApplicationInstance, ...]:
        """Return the applications, in the order in which they were started."""
        return self._instances.applications

    @property
    def instances(self) -> Instances:
        """Return all instances; for the host."""
        return self._instances

    @property
    def known(self) -> Known:
        """Return what the next set may carry over."""
        return Known(
            {one.code.name: one for one in self._instances.applications},
            {use.key: use for use in self._instances.uses},
        )

    async def discard(self) -> None:
        """End what this set started: it never served. May be called more than once."""
        await self._owner.end(self)

    async def release(self) -> None:
        """End what no other set holds: its last request is over. May be called more than once."""
        await self._owner.end(self)

    def release_quarantine(self, plugin: str | None = None) -> tuple[str, ...]:
        """Let quarantined uses serve again, of one plugin or of all; returns which, in words."""
        released = []
        for guard in self._guards():
            if guard.quarantined and plugin in (None, guard.plugin):
                guard.release()
                self._owner.changed(guard)
                released.append(_named(guard))
        return tuple(released)

    def reports(self) -> tuple[PluginReport, ...]:
        """Return what there is to tell about each plugin in use, by name."""
        applications = self.known.applications
        found = []
        for code in sorted(self._instances.codes, key=lambda code: code.name):
            uses = [use for use in self._instances.uses if use.code is code]
            found.append(report(code, applications.get(code.name), uses))
        return tuple(found)

    def rebuild(self, guard: Guard) -> None:
        """Make the chains anew in which this guard's use, or application, has a part."""
        if guard.route != APPLICATION:
            self._assemble(guard.route)
            self._place_destinations(guard)
        elif any(one.guard is guard for one in self.applications):
            for route in self._by_route:
                self._assemble(route)
            if self.everywhere is not None:
                assemble(self.everywhere, (), self.applications)

    def _build(self) -> None:
        # A destination is next to the upstream: behind the route's plugins.
        for use in sorted(self._instances.uses, key=lambda use: use.key.destination):
            self._by_route.setdefault(use.key.route, []).append(use)
            self._place_destinations(use.guard)
        self.chains = {route: Chains() for route in self._by_route}
        for route in self._by_route:
            self._assemble(route)
        if any(one.finished is not None for one in self.applications):
            self.everywhere = Chains()
            assemble(self.everywhere, (), self.applications)

    def _assemble(self, route: str) -> None:
        uses = self._by_route.get(route)
        if uses is not None:
            assemble(self.chains[route], uses, self.applications)

    def _place_destinations(self, guard: Guard) -> None:
        for use in self._by_route.get(guard.route, ()):
            if use.guard is guard and use.key.destination and "dispatch" in use.steps:
                step = in_service(use.steps["dispatch"])
                if step is not None:
                    self.destinations[use.key.route, use.key.arm] = step

    def _guards(self) -> list[Guard]:
        applications, uses = self._instances.applications, self._instances.uses
        return [*(one.guard for one in applications), *(one.guard for one in uses)]


def _named(guard: Guard) -> str:
    if guard.route == APPLICATION:
        return f"{guard.plugin} (application)"
    return f"{guard.plugin} on route {guard.route}"
