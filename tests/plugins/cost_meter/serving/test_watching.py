"""Thresholds are compared each minute, and told of once in each period."""

from typing import Any

from plugins.cost_meter.serving.watching import EVERY
from tests.plugins.cost_meter.serving.served import ServedCosts, served_costs
from tests.plugins.cost_meter.serving.test_thresholds import threshold


async def keep(costs: ServedCosts, **said: Any) -> None:
    made = threshold(created_at=costs.now, updated_at=costs.now, **said)
    await costs.thresholds.add(made, by_admin=True)


async def told(costs: ServedCosts) -> int:
    """How many alerts there are after a look."""
    await costs.watch.look()
    return len(costs.services.alerts)


async def test_a_threshold_is_told_of_once_in_its_period_and_again_in_the_next() -> None:
    async with served_costs() as costs:
        await keep(costs, type="hourly", nano_usd=1000)
        await costs.spent(costs.row("a", nano_usd=999))
        assert await told(costs) == 0
        await costs.spent(costs.row("b", nano_usd=1))
        assert await told(costs) == 1
        await costs.spent(costs.row("c", nano_usd=5000))
        assert await told(costs) == 1
        assert costs.services.value("thresholds_passed", type="hourly") == 1
        await costs.services.jumping.jump(3600)
        assert await told(costs) == 1
        await costs.spent(costs.row("d", nano_usd=1000))
        assert await told(costs) == 2
        assert {one.name for one in costs.services.alerts} == {"cost_threshold"}


async def test_what_others_spend_passes_no_threshold_of_mine() -> None:
    async with served_costs() as costs:
        await keep(costs, nano_usd=1000)
        await costs.spent(costs.row("a", user="bob", nano_usd=10**9))
        assert await told(costs) == 0
        await keep(costs, user=None, provider="azure", nano_usd=1000)
        assert await told(costs) == 0
        await keep(costs, user=None, nano_usd=1000)
        assert await told(costs) == 1


async def test_hours_and_months_are_compared_with_theirs() -> None:
    async with served_costs() as costs:
        await keep(costs, type="hourly", nano_usd=1000)
        await keep(costs, type="monthly", nano_usd=5000)
        await costs.spent(costs.row("a", ago=7200, nano_usd=4000))
        assert await told(costs) == 0
        await costs.spent(costs.row("b", nano_usd=1000))
        assert await told(costs) == 2


async def test_what_comes_at_the_end_of_an_hour_is_not_missed() -> None:
    async with served_costs() as costs:
        await keep(costs, type="hourly", nano_usd=1000)
        late = costs.row("a", nano_usd=1000)
        await costs.services.jumping.jump(3600 - 400 + 60)  # a minute into the next hour
        await costs.spent(late._replace(at=costs.now - 90))
        assert await told(costs) == 1


async def test_one_that_is_not_enabled_is_left_alone() -> None:
    async with served_costs() as costs:
        await keep(costs, nano_usd=1, enabled=False)
        await costs.spent(costs.row("a", nano_usd=1000))
        assert await told(costs) == 0


async def test_a_request_is_all_its_attempts_together() -> None:
    async with served_costs() as costs:
        await keep(costs, type="per_request", nano_usd=1000)
        await costs.spent(*(costs.row(f"r{n}", nano_usd=600) for n in range(5)))
        assert await told(costs) == 0
        assert costs.ledger.rows_asked == 1
        again = costs.row("r9", again="fallback", nano_usd=400)._replace(request_id="of r1")
        await costs.spent(again)
        assert await told(costs) == 1
        assert await told(costs) == 1


async def test_rows_are_read_only_where_totals_leave_room_for_a_dear_request() -> None:
    async with served_costs() as costs:
        await keep(costs, type="per_request", nano_usd=10**9)
        await costs.spent(*(costs.row(f"r{n}", nano_usd=600) for n in range(50)))
        assert await told(costs) == 0
        assert costs.ledger.rows_asked == 0


async def test_it_looks_each_minute_and_goes_on_where_the_store_fails() -> None:
    async with served_costs() as costs:
        costs.services.spawn(costs.watch.run(), "watch")
        await keep(costs, nano_usd=1000)
        await costs.spent(costs.row("a", nano_usd=1000))
        file = costs.shelf._file
        await file.write(lambda on: on.execute("ALTER TABLE cost_shelf RENAME TO away"))
        await _until(costs, broken=True)
        assert "thresholds of costs are not compared" in costs.watch.trouble
        await file.write(lambda on: on.execute("ALTER TABLE away RENAME TO cost_shelf"))
        await _until(costs, broken=False)
        assert (costs.watch.trouble, len(costs.services.alerts)) == ("", 1)


async def _until(costs: ServedCosts, *, broken: bool) -> None:
    """Let minutes pass until a look has ended so; a look waits for a thread."""
    for _ in range(200):
        await costs.services.jumping.jump(EVERY)
        await costs.shelf._file.ask(lambda on: on.execute("SELECT 1").fetchone())
        if bool(costs.watch.trouble) == broken and (broken or costs.services.alerts):
            return


async def test_what_thresholds_are_about_is_read_once_however_many_they_are() -> None:
    async with served_costs() as costs:
        for number in range(5):
            await keep(costs, type="per_request", nano_usd=500 + 20 * number)
            await keep(costs, type="daily", nano_usd=10**9 + number)
        await costs.spent(costs.row("r", nano_usd=550))
        before = costs.ledger.totals_asked
        assert await told(costs) == 3
        one_look = costs.ledger.totals_asked - before
        assert costs.ledger.rows_asked == 1
        await keep(costs, type="per_request", nano_usd=10)
        before = costs.ledger.totals_asked
        assert await told(costs) == 4
        assert costs.ledger.totals_asked - before == one_look
