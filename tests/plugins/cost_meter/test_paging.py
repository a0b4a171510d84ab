"""Rows, page by page."""

from pathlib import Path

import pytest

from plugins.cost_meter.books import Asked, Page
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.paging import each_row
from plugins.cost_meter.row import Row
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.rowed import NOON, row

KEEP = Keep(rows=400 * 86400.0, minutes=48 * 3600.0, hours=90 * 86400.0)
COUNT = 2_100
ASKED = Asked(NOON, NOON + COUNT)


class Pages(SqliteJournal):
    """A journal that notes how long pages were asked for."""

    asked: tuple[int, ...] = ()

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        self.asked += (limit,)
        return await super().rows(asked, limit=limit, after=after)


@pytest.mark.parametrize(
    ("most", "pages"),
    [(10**6, (1000, 1000, 1000)), (1500, (1000, 500)), (COUNT, (1000, 1000, 100)), (0, ())],
)
async def test_each_row_comes_once_in_order_and_no_more_than_was_wanted(
    most: int, pages: tuple[int, ...]
) -> None:
    services = FakeServices()
    journal = Pages(Path(":memory:"), KEEP, services)
    await journal.open()
    made: list[Row] = [row(f"wf_1-{number}", at=NOON + number) for number in range(COUNT)]
    await journal.write(made)
    found = [one.id async for one in each_row(journal, ASKED, most)]
    assert found == [one.id for one in made[:most]]
    assert journal.asked == pages
    await journal.close()
    await services.close()
