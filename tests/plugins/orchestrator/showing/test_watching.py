"""Changes are told to those whom they concern, and slow readers hold up nobody."""

import asyncio

from plugins.orchestrator.showing.watching import WATCHERS_MOST, Watchers
from tests.plugins.orchestrator.records import workflow


async def began(watchers: Watchers, user: str | None) -> "asyncio.Task[str]":
    async def first() -> str:
        async for view in watchers.changes(user):
            return view.workflow_id
        return "nothing"

    task = asyncio.create_task(first())
    await asyncio.sleep(0)
    return task


async def test_users_see_their_own_and_administrators_all() -> None:
    watchers = Watchers()
    mine, theirs, everybodys = [await began(watchers, user) for user in ("u1", "u2", None)]
    watchers.changed(workflow(id="wf_1", user_id="u1"))
    assert await mine == "wf_1"
    assert await everybodys == "wf_1"
    assert not theirs.done()
    watchers.changed(workflow(id="wf_2", user_id="u2"))
    assert await theirs == "wf_2"


async def test_a_slow_reader_misses_the_oldest_changes() -> None:
    watchers = Watchers()
    changes = watchers.changes(None)
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    for number in range(200):
        watchers.changed(workflow(id=f"wf_{number}"))
    assert (await waiting).workflow_id == "wf_100"
    await changes.aclose()  # type: ignore[attr-defined]


async def test_only_so_many_may_watch() -> None:
    watchers = Watchers()
    tasks = [await began(watchers, None) for _ in range(WATCHERS_MOST)]
    assert await (await began(watchers, None)) == "nothing"
    watchers.changed(workflow())
    assert await asyncio.gather(*tasks) == ["wf_1"] * WATCHERS_MOST
