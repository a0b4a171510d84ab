"""Whether totals are the sums of the rows is found out."""

from pathlib import Path

import pytest

from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.ledger.kept import opened
from tests.plugins.cost_meter.rowed import row

AT = 1_763_985_600.0
"""2025-11-24 12:00 UTC."""

WRONG = {
    "a total that is too high": (
        "UPDATE cost_totals SET nano_usd = nano_usd + 1 WHERE grain = 2",
        ("day of 2025-11-24 00:00+00:00, group 1: nano_usd 8 instead of 7",),
    ),
    "a total that is gone": (
        "DELETE FROM cost_totals WHERE grain = 0",
        ("minute of 2025-11-24 12:00+00:00, group 1: attempts 0 instead of 1",),
    ),
    "a total of nothing": (
        "UPDATE cost_totals SET begins = 0 WHERE grain = 3",
        ("month of 1970-01-01", "month of 2025-11-01"),
    ),
    "a row that is gone": (
        "DELETE FROM cost_rows",
        ("minute of", "hour of", "day of", "month of"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_told(name: str, tmp_path: Path) -> None:
    statement, says = WRONG[name]
    async with opened(tmp_path / "costs.db") as journal:
        await journal.write([row("a", at=AT, nano_usd=NanoUSD(7))])
        assert await journal.differences() == ()
        await journal.file.write(lambda on: on.execute(statement).rowcount)
        found = await journal.differences()
        assert len(found) == len(says)
        assert all(told.startswith(begin) for told, begin in zip(found, says, strict=True))
