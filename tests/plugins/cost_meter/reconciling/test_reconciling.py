"""The ledger beside a bill, over a journal in a real file."""

import random
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.reconciling import reconciling as module
from plugins.cost_meter.reconciling.reconciling import Reconciling
from plugins.cost_meter.row import Row
from proxy.api.spending import NanoUSD, Usage
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.reconciling.billed import csv_of
from tests.plugins.cost_meter.rowed import row

DAY = 86400
SINCE = 1_749_945_600  # 2025-06-15, 00:00 UTC: the day of the jumping clock
NOON = SINCE + 43_200.0
WHY: dict[str, Any] = {"by": "ops", "why": "bill of June"}


@pytest.fixture
async def journal() -> AsyncIterator[SqliteJournal]:
    services = FakeServices()
    kept = SqliteJournal(Path("costs.db"), Keep(400 * DAY, 2 * DAY, 90 * DAY), services)
    await kept.open()
    yield kept
    await kept.close()
    await services.close()


def reconciling(journal: SqliteJournal) -> Reconciling:
    return Reconciling(journal, lambda: NOON + DAY, "r1")


async def booked(journal: SqliteJournal) -> int:
    totals = await journal.totals(Asked(SINCE - DAY, SINCE + 3 * DAY), "day")
    return sum(one.sums.nano_usd for one in totals)


