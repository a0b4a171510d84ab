"""Meters what calls to providers cost, exactly, and keeps spending within budgets."""

from proxy.api import (
    AdminRouter,
    Application,
    Commands,
    EndpointRouter,
    Move,
    Note,
    PlannedSpend,
    Question,
    Services,
    SettledSpend,
    SpendAnswer,
    Verdict,
    hook,
)

from .advising.commands import provide_commands as provide_advice_commands
from .assembly import Assembled, assembled, migrated
from .operating.commands import provide_commands
from .settings import CostMeterSettings


class CostMeter(Application):
    """What calls to providers cost: reports, prices, budgets, forecasts.

    One for the process.
    """

    commands = "costs"
    settings: CostMeterSettings
    parts: Assembled

    @hook
    async def startup(self, services: Services) -> None:
        """Open the journal, settle what a killed process has left, offer the prices."""
        self.parts = await assembled(self.settings, services)

    @hook
    async def shutdown(self) -> None:
        """Write what was taken in."""
        if hasattr(self, "parts"):  # else it has never been started
            await self.parts.close()

    @hook
    async def spend_planned(self, attempt: PlannedSpend) -> SpendAnswer:
        """Reserve what an attempt may cost, and write down that it is about to be sent."""
        return await self.parts.meter.plan(attempt)

    @hook
    def spend_settled(self, entry: SettledSpend) -> None:
        """Take in what an attempt has used."""
        self.parts.meter.settle(entry)

    @hook
    async def migrate(self, services: Services, dry_run: bool) -> tuple[str, ...]:  # noqa: FBT001 (a hook)
        """Create or upgrade the table of the fleet's ledger, if there is to be one."""
        return await migrated(self.settings, services, dry_run=dry_run)

    @hook
    def judge(self, question: Question) -> Verdict | None:
        """Say whether new costs too much, where that is to be a brake."""
        return self.parts.brake.judge(question)

    @hook
    def rollout_moved(self, move: Move) -> None:
        """Begin anew with what depends on who goes where."""
        self.parts.moved(move)

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """Costs, for users."""
        self.parts.endpoints.offer(router)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        """Costs, budgets and advice, for operators."""
        self.parts.operating.offer(router)
        self.parts.advising.offer(router)

    @hook
    def provide_commands(self, cli: Commands) -> None:
        """The same by hand."""
        provide_commands(cli)
        provide_advice_commands(cli)

    @hook
    def health(self) -> str:
        """Say what is wrong with the journal, the ledger, the prices or the budgets."""
        return self.parts.health()

    @hook
    async def explain(self, request_id: str) -> tuple[Note, ...]:
        """Say what a request's attempts have cost, by which prices."""
        return await self.parts.notes_of(request_id)
