"""Alerts that are raised once: per event and period, over the whole fleet."""

from proxy.api import Alert, Services

from .books import Edges

__all__ = ["Alerting"]


class Alerting:
    """Raises an alert if nobody has raised it before."""

    def __init__(self, edges: Edges, services: Services) -> None:
        self._edges = edges
        self._services = services

    async def once(self, alert: Alert, until: float) -> bool:
        """Raise it unless anybody has raised it before; whether it was raised.

        `until` (Unix seconds) its period ends, and it may be raised again.
        """
        first = await self._edges.first(alert.identity, until)
        if first:
            self._services.alert(alert)
        return first

    async def over(self, alert: Alert) -> bool:
        """Raise an alert that resolves one which was raised; nothing if none was."""
        raised = await self._edges.forget(alert.identity)
        if raised:
            self._services.alert(alert._replace(resolves=True))
        return raised
