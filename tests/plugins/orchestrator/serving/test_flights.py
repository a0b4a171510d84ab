"""Work goes on for whoever still waits, and for nobody where it is paid for."""

import asyncio

import pytest

from plugins.orchestrator.serving.flights import DRAINS_MOST, Flights
from proxy.api import WorkflowResult

DONE = WorkflowResult(workflow_id="wf", status="completed")


class Work:
    """Something that takes until it is let."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.ended = ""

    async def run(self) -> WorkflowResult:
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        return DONE


def flying(name: str = "wf", *, stays: bool) -> tuple[Flights, Work, list[str]]:
    left: list[str] = []
    flights, work = Flights(left.append), Work()
    flights.start(name, work.run(), lambda: stays)
    return flights, work, left


async def waiter(flights: Flights, name: str = "wf") -> "asyncio.Task[WorkflowResult]":
    flight = flights.find(name)
    assert flight is not None
    task = asyncio.create_task(flights.wait(flight))
    await asyncio.sleep(0)
    return task


async def leave(task: "asyncio.Task[WorkflowResult]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_all_who_wait_get_the_one_result() -> None:
    flights, work, _ = flying(stays=False)
    first, second = await waiter(flights), await waiter(flights)
    work.may.set()
    assert await first is await second is DONE
    assert len(flights) == 0


async def test_one_who_leaves_takes_nothing_from_the_others() -> None:
    flights, work, left = flying(stays=False)
    first, second = await waiter(flights), await waiter(flights)
    await leave(first)
    work.may.set()
    assert await second is DONE
    assert left == []


async def test_when_all_have_left_it_is_ended_unless_it_stays() -> None:
    for stays, became, ended in ((False, "aborted", "cancelled"), (True, "drained", "done")):
        flights, work, left = flying(stays=stays)
        await leave(await waiter(flights))
        assert left == [became]
        work.may.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert work.ended == ended
        assert len(flights) == 0


async def test_nobody_joins_what_is_being_ended() -> None:
    flights, _, _ = flying(stays=False)
    await leave(await waiter(flights))
    assert flights.find("wf") is None
    again = Work()
    flights.start("wf", again.run(), lambda: False)
    joined = await waiter(flights)
    again.may.set()
    assert await joined is DONE


async def test_only_so_many_go_on_for_nobody() -> None:
    left: list[str] = []
    flights = Flights(left.append)
    works = [Work() for _ in range(DRAINS_MOST + 1)]
    for number, work in enumerate(works):
        flights.start(f"wf{number}", work.run(), lambda: True)
        await leave(await waiter(flights, f"wf{number}"))
    assert left == ["drained"] * DRAINS_MOST + ["aborted"]
    await flights.close(1)


async def test_what_is_under_way_ends_with_the_process() -> None:
    flights, work, _ = flying(stays=True)
    await asyncio.sleep(0)
    await flights.close(1)
    assert work.ended == "cancelled"


async def test_what_it_raises_reaches_who_waits() -> None:
    async def fails() -> WorkflowResult:
        raise LookupError("no")

    flights = Flights(lambda _: None)
    flight = flights.start("wf", fails(), lambda: True)
    with pytest.raises(LookupError):
        await flights.wait(flight)


async def test_one_who_comes_back_and_leaves_again_is_counted_once() -> None:
    flights, work, left = flying(stays=True)
    for _ in range(3):
        await leave(await waiter(flights))
    assert left == ["drained"]
    joined = await waiter(flights)
    work.may.set()
    assert await joined is DONE
