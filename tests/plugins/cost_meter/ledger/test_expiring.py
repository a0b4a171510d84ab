"""What is old goes; what is counted stays counted."""

from pathlib import Path

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.row import Grain
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.ledger.kept import DAY, Process, opened
from tests.plugins.cost_meter.rowed import NOON, row

SHORT = Keep(rows=10 * DAY, minutes=3600.0, hours=2 * DAY)
ALL = Asked(0, 2 * NOON)


async def test_minutes_hours_and_rows_go_and_days_and_months_stay(tmp_path: Path) -> None:
    process = Process()
    journal = await process.opened(tmp_path / "costs.db", SHORT)
    ages = (0.0, 3700.0, 3 * DAY, 11 * DAY)
    await journal.write([row(f"a{n}", at=NOON - age) for n, age in enumerate(ages)])
    assert await journal.expire() > 0
    left: dict[Grain, int] = {"minute": 1, "hour": 2, "day": 3, "month": 1}
    for grain, count in left.items():
        assert len(await journal.totals(ALL, grain)) == count
    assert [one.id for one in (await journal.rows(ALL)).rows] == ["a2", "a1", "a0"]
    (month,) = await journal.totals(ALL, "month")
    assert month.sums.attempts == 4
    assert (await journal.expire(), await journal.differences()) == (0, ())
    await journal.close()
    await process.close()


async def test_very_much_goes_in_small_steps(tmp_path: Path) -> None:
    process = Process(NOON - 20 * DAY)
    journal = await process.opened(tmp_path / "costs.db", SHORT)
    await journal.write([row(f"a{n}", at=NOON - 20 * DAY + n) for n in range(1200)])
    process.at = NOON
    assert await journal.expire() == 1200 + 20 + 1
    assert (await journal.rows(ALL)).rows == ()
    await journal.close()
    await process.close()


async def test_a_correction_of_what_is_gone_is_refused_since_it_would_count_again(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "costs.db", keep=SHORT) as journal:
        await journal.expire()
        with pytest.raises(ValueError, match="from before what is kept"):
            await journal.write([row("a", at=NOON - 12 * DAY)])
        assert await journal.totals(ALL, "day") == ()


async def test_a_correction_of_an_old_minute_counts_in_its_day_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db", keep=SHORT) as journal:
        await journal.expire()
        await journal.write([row("a", at=NOON - 5 * DAY, nano_usd=NanoUSD(7))])
        assert await journal.totals(ALL, "minute") == await journal.totals(ALL, "hour") == ()
        (day,) = await journal.totals(ALL, "day")
        assert (day.sums.nano_usd, await journal.differences()) == (7, ())


async def test_what_is_kept_is_never_more_again_than_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path / "costs.db", keep=SHORT) as journal:
        await journal.expire()
        short = journal.horizons
    async with opened(tmp_path / "costs.db") as journal:
        await journal.expire()
        assert journal.horizons == short


async def test_a_clock_that_is_ahead_for_a_while_neither_empties_the_ledger_nor_loses_what_follows(
    tmp_path: Path,
) -> None:
    process = Process()
    journal = await process.opened(tmp_path / "costs.db", SHORT)
    await journal.write([row("old", at=NOON - 5 * DAY), row("new", at=NOON - 60)])
    await journal.expire()
    process.at = NOON + 1000 * DAY
    await journal.expire()
    process.at = NOON
    journal.settle(row("next", at=NOON, nano_usd=NanoUSD(7)))
    await journal.flush()
    assert [one.id for one in (await journal.rows(ALL)).rows] == ["old", "new", "next"]
    assert sum(one.sums.nano_usd for one in await journal.totals(Asked(NOON, NOON + 1), "minute"))
    assert await journal.differences() == ()
    await journal.close()
    await process.close()


async def test_a_clock_that_was_ahead_when_the_file_was_made_loses_nothing(tmp_path: Path) -> None:
    process = Process(NOON + 1000 * DAY)
    journal = await process.opened(tmp_path / "costs.db", SHORT)
    await journal.expire()
    process.at = NOON
    journal.settle(row("a", at=NOON, nano_usd=NanoUSD(7)))
    await journal.flush()
    grains: tuple[Grain, ...] = ("minute", "hour", "day", "month")
    assert [len(await journal.totals(ALL, grain)) for grain in grains] == [1, 1, 1, 1]
    assert [one.id for one in (await journal.rows(ALL)).rows] == ["a"]
    await journal.expire()
    assert await journal.write([row("b", at=NOON - 60)]) == 1
    await journal.close()
    await process.close()


async def test_what_was_not_looked_at_for_long_goes_hour_by_hour(tmp_path: Path) -> None:
    process = Process()
    journal = await process.opened(tmp_path / "costs.db", SHORT)
    await journal.write([row("a", at=NOON - 60)])
    await journal.expire()
    process.at = NOON + 20 * DAY
    removed = [await journal.expire() for _ in range(100)]
    assert [at for at, lines in enumerate(removed) if lines] == [0, 10, 47]
    assert (await journal.rows(ALL)).rows == ()
    assert await journal.totals(ALL, "hour") == ()
    await journal.close()
    await process.close()
