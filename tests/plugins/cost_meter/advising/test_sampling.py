"""Of many rows equal parts of the whole time are looked at, and never more than is bounded."""

import pytest

from plugins.cost_meter.advising.sampling import gathered
from tests.plugins.cost_meter.advising.advised import DAY, attempts
from tests.plugins.cost_meter.advising.followed import END, followed
from tests.plugins.cost_meter.rowed import NOON, row


async def test_all_rows_are_read_where_there_are_few() -> None:
    async with followed() as found:
        evidence = await gathered(found.journal, END - 30 * DAY, END, 1000)
        assert sum(1 for _ in evidence.rows()) == 400
        assert sum(piece.sums.attempts for piece in evidence.pieces) == 400
        assert evidence.seconds == pytest.approx(10.5 * DAY), "from the first day on"


async def test_of_many_rows_a_bounded_sample_of_every_day_is_read() -> None:
    async with followed(attempts(4000)) as found:
        evidence = await gathered(found.journal, END - 30 * DAY, END, 1000)
        assert sum(1 for _ in evidence.rows()) <= 1000
        whole = [piece for piece in evidence.pieces if piece.sums.attempts == 400]
        assert len(whole) == 9
        for piece in whole:
            hours = {int((one.at - piece.begins) // 3600) for one in piece.rows}
            assert min(hours) < 4
            assert max(hours) >= 20
        ids = [one.id for one in evidence.rows()]
        assert len(ids) == len(set(ids))


async def test_corrections_are_money_and_no_attempts() -> None:
    adjust = row("a", kind="adjust", at=NOON, nano_usd=5)
    async with followed([adjust, *attempts(10)]) as found:
        evidence = await gathered(found.journal, END - 30 * DAY, END, 1000)
        assert sum(1 for _ in evidence.rows()) == 10


async def test_a_short_time_is_looked_at_by_the_hour() -> None:
    async with followed(attempts(100, days=1)) as found:
        evidence = await gathered(found.journal, END - 30 * DAY, NOON + DAY, 1000)
        assert len(evidence.pieces) >= 24


async def test_an_empty_ledger_is_no_evidence() -> None:
    async with followed([]) as found:
        evidence = await gathered(found.journal, END - 30 * DAY, END, 1000)
        assert evidence.pieces == ()
        assert evidence.seconds == 0
