"""A process that is alone counts in its memory, and tells at once of what it has counted."""

from plugins.cost_meter.budgets.claims import Entry, Reading
from plugins.cost_meter.budgets.counting import Alone
from plugins.cost_meter.budgets.memory import MemoryReserving
from tests.plugins.cost_meter.budgets.any_order import START, Clock
from tests.plugins.cost_meter.budgets.behaviour import claim, ended, share


async def test_what_has_ended_is_counted_and_told_at_once() -> None:
    told: list[tuple[str, int, int]] = []

    def saw(entry: Entry, readings: object) -> None:
        assert isinstance(readings, tuple)
        told.extend((entry.attempt, one.total, one.reserved) for one in readings)

    alone = Alone(MemoryReserving({}, Clock()), saw)
    await alone.open()
    decided = await alone.reserve("t1", START, (claim(60),), ("closed",), 60.0)
    assert (decided.answer.admitted, decided.how) == (True, "")
    alone.settle(ended("t1", 40))
    assert told == [("t1", 40, 0)]
    assert alone.pending("b") == {}
    (seen,) = await alone.read((share(),))
    assert isinstance(seen, Reading)
    assert seen.total == 40
    assert alone.health() == ""
    await alone.close()
