"""`crossfade costs verify` of a fleet looks at the journal, and at what the table has of it."""

import json
from collections.abc import Iterator

import pytest

from plugins.cost_meter.assembly import assembled, migrated
from plugins.cost_meter.operating.commands import provide_commands
from plugins.cost_meter.settings import CostMeterSettings
from proxy.api.testing import FakeServices
from proxy.api.testing.offers import AdminOffers, CommandOffers
from tests.kit.dynamo import REGION, DynamoServer, dynamo_server
from tests.plugins.cost_meter.rowed import row


@pytest.fixture(scope="module")
def server() -> Iterator[DynamoServer]:
    with dynamo_server() as server:
        yield server


async def test_what_the_table_lacks_is_told_in_a_table_and_by_the_exit_code(
    server: DynamoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = CostMeterSettings(
        journal="sqlite:costs.db",
        ledger=f"dynamodb://verified?region={REGION}&endpoint={server.endpoint}",
    )
    services = FakeServices(plugin="cost_meter")
    await migrated(settings, services, dry_run=False)
    parts = await assembled(settings, services)
    admin = AdminOffers()
    commands = CommandOffers(admin)
    parts.operating.offer(admin)
    provide_commands(commands)

    await parts.journal.write([row("wf_1-1", at=services.now() - 60)])
    await services.jumping.jump(10.0)
    await commands.run("verify")
    assert "the table of the fleet has them" in capsys.readouterr().out

    (item,) = [one for one in server.items("verified") if one["pk"]["S"].startswith("L#")]
    table = services.dynamodb("verified", REGION, server.endpoint)
    await table.call("delete_item", Key={name: item[name] for name in ("pk", "sk")})
    with pytest.raises(SystemExit) as ended:
        await commands.run("verify")
    assert ended.value.code == 3
    said = capsys.readouterr().out
    assert "they differ" in said
    assert ["row", "wf_1-1", "0.0000395"] in [line.split() for line in said.splitlines()]
    with pytest.raises(SystemExit):
        await commands.run("verify", json=True)
    assert json.loads(capsys.readouterr().out) == {
        "agrees": False,
        "differences": [],
        "fleet": [{"what": "row", "where": "wf_1-1", "journal": "0.0000395", "table": ""}],
    }
    await parts.close()
    await services.close()