def many(seed: int, count: int) -> list[tuple[Row, int]]:
    """Attempts and what they cost on the bill: some were estimated, some are not on it."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        cost = chance.randrange(10**9)
        estimated = chance.random() < 0.2
        attempt = row(
            f"wf_{number}-1",
            at=SINCE + chance.random() * 2 * DAY,
            usage=Usage(chance.randrange(1000), 0, chance.randrange(1000)),
            model=chance.choice(["gpt-4o", "o3"]),
            deployment=chance.choice(["prod", "test"]),
            provider_id=f"chatcmpl-{number}",
            estimated=estimated,
            nano_usd=NanoUSD(cost + chance.randrange(-1000, 1000) if estimated else cost),
        )
        made.append((attempt, cost))
    return made


async def test_a_bill_by_attempts_makes_the_ledger_equal_to_the_nano_dollar(
    journal: SqliteJournal,
) -> None:
    attempts = many(7, 500)
    billed = [pair for number, pair in enumerate(attempts) if number % 50 != 3]
    await journal.write([attempt for attempt, _ in attempts if attempt.id != "wf_77-1"])
    window: dict[str, Any] = {"since": float(SINCE), "until": float(SINCE + 2 * DAY)}
    posted = await reconciling(journal).post(csv_of(billed), **WHY, **window)
    assert await booked(journal) == sum(cost for _, cost in billed)
    assert posted.rows == posted.written > 50
    left = await reconciling(journal).report(csv_of(billed), **window)
    assert [one.id for one in left.differing if one.nano_usd] == []
    assert all(one.nano_usd == 0 for one in left.drifts)


async def test_a_bill_that_is_posted_twice_changes_nothing_the_second_time(
    journal: SqliteJournal,
) -> None:
    attempts = many(3, 40)
    await journal.write([attempt for attempt, _ in attempts[1:]])
    text = csv_of(attempts)
    first = await reconciling(journal).post(text, **WHY)
    before = await booked(journal)
    second = await reconciling(journal).post(text, **WHY)
    assert first.written > 0
    assert (second.rows, second.written) == (0, 0)
    assert await booked(journal) == before


async def test_a_later_bill_corrects_an_earlier_one_as_often_as_it_takes(
    journal: SqliteJournal,
) -> None:
    attempt = row("a", at=NOON, nano_usd=NanoUSD(1000))
    await journal.write([attempt])
    for cost in (700, 900, 700, 900, 700):
        await reconciling(journal).post(csv_of([(attempt, cost)]), **WHY)
        assert await booked(journal) == cost


async def test_what_differs_is_told_and_nothing_is_changed_by_telling(
    journal: SqliteJournal,
) -> None:
    attempt = row("a", at=NOON, nano_usd=NanoUSD(1000), usage=Usage(100, 0, 50))
    await journal.write([attempt])
    found = await reconciling(journal).report(csv_of([(attempt, 1085)]))
    assert found.is_by_attempt
    assert [(one.id, one.nano_usd) for one in found.differing] == [("a", 85)]
    assert [(one.model, one.nano_usd) for one in found.drifts] == [("gpt-4o-mini", 85)]
    assert await booked(journal) == 1000


async def test_attempts_beyond_the_bill_are_not_taken_back(journal: SqliteJournal) -> None:
    inside, after = row("a", at=NOON), row("b", at=NOON + 60)
    await journal.write([inside, after])
    found = await reconciling(journal).report(csv_of([(inside, inside.nano_usd)]))
    assert found.differing == ()


async def test_a_call_at_the_edge_is_found_on_whichever_side_the_bill_has_it(
    journal: SqliteJournal,
) -> None:
    attempt = row("a", at=SINCE + DAY - 0.01)
    await journal.write([attempt])
    text = csv_of([(attempt._replace(at=SINCE + DAY + 0.01), attempt.nano_usd)])
    for window in ((SINCE, SINCE + DAY), (SINCE + DAY, SINCE + 2 * DAY)):
        found = await reconciling(journal).report(text, since=window[0], until=window[1])
        assert found.differing == ()


COSTS = (
    "start_time,amount_value,amount_currency,line_item\n"
    '2025-06-15T00:00:00,0.000001200,usd,"gpt-4o-2024-08-06, input"\n'
    '2025-06-15T00:00:00,0.0000003005,usd,"gpt-4o-2024-08-06, output"\n'
    '2025-06-16T00:00:00,0.000000007,usd,"o3, input"\n'
)


def of_two_days() -> list[Row]:
    return [
        row("a", at=NOON, model="gpt-4o", nano_usd=NanoUSD(1000)),
        row("b", at=NOON + DAY, model="o3", nano_usd=NanoUSD(9)),
        row("c", at=NOON, model="gpt-4o", provider="azure", nano_usd=NanoUSD(50)),
    ]


async def test_a_bill_by_days_corrects_each_day_and_model_of_its_provider(
    journal: SqliteJournal,
) -> None:
    await journal.write(of_two_days())
    posted = await reconciling(journal).post(COSTS, "openai-costs", **WHY)
    seen = [(one.day, one.model, one.nano_usd) for one in posted.found.drifts]
    # 1200 + 300.5 is 1500.5 nano-USD, which is rounded to the even 1500: 500 more than 1000
    assert seen == [(SINCE, "gpt-4o", 500), (SINCE + DAY, "o3", -2)]
    assert (posted.rows, posted.written, posted.nano_usd) == (2, 2, 498)
    assert await booked(journal) == 1500 + 7 + 50
    again = await reconciling(journal).post(COSTS, "openai-costs", **WHY)
    assert (again.rows, again.written) == (0, 0)


async def test_a_bill_by_days_says_how_far_it_is_away(journal: SqliteJournal) -> None:
    await journal.write(of_two_days())
    found = await reconciling(journal).report(COSTS, "openai-costs")
    assert (found.since, found.until) == (SINCE, SINCE + 2 * DAY)
    assert not found.is_by_attempt
    assert sum(Fraction(one.nano_usd or 0) for one in found.drifts) == 498


async def refused(journal: SqliteJournal, text: str, preset: str = "crossfade", **more: Any) -> str:
    before = await booked(journal)
    with pytest.raises(ValueError, match=r"nothing is posted|whole days|say who|before it") as told:
        await reconciling(journal).post(text, preset, **(WHY | more))
    assert await booked(journal) == before
    return str(told.value)


async def test_nothing_is_posted_while_a_line_cannot_be_read(journal: SqliteJournal) -> None:
    text = csv_of([(row("a", at=NOON), 5)]) + "odd\n"
    assert "1, the first of them line 3: 1 cells" in await refused(journal, text)


async def test_nothing_is_posted_without_costs(journal: SqliteJournal) -> None:
    await journal.write(of_two_days())
    usage = "start_time,model,input_tokens,output_tokens\n2025-06-15,gpt-4o,1,1\n"
    assert "tokens and no costs" in await refused(journal, usage, "openai")
    by_id = "time,id,input\n2025-06-15T12:00:00Z,a,10\n"
    assert "1 attempts have no cost" in await refused(journal, by_id)


async def test_nothing_is_posted_while_a_name_is_not_certain(journal: SqliteJournal) -> None:
    await journal.write(of_two_days())
    text = COSTS.replace("o3, input", "5.4 inp Gl")
    assert "meant by '5.4 inp Gl'" in await refused(journal, text, "openai-costs")
    posted = await reconciling(journal).post(
        text, "openai-costs", names={"5.4 inp Gl": "gpt-5.4"}, **WHY
    )
    assert [one.model for one in posted.found.drifts] == ["gpt-4o", "gpt-5.4", "o3"]


async def test_nobody_corrects_without_a_name_and_a_reason(journal: SqliteJournal) -> None:
    assert "say who" in await refused(journal, COSTS, "openai-costs", by="")
    assert "and why" in await refused(journal, COSTS, "openai-costs", why="")


async def test_days_that_were_corrected_whole_are_not_corrected_by_attempts(
    journal: SqliteJournal,
) -> None:
    await journal.write(of_two_days())
    await reconciling(journal).post(COSTS, "openai-costs", **WHY)
    text = csv_of([(of_two_days()[0], 7)])
    assert "corrected twice" in await refused(journal, text)


async def test_days_begin_and_end_with_days(journal: SqliteJournal) -> None:
    assert "such as 2025-06-15" in await refused(journal, COSTS, "openai-costs", since=NOON)
    assert "ends before it begins" in await refused(
        journal, COSTS, "openai-costs", since=float(SINCE), until=float(SINCE)
    )


async def test_an_empty_bill_is_compared_with_nothing(journal: SqliteJournal) -> None:
    await journal.write(of_two_days())
    found = await reconciling(journal).report(csv_of([]))
    assert (found.lines, found.drifts, found.differing) == (0, (), ())


async def test_a_comparison_has_bounds(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = of_two_days()
    await journal.write(rows)
    monkeypatch.setattr(module, "_MOST_ROWS", 1)
    with pytest.raises(ValueError, match="more than 1 rows in that time"):
        await reconciling(journal).report(csv_of([(rows[0], 1), (rows[2], 1)]))
    with pytest.raises(ValueError, match="at most 1000 names"):
        await reconciling(journal).report(COSTS, names=dict.fromkeys(map(str, range(1001)), "m"))


async def test_what_was_corrected_says_who_and_why(journal: SqliteJournal) -> None:
    attempt = row("a", at=NOON, nano_usd=NanoUSD(1000))
    await journal.write([attempt])
    await reconciling(journal).post(csv_of([(attempt, 1)]), **WHY)
    page = await journal.rows(Asked(SINCE, SINCE + DAY))
    notes = [one.note for one in page.rows if one.kind == "adjust"]
    assert notes == ["ops: bill of June"]
