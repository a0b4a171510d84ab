"""While the table is away everything goes on; afterwards it has everything, once."""

from pathlib import Path

from tests.kit.dynamo import DynamoServer
from tests.plugins.cost_meter.sharing.outage import Outage


async def test_after_an_outage_the_table_comes_to_what_the_journals_do(
    server: DynamoServer, tmp_path: Path
) -> None:
    weathers = ("silent", "done and not told", "served", "throttled")
    found = await Outage(server, tmp_path, seed=3).run(weathers, attempts=20, lasts=3.0)
    assert found.wrong == []
    assert found.rows == found.attempts == 80
    assert min(found.fares[fate] for fate in ("silent", "lost", "refused")) > 0
