"""What the table lacks of a journal, or has otherwise, is told row by row and total by total."""

from plugins.cost_meter.row import Row
from plugins.cost_meter.sharing.comparing import Difference, differences
from plugins.cost_meter.sharing.keys import row_key
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import Replica, replica

YEAR = 400 * 86400.0


def some(count: int, first: int = 0) -> list[Row]:
    return [row(f"wf_{number}-1", at=NOON - 1800 * number) for number in range(first, count)]


async def told(shared: Shared, one: Replica) -> list[Difference]:
    return list(await differences(shared.table, one.journal, NOON + 60, YEAR))


async def changed(shared: Shared, item: dict[str, object]) -> None:
    await shared.table.call("put_item", Item=item)


async def test_what_was_brought_agrees_and_what_waits_is_not_looked_at(shared: Shared) -> None:
    other = shared.again()
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring(some(4))
        await two.bring(some(9, first=4))
        await one.bring(some(12, first=9))
        await one.journal.write(some(15, first=12))
        assert await told(shared, one) == []
        assert await told(shared, two) == []
    await other.close()


async def test_a_row_that_is_missing_or_otherwise_is_told(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring(some(4))
        for number, item in enumerate(await _rows(shared)):
            if number == 0:
                key = {name: item[name] for name in ("pk", "sk")}
                await shared.table.call("delete_item", Key=key)
            if number == 1:
                await changed(shared, {**item, "nano_usd": {"N": "39501"}})
            if number == 2:
                await changed(shared, {**item, "model": {"S": "another"}})
        assert await told(shared, one) == [
            Difference("row", "wf_2-1", "0.0000395", "other contents"),
            Difference("row", "wf_1-1", "0.0000395", "0.000039501"),
            Difference("row", "wf_0-1", "0.0000395", ""),
        ]


async def test_a_row_under_this_name_that_the_journal_does_not_know_is_told(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.bring(some(1))
        (item,) = await _rows(shared)
        stray = row("wf_stray-1", at=NOON + 1)
        key = row_key(stray)
        place = {"pk": {"S": key.pk}, "sk": {"S": key.sk}, "id": {"S": stray.id}}
        await changed(shared, {**item, **place})
        assert await told(shared, one) == [Difference("row", "wf_stray-1", "", "0.0000395")]


async def test_a_total_that_is_missing_older_or_otherwise_is_told_without_the_user(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.bring(some(1))
        items = {item["pk"]["S"]: item for item in shared.server.items(shared.table.name)}
        day, month, mine = (
            items[f"A#{name}"] for name in ("*#day#2025", "*#month#ever", "@#hour#20250615")
        )
        await shared.table.call("delete_item", Key={name: day[name] for name in ("pk", "sk")})
        await changed(shared, {**month, "sums": {"L": [{"N": "0"}] * len(month["sums"]["L"])}})
        sums = [*mine["sums"]["L"]]
        sums[0] = {"N": "2"}
        await changed(shared, {**mine, "sums": {"L": sums}})
        about = "campaigns, new, openai, gpt-4o-mini, message_generation"
        assert sorted(await told(shared, one)) == [
            Difference("day", f"2025-06-15T00:00Z {about}", "0.0000395", ""),
            Difference(
                "hour", f"2025-06-15T12:00Z {about}, one user", "0.0000395", "other contents"
            ),
            Difference("month", f"2025-06-01T00:00Z {about}", "0.0000395", "0.00"),
        ]


async def _rows(shared: Shared) -> list[dict[str, object]]:
    found = [
        item for item in shared.server.items(shared.table.name) if item["pk"]["S"].startswith("L#")
    ]
    return sorted(found, key=lambda item: str(item["id"]))
