"""What a time comes to, read from totals, is what its rows come to."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.books import Asked
from plugins.cost_meter.covering import Calendar, Kept, Span
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.row import Dimension, Grain, Row, sums_of
from plugins.cost_meter.tallying import Tallying, added
from proxy.api.testing import FakeServices
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import rows

NOW = 1_750_000_000.0
KEPT = Kept(48 * 3600.0, 90 * 86400.0)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata")


async def tallied(made: list[Row], zone: str, span: Span) -> tuple[Any, Any, Any]:
    """The tallies of a real journal: together, by day, by hour of the day."""
    services = FakeServices()
    keep = Keep(rows=400 * 86400.0, minutes=KEPT.minutes, hours=KEPT.hours)
    journal = SqliteJournal(Path(":memory:"), keep, services)
    await journal.open()
    try:
        await journal.write(made)
        tallying = Tallying(journal, Calendar(zone), KEPT)
        return (
            await tallying.over(span, NOW, ("provider",)),
            await tallying.daily(span, NOW, ("provider",)),
            await tallying.by_hour_of_day(span, NOW),
        )
    finally:
        await journal.close()
        await services.close()


@given(
    st.lists(rows(st.integers(int(NOW) - 30 * 86400, int(NOW)).map(float)), max_size=8),
    st.sampled_from(ZONES),
    st.integers(0, 40 * 86400),
    st.one_of(st.just(0), st.integers(0, 20 * 86400)),
)
@examples(40)
def test_totals_of_a_time_are_the_sums_of_its_rows(
    made: list[Row], zone: str, length: int, before: int
) -> None:
    made = [one._replace(id=f"r{number}") for number, one in enumerate(made)]
    span = Span(NOW - before - length - 1, NOW - before)
    whole, daily, hourly = asyncio.run(tallied(made, zone, span))
    for tally in (whole, daily):
        since, until = tally.counted
        assert since <= span.since < since + 86400
        counted = [one for one in made if since <= one.at < until or (one.at == NOW == until)]
        assert tally.all == added(map(sums_of, counted))
    assert hourly is not None
    assert sum(one.attempts for one in hourly.values()) >= whole.all.attempts
    for (day, _), sums in daily.by.items():
        mine = [one for one in made if Calendar(zone).date(one.at) == day]
        if zone != "Asia/Kolkata":  # its days begin in the middle of hours of UTC
            assert sums.attempts <= len(mine)


def test_nothing_is_the_sum_of_nothing() -> None:
    whole, daily, hourly = asyncio.run(tallied([], "UTC", Span(NOW + 5, NOW + 9)))
    assert (whole.all.attempts, daily.by, whole.counted) == (0, {}, Span(NOW + 5, NOW + 5))
    assert set(hourly) == set(range(24))


class Watched:
    """A ledger of nothing that counts how much it is asked at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def totals(self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return ()


@pytest.mark.parametrize("at_once", [1, 8])
async def test_a_ledger_is_asked_no_more_at_once_than_it_bears(at_once: int) -> None:
    ledger: Any = Watched()
    tallying = Tallying(ledger, Calendar("UTC"), KEPT, at_once)
    span = Span(NOW - 30 * 86400, NOW)
    await asyncio.gather(*(tallying.over(span, NOW) for _ in range(20)))
    assert ledger.most == at_once
