"""Small documents of a fleet."""

from plugins.cost_meter.sharing.shelving import SharedShelf
from tests.plugins.cost_meter.sharing.conftest import Shared


async def test_what_one_replica_keeps_the_other_finds_replaces_and_forgets(
    shared: Shared,
) -> None:
    other = shared.again()
    here, there = SharedShelf(shared.table), SharedShelf(other)
    await here.put("threshold", "t/1", {"limit": "5.00"})
    await here.put("threshold", "t/2", {"limit": "7.00"})
    await here.put("advice", "t/1", {"rule": "cheaper"})
    assert await there.get("threshold", "t/1") == {"limit": "5.00"}
    await there.put("threshold", "t/1", {"limit": "6.00"})
    assert await here.all("threshold") == {"t/1": {"limit": "6.00"}, "t/2": {"limit": "7.00"}}
    assert (await here.delete("threshold", "t/1"), await here.delete("threshold", "t/1")) == (
        True,
        False,
    )
    assert await there.get("threshold", "t/1") is None
    assert await there.all("advice") == {"t/1": {"rule": "cheaper"}}
    await other.close()
