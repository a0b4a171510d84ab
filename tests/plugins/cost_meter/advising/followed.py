"""Advice on a real journal, that changes a real configuration's text."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from plugins.cost_meter.advising.advice import Advice
from plugins.cost_meter.advising.declaring import AdviceSettings
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.ledger.shelf import SqliteShelf
from plugins.cost_meter.prices.rating import FREE, Priced
from plugins.cost_meter.row import Row
from proxy.api import Change, ChangeRefusedError, Choices, Deployments, PriceKey
from proxy.api.testing import FakeServices
from proxy.config.patching import patched
from tests.plugins.cost_meter.advising.advised import CHOICES, DAY, TARIFFS, attempts
from tests.plugins.cost_meter.rowed import NOON

FILE = b"""\
plugins:
  orchestrator:   # ours
    deployments:
      azure-4o: {provider: azure, model: gpt-4o}   # dear
      openai-4o: {provider: openai, model: gpt-4o}
    rules:
      - {types: [message_generation], models: [gpt-4o, gpt-4o-mini]}
    max_tokens: 1024
"""
_AT_ONCE = 250
END = NOON + 10 * DAY


class Configured(FakeServices):
    """Services that change a text as the proxy changes its file, at a time that is set."""

    def __init__(self) -> None:
        super().__init__(plugin="cost_meter")
        self.file = FILE
        self.at = END
        self.why: list[tuple[str, str]] = []

    def now(self) -> float:
        return self.at

    async def reconfigure(self, changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
        if self.refuse_changes:
            raise ChangeRefusedError(self.refuse_changes)
        made = patched(self.file, changes)
        self.file = made.content
        self.why.append((by, why))
        return made.undo


class Offered:
    """What the orchestrator would offer."""

    def choices(self) -> Choices:
        return CHOICES._replace(rules=CHOICES.rules[:1], rules_written=True)


def tariff(key: PriceKey) -> Priced:
    return TARIFFS.get((key.deployment, key.batch), Priced(FREE, "zero", "unknown"))


class Followed:
    """Advice with what it stands on."""

    def __init__(self, services: Configured, **wanted: object) -> None:
        keep = Keep(400 * DAY, 2 * DAY, 400 * DAY)
        self.services = services
        self.journal = SqliteJournal(Path(":memory:"), keep, services)
        self.shelf = SqliteShelf(self.journal.file)
        self.settings = AdviceSettings.model_validate(wanted)

    def advice(self) -> Advice:
        """Advice as a process has it that begins now."""
        return Advice(self.settings, self.journal, self.shelf, tariff, self.services)

    async def model_id(self, advice: Advice) -> str:
        """The id of what says that a cheaper model is to be tried."""
        [one] = [one for one in await advice.records() if one.advice.rule == "model"]
        return one.advice.id


@asynccontextmanager
async def followed(rows: Sequence[Row] | None = None, **wanted: object) -> AsyncIterator[Followed]:
    """With 400 attempts of ten days, unless it is said otherwise."""
    services = Configured()
    found = Followed(services, **wanted)
    services.share(Deployments, Offered())
    await found.journal.open()
    written = attempts(400) if rows is None else rows
    for begin in range(0, len(written), _AT_ONCE):
        await found.journal.write(written[begin : begin + _AT_ONCE])
    try:
        yield found
    finally:
        await found.journal.close()
        await services.close()
    assert services.faults == []
