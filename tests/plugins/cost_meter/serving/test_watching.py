"""Thresholds are compared each minute, and told of once in each period."""

from typing import Any

from plugins.cost_meter.covering import Calendar
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
        assert await told(costs) == 0
        await costs.spent(*(costs.row(f"r{n}", nano_usd=600) for n in range(5)))
        assert await told(costs) == 0
        again = costs.row("r9", again="fallback", nano_usd=400)._replace(request_id="of r1")
        await costs.spent(again)
        assert await told(costs) == 1
        assert await told(costs) == 1
        [alert] = costs.services.alerts
        assert "has cost 0.000001 USD, 100 % of" in alert.text


async def test_for_single_requests_nothing_is_read_however_many_they_are() -> None:
    async with served_costs() as costs:
        await keep(costs, type="per_request", nano_usd=10**9)
        await told(costs)
        before = costs.ledger.totals_asked
        await costs.spent(*(costs.row(f"r{n}", nano_usd=600) for n in range(50)))
        assert await told(costs) == 0
        assert (costs.ledger.rows_asked, costs.ledger.totals_asked) == (0, before)


async def test_a_dear_request_is_told_of_once_a_day_and_again_on_the_next() -> None:
    async with served_costs(zone="Asia/Kolkata") as costs:
        await keep(costs, user=None, type="per_request", nano_usd=1000)
        await told(costs)
        midnight = Calendar("Asia/Kolkata").day(costs.now).until
        last = costs.row("a", nano_usd=1000, at=midnight - 1)
        first = costs.row("b", nano_usd=2000, at=midnight)
        await costs.spent(last, first)
        assert await told(costs) == 2
        await costs.spent(costs.row("c", nano_usd=3000, at=midnight + 60))
        assert await told(costs) == 2


async def test_requests_of_others_and_at_other_providers_are_not_added_up() -> None:
    async with served_costs() as costs:
        await keep(costs, type="per_request", provider="azure", nano_usd=1000)
        await told(costs)
        await costs.spent(
            costs.row("a", user="bob", provider="azure", nano_usd=10**9),
            costs.row("b", provider="openai", nano_usd=10**9),
            costs.row("c", provider="azure", nano_usd=999),
        )
        assert await told(costs) == 0
        await costs.spent(costs.row("d", provider="azure", nano_usd=1)._replace(request_id="of c"))
        assert await told(costs) == 1


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
            await keep(costs, nano_usd=500 + 20 * number)
        await costs.spent(costs.row("r", nano_usd=550))
        before = costs.ledger.totals_asked
        assert await told(costs) == 3
        one_look = costs.ledger.totals_asked - before
        await keep(costs, nano_usd=10)
        before = costs.ledger.totals_asked
        assert await told(costs) == 4
        assert costs.ledger.totals_asked - before == one_look


async def test_channels_that_are_told_no_more_are_named_in_the_log() -> None:
    async with served_costs() as costs:
        await keep(costs, nano_usd=1000, channels=("in_app", "email", "mine", "team"))
        await costs.spent(costs.row("a", nano_usd=1000))
        assert await told(costs) == 1
        [line] = costs.services.logged("cost_threshold_untold")
        assert line["channels"] == ["team"]
        assert await told(costs) == 1
        assert len(costs.services.logged("cost_threshold_untold")) == 1
