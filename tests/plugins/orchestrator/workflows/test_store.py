"""What every store of workflows promises, by examples."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from plugins.orchestrator.workflows.store import IDEMPOTENT_FOR, WorkflowStore
from proxy.api import StoreError, WorkflowResult
from proxy.api.workflows import WorkflowCosts
from tests.plugins.orchestrator.records import attempt
from tests.plugins.orchestrator.workflows.doors import Doors
from tests.plugins.orchestrator.workflows.written import NOW, stored, written


async def ids(store: WorkflowStore, **asked: Any) -> list[str]:
    found = await store.list(**{"user_id": None, "status": None, "limit": 100, **asked})
    return [one.id for one in found]


async def test_what_was_stored_is_found_by_whoever_looks(doors: Doors) -> None:
    first, second = doors.both
    result = WorkflowResult(workflow_id="wf_1", status="completed", content="naïve ☂", tokens=7)
    new = written(attempts=(attempt(tokens=(1, 2, 3, 4), nano_usd=12),), result=result)
    assert await first.create(new) is None
    for store in (first, second):
        assert await store.get("wf_1") == stored(new, 1)
        assert await store.of_request("r-1") == (stored(new, 1),)
    assert await first.get("wf_2") is None
    assert await first.of_request("r-2") == ()
    assert await first.of_request("") == ()


async def test_only_who_has_seen_the_latest_version_replaces_it(doors: Doors) -> None:
    first, second = doors.both
    await first.create(written())
    ended = written(status="completed", updated=NOW + 9)
    assert await first.save(ended, 1)
    assert not await second.save(written(status="failed"), 1)
    assert await second.get("wf_1") == stored(ended, 2)
    assert await second.save(written(status="failed"), 2)
    assert not await first.save(written(2), 1)  # which nobody has created


async def test_a_key_finds_its_workflow_for_a_day(doors: Doors) -> None:
    first, second = doors.both
    await first.create(written(1, idempotency="k"))
    await first.save(written(1, idempotency="k", status="completed"), 1)
    taken = await second.create(written(2, idempotency="k"))
    assert taken is not None
    assert (taken.id, taken.version, taken.status) == ("wf_1", 2, "completed")
    assert await first.get("wf_2") is None
    assert await first.create(written(3, idempotency="other")) is None
    just = NOW + 1 + IDEMPOTENT_FOR
    assert (await first.create(written(4, idempotency="k", created=just - 1))) is not None
    assert await first.create(written(5, idempotency="k", created=just)) is None
    again = await second.create(written(6, idempotency="k", created=just + 1))
    assert again is not None
    assert again.id == "wf_5"


async def test_of_many_who_come_at_once_with_a_key_one_has_it(doors: Doors) -> None:
    racing = [written(number, idempotency="k") for number in range(1, 11)]
    created = [doors.both[number % 2].create(one) for number, one in enumerate(racing)]
    taken = await asyncio.gather(*created)
    [winner] = [one.id for one, other in zip(racing, taken, strict=True) if other is None]
    assert {other.id for other in taken if other is not None} == {winner}
    assert await ids(doors.both[0]) == [winner]


async def test_of_many_who_save_a_version_one_succeeds(doors: Doors) -> None:
    await doors.both[0].create(written())
    saves = [doors.both[number % 2].save(written(owner=str(number)), 1) for number in range(10)]
    saved = await asyncio.gather(*saves)
    assert saved.count(True) == 1
    found = await doors.both[0].get("wf_1")
    assert found is not None
    assert (found.version, found.owner) == (2, str(saved.index(True)))


async def test_lists_are_of_a_user_or_a_status_the_newest_first(store: WorkflowStore) -> None:
    for number in range(1, 6):
        user, status = ("u1", "completed") if number % 2 else ("u2", "queued")
        await store.create(written(number, user_id=user, status=status))
    assert await ids(store) == ["wf_5", "wf_4", "wf_3", "wf_2", "wf_1"]
    assert await ids(store, user_id="u1", limit=2) == ["wf_5", "wf_3"]
    assert await ids(store, status="queued") == ["wf_4", "wf_2"]
    assert await ids(store, user_id="u1", status="queued") == []
    assert await ids(store, user_id="nobody") == []
    assert await ids(store, user_id="") == []


async def test_of_a_request_there_are_the_oldest_twenty(store: WorkflowStore) -> None:
    for number in range(25, 0, -1):
        await store.create(written(number))
    found = await store.of_request("r-1")
    assert [one.id for one in found] == [f"wf_{number}" for number in range(1, 21)]


async def test_what_is_due_and_held_by_nobody_may_be_taken(store: WorkflowStore) -> None:
    await store.create(written(1, status="running", lease_until=NOW + 5))
    await store.create(written(2, status="queued", due=NOW + 5))
    await store.create(written(3, status="queued"))
    await store.create(written(4, status="completed"))
    await store.create(written(5, status="running", lease_until=NOW - 5))

    async def takeable(now: float, limit: int = 20) -> list[str]:
        return [one.id for one in await store.takeable(now, limit)]

    assert await takeable(NOW) == ["wf_3", "wf_5"]
    assert await takeable(NOW, 1) == ["wf_3"]
    assert await takeable(NOW + 5) == ["wf_3", "wf_2", "wf_5", "wf_1"]
    assert await store.waiting() == 2
    await store.save(written(3, status="completed"), 1)
    assert await takeable(NOW) == ["wf_5"]
    assert await store.waiting() == 1


async def test_costs_are_summed_by_day_type_and_provider(store: WorkflowStore) -> None:
    day = NOW - NOW % 86_400
    azure = attempt(1, kind="azure", tokens=(1, 2, 3, 4), nano_usd=10, state="failed")
    openai = attempt(2, kind="openai", tokens=(5, 0, 0, 0), nano_usd=None)
    begun = attempt(3, kind="openai", state="begun")
    await store.create(written(1, created=day, attempts=(azure, openai, openai)))
    await store.create(written(2, created=day + 1, attempts=(begun,)))
    await store.save(written(2, created=day + 1, attempts=(azure,), user_id="u1"), 1)
    await store.create(written(3, created=day - 1, attempts=(azure,), user_id="u2"))
    await store.create(written(4, created=day + 2, type="content_validation"))
    before, today = day_name(day - 1), day_name(day)
    everything = await store.costs(user_id=None, since=0, until=NOW + 9e6)
    assert everything == (
        WorkflowCosts(before, "content_planning", "azure", 1, 10, 10),
        WorkflowCosts(today, "content_planning", "azure", 2, 20, 20),
        WorkflowCosts(today, "content_planning", "openai", 1, 10, 0),
    )
    assert await store.costs(user_id=None, since=day - 1, until=day) == everything[:1]
    assert await store.costs(user_id="u1", since=0, until=NOW + 9e6) == everything[1:]
    assert await store.costs(user_id="", since=0, until=NOW + 9e6) == ()


def day_name(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


async def test_an_id_is_given_once(store: WorkflowStore) -> None:
    await store.create(written())
    for again in (written(), written(idempotency="k")):
        with pytest.raises(StoreError):
            await store.create(again)
    assert await store.get("wf_1") == stored(written(), 1)
