"""What was brought before plans were counted is counted by the migration, once, however often."""

from plugins.cost_meter.books import Asked
from plugins.cost_meter.row import Row
from plugins.cost_meter.sharing.items import row_item
from plugins.cost_meter.sharing.keys import row_key
from plugins.cost_meter.sharing.plans import PlanTotals
from plugins.cost_meter.sharing.table import VERSION, migrate_table
from plugins.cost_meter.sharing.upgrading import LONGEST
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import Replica, replica

MONTH = Asked(NOON - 14 * 86400, NOON + 17 * 86400)
MARK = {"pk": {"S": "M#schema"}, "sk": {"S": "version"}}
OLD = f"the schema is version {VERSION}"


def some(count: int, first: int = 0, **said: str) -> list[Row]:
    return [row(f"wf_{number}-1", at=NOON - 60 * number, **said) for number in range(first, count)]


async def brought_before(shared: Shared, one: Replica, rows: list[Row]) -> None:
    """Bring rows as the version before did: without a name, and without their plan."""
    await one.bring(rows)
    for item in shared.server.items(shared.table.name):
        if item["pk"]["S"].startswith(("P#", "O#")):
            key = {name: item[name] for name in ("pk", "sk")}
            await shared.table.call("delete_item", Key=key)
    for each in rows:
        await shared.table.call("put_item", Item=row_item(row_key(each), each, NOON + LONGEST))
    await shared.table.call("put_item", Item={**MARK, "version": {"N": "1"}})


async def spent(shared: Shared, plan: str) -> int:
    known = PlanTotals(shared.table, lambda: NOON)
    return sum(one.nano_usd for one in await known.on_plans(MONTH, (plan,)))


async def spent_by_anna(shared: Shared) -> int:
    known = PlanTotals(shared.table, lambda: NOON)
    asked = MONTH._replace(where={"user": "anna"})
    return sum(one.nano_usd for one in await known.on_plans(asked, ("pro", "free")))


async def test_old_rows_are_counted_by_plan_and_those_that_come_after_them_too(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one, replica(shared.table) as two:
        old = [*some(70), *some(72, first=70, plan="free")]
        await brought_before(shared, one, old)
        wanted = await migrate_table(shared.table, dry_run=True, now=NOON)
        assert await spent(shared, "pro") == 0
        done = await migrate_table(shared.table, dry_run=False, now=NOON)
        assert done == wanted == ("what was spent on plans before is counted (8 amounts)", OLD)
        assert await spent(shared, "pro") == 70 * 39_500
        assert await spent(shared, "free") == 2 * 39_500
        assert await spent_by_anna(shared) == 72 * 39_500
        await two.bring(some(80, first=72))
        assert await migrate_table(shared.table, dry_run=False, now=NOON) == ()
        assert await spent(shared, "pro") == 78 * 39_500
        assert await spent_by_anna(shared) == 80 * 39_500


async def test_what_an_old_replica_brings_after_the_migration_is_counted_by_the_next(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await brought_before(shared, one, some(3))
        await migrate_table(shared.table, dry_run=False, now=NOON)
        late = row("wf_late-1", at=NOON)
        await shared.table.call("put_item", Item=row_item(row_key(late), late, NOON + LONGEST))
        assert len(await migrate_table(shared.table, dry_run=False, now=NOON)) == 1
        assert await spent(shared, "pro") == 4 * 39_500
        assert await migrate_table(shared.table, dry_run=False, now=NOON) == ()
