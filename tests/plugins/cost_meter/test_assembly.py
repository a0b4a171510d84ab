"""The meter put together: what fails at the start leaves nothing behind."""

from pathlib import Path

import pytest

from plugins.cost_meter.assembly import assembled, migrated
from plugins.cost_meter.settings import CostMeterSettings
from proxy.api import StoreError
from proxy.api.testing import FakeServices
from tests.kit.dynamo import REGION, dynamo_server


def runs(services: FakeServices) -> list[Path]:
    """The locks of processes that have the journal open."""
    assert services._folder is not None
    return list(Path(services._folder.name).glob("costs.db-run-*"))


async def test_a_start_that_fails_leaves_no_lock_and_the_next_one_has_the_fleets_ledger() -> None:
    with dynamo_server() as server:
        settings = CostMeterSettings(
            journal="sqlite:costs.db",
            ledger=f"dynamodb://costs?region={REGION}&endpoint={server.endpoint}",
        )
        services = FakeServices()
        with pytest.raises(StoreError, match="run crossfade migrate"):
            await assembled(settings, services)
        assert runs(services) == []

        assert len(await migrated(settings, services, dry_run=False)) == 4
        parts = await assembled(settings, services)
        assert len(runs(services)) == 1
        assert parts.ledger is not parts.journal
        await parts.close()
        assert runs(services) == []
        await services.close()


async def test_without_a_fleet_the_journal_is_the_ledger_and_there_is_nothing_to_migrate() -> None:
    services = FakeServices()
    settings = CostMeterSettings(journal="memory://")
    assert await migrated(settings, services, dry_run=False) == ()
    parts = await assembled(settings, services)
    assert parts.ledger is parts.journal
    assert "in memory" in parts.health()
    await parts.close()
    await services.close()
