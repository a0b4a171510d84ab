"""A partition is read to its end, however many pages it takes."""

from plugins.cost_meter.sharing.querying import items_between
from tests.plugins.cost_meter.sharing.conftest import Shared


async def test_all_pages_are_read_and_only_what_is_asked_for(shared: Shared) -> None:
    for number in range(9):
        item = {"pk": {"S": "x"}, "sk": {"S": f"{number}"}, "large": {"S": "x" * 200_000}}
        marked = {"marked": {"S": "so"}} if number == 4 else {}
        await shared.table.call("put_item", Item={**item, **marked})
    shared.server.calls.clear()

    async def found(bounds: tuple[str, str] | None, without: str = "") -> list[str]:
        some = items_between(shared.table, "x", bounds, without=without)
        return [item["sk"]["S"] async for item in some]

    assert await found(None) == [str(number) for number in range(9)]
    assert len(shared.server.calls) > 1
    assert await found(("2", "5")) == ["2", "3", "4", "5"]
    assert await found(("2", "5"), without="marked") == ["2", "3", "5"]
