"""A rollout that another version of Crossfade has stored: killed, told and left alone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.controlplane.rollouts.authority import Rollouts
from proxy.core.rollout_state import RolloutState, Standing
from proxy.stores.records import state_text
from proxy.stores.sqlite import SqliteStore
from tests.controlplane.admin_asking import Asked
from tests.controlplane.admin_view import NOW
from tests.stores.written import change, spoil

pytestmark = pytest.mark.usefixtures("rollouts")

HYBRID = "/v1/rollouts/hybrid"
WHY = {"reason": "test"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    found = SqliteStore(tmp_path / "state.db", lambda: NOW)
    await change(found, RolloutState("hybrid", percentage=5.0))
    await spoil(found, "hybrid", '{"name": "hybrid", "version": 1, "colour": "blue"}')
    yield found
    await found.close()


async def test_it_is_shown_as_killed_with_the_reason(ask: Asked, rollouts: Rollouts) -> None:
    _, found, _ = await ask(HYBRID)
    assert (found["standing"], found["version"], found["share"]) == ("killed", 1, 0)
    assert "the keys colour are not known here" in found["marks"]["killed"]["why"]
    assert rollouts.degraded == ""


@pytest.mark.parametrize("action", ["unkill", "pause", "kill", "rollback"])
async def test_nobody_changes_it(
    ask: Asked, rollouts: Rollouts, store: SqliteStore, action: str
) -> None:
    before = rollouts.state("hybrid")
    headers = {"Idempotency-Key": action}
    status, found, _ = await ask(f"{HYBRID}/{action}", "POST", json=WHY, headers=headers)
    if action == "kill":  # it is already
        assert status == 200
    else:
        assert status == 409
    if action in {"unkill", "rollback"}:
        assert "cannot be read" in found["detail"]
        assert "the version of Crossfade that has written it" in found["hint"]
    await rollouts.refresh()
    assert rollouts.state("hybrid") == before == (await store.load())["hybrid"]
    assert rollouts.degraded == ""


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_it_goes_on_as_it_was_when_it_can_be_read_again(
    rollouts: Rollouts, store: SqliteStore, version: int
) -> None:
    readable = RolloutState("hybrid", version, percentage=5.0)
    await spoil(store, "hybrid", state_text(readable))
    for _ in range(3):
        await rollouts.refresh()
    assert (await store.load())["hybrid"].killed is None
    assert rollouts.state("hybrid").killed is None
    assert rollouts.degraded == ""


async def test_one_that_cannot_be_read_any_more_is_on_legacy_at_the_next_look(
    rollouts: Rollouts, store: SqliteStore
) -> None:
    readable = RolloutState("hybrid", 2, percentage=5.0)
    await spoil(store, "hybrid", state_text(readable))
    await rollouts.refresh()
    assert rollouts.state("hybrid").standing is not Standing.KILLED
    await spoil(
        store, "hybrid", state_text(replace(readable, version=3)).replace("{", '{"x":1,', 1)
    )
    await rollouts.refresh()
    assert rollouts.state("hybrid").standing is Standing.KILLED
    assert rollouts.degraded == ""


async def test_the_others_are_changed_as_ever(ask: Asked, rollouts: Rollouts) -> None:
    headers = {"If-Match": f'"{rollouts.state("sleeping").version}"'}
    body = {**WHY, "percentage": 10}
    status, found, _ = await ask("/v1/rollouts/sleeping", "PATCH", json=body, headers=headers)
    assert (status, found["percentage"]) == (200, 10)
    assert rollouts.degraded == ""
