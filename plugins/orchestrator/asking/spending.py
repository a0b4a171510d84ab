"""What attempts spend, as it is told to whoever meters: before they are sent, and at their end."""

from proxy.api import Services
from proxy.api.spending import (
    Again,
    NanoUSD,
    PlannedSpend,
    PriceKey,
    Prices,
    SettledSpend,
    SpendAnswer,
    Usage,
)

from ..deciding.chain import Try
from ..deciding.costs import nano_usd
from ..deciding.tasks import Task

__all__ = ["LATE", "Spending", "planned_spend"]

LATE = 60.0
"""Seconds after its time that an attempt may still end: it is read on for who has left."""


class Spending:
    """Speaks with those who meter. One for the application."""

    def __init__(self, services: Services) -> None:
        """Ask nobody yet."""
        self._services = services

    async def plan(self, planned: PlannedSpend) -> SpendAnswer:
        """Return whether an attempt may be sent; one that may has to be settled."""
        return await self._services.plan_spend(planned)

    def nano_usd(self, usage: Usage, key: PriceKey) -> NanoUSD | None:
        """Return what a usage costs: as whoever knows prices says, else as it is declared."""
        return nano_usd(usage, key, self._services.shared(Prices))

    def settle(self, entry: SettledSpend) -> None:
        """Tell how an attempt has ended."""
        self._services.settle_spend(entry)

    def never_sent(self, planned: PlannedSpend) -> None:
        """Tell that an attempt that was planned has not been begun."""
        self.settle(
            SettledSpend(
                planned,
                self._services.now(),
                "failed",
                "never_sent",
                usage=Usage(),
                source="none",
            )
        )


def planned_spend(
    task: Task, step: Try, attempt_id: str, at: float, estimate: Usage, again: Again, cheaper: str
) -> PlannedSpend:
    """Return what an attempt would spend that begins at `at`, in Unix seconds.

    `cheaper` is the model that could be asked instead; empty: none.
    """
    return PlannedSpend(
        attempt_id,
        at,
        at + step.timeout + LATE,
        task.workflow_id,
        task.request_id,
        task.user,
        task.plan,
        task.route,
        task.arm,
        task.intent.type,
        step.deployment.priced(at),
        estimate,
        again,
        bool(cheaper),
        task.digest,
    )
