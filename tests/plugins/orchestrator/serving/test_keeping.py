"""A record is what its store has, and what was noted since, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.serving.keeping import Kept, LostError, TakenError
from plugins.orchestrator.workflows.opening import store_for
from plugins.orchestrator.workflows.record import Workflow
from proxy.api import StoreError
from proxy.api.testing import FakeServices
from tests.plugins.orchestrator.records import attempt, workflow
from tests.plugins.orchestrator.troubled import DOWN, LOST, TroubledStore


class Keeping(NamedTuple):
    kept: Kept
    store: TroubledStore
    told: list[Workflow]

    async def there(self) -> Workflow:
        found = await self.store.real.get(self.kept.now.id)
        assert found is not None
        return found


@asynccontextmanager
async def keeping(**fields: Any) -> AsyncIterator[Keeping]:
    services = FakeServices()
    try:
        store = TroubledStore(store_for("memory://", services))
        told: list[Workflow] = []
        kept = Kept(
            workflow(**fields),
            store,
            services.now,
            lambda _, now: told.append(now),
            services.log,
        )
        yield Keeping(kept, store, told)
    finally:
        await services.close()


BEGUN = {"state": "begun"}


async def test_what_is_noted_while_a_version_is_stored_is_not_forgotten() -> None:
    async with keeping() as on:
        await on.kept.begins(attempt(1, **BEGUN))
        on.store.hold_at = on.store.calls.total() + 1
        hedge = asyncio.create_task(on.kept.begins(attempt(2, **BEGUN)))
        await on.store.held.wait()
        await on.kept.ends(attempt(1, tokens=(1, 0, 2, 0)))
        on.kept.decided("answered", "by the first")
        on.store.go.set()
        await hedge
        await on.kept.change(status="completed")
        found = await on.there()
        assert [one.state for one in found.attempts] == ["answered", "begun"]
        assert [one.what for one in found.decisions] == ["answered"]
        assert found == on.kept.now


async def test_an_attempt_whose_beginning_is_not_stored_is_not_in_the_record() -> None:
    async with keeping() as on:
        on.store.wrong["create"] = [DOWN]
        with pytest.raises(StoreError):
            await on.kept.begins(attempt(1, **BEGUN))
        assert (on.kept.stored, on.kept.now.attempts) == (False, ())
        assert not await on.kept.settle()


@pytest.mark.parametrize("call", ["create", "save"])
async def test_a_version_that_was_stored_though_the_store_failed_is_found_out(call: str) -> None:
    async with keeping() as on:
        on.store.wrong[call] = [LOST]
        with suppress(StoreError):
            await on.kept.begins(attempt(1, **BEGUN))
        with suppress(StoreError):
            await on.kept.begins(attempt(2, **BEGUN))
        await on.kept.change(status="failed")
        found = await on.there()
        assert (found.status, found.version) == ("failed", on.kept.now.version)
        assert len(found.attempts) == 1, "what was refused was not sent"


async def test_what_another_has_stored_after_a_failure_is_not_taken_for_ours() -> None:
    async with keeping() as on:
        await on.kept.change(lease_until=5.0)
        on.store.wrong["save"] = [DOWN]
        with suppress(StoreError):
            await on.kept.change(status="failed")
        taken = (await on.there()).model_copy(update={"owner": "another"})
        assert await on.store.real.save(taken, 1)
        with pytest.raises(LostError):
            await on.kept.change(status="failed")


async def test_whoever_is_cancelled_again_and_again_leaves_a_record_that_can_be_changed() -> None:
    async with keeping() as on:
        on.store.hold_at = 1
        begins = asyncio.create_task(on.kept.begins(attempt(1, **BEGUN)))
        await on.store.held.wait()
        for _ in range(3):
            begins.cancel()
            await asyncio.sleep(0)
        ends = asyncio.create_task(on.kept.ends(attempt(1, state="failed")))
        change = asyncio.create_task(on.kept.change(status="cancelled"))
        await asyncio.sleep(0)
        on.store.go.set()
        await asyncio.gather(ends, change)
        found = await on.there()
        assert (found.status, [one.state for one in found.attempts]) == ("cancelled", ["failed"])


async def test_a_key_that_is_taken_is_told_and_nothing_is_stored() -> None:
    async with keeping(idempotency="k") as on:
        assert await on.store.real.create(workflow(id="wf_0", idempotency="k")) is None
        with pytest.raises(TakenError) as raised:
            await on.kept.begins(attempt(1, **BEGUN))
        assert raised.value.taken.id == "wf_0"
        assert not on.kept.stored


STEPS = st.lists(
    st.tuples(st.sampled_from(["begins", "ends", "change"]), st.sampled_from(["", "", DOWN, LOST])),
    max_size=12,
)


@given(STEPS, st.integers(0, 12))
def test_after_any_trouble_the_store_has_what_is_kept(
    steps: list[tuple[str, str]], cancelled: int
) -> None:
    async def run() -> None:
        async with keeping() as on:
            sent: set[str] = set()
            for number, (step, wrong) in enumerate(steps):
                on.store.wrong = {"create": [wrong], "save": [wrong]}
                with suppress(StoreError, asyncio.CancelledError):
                    doing = asyncio.create_task(_do(on.kept, step, number, sent))
                    if number == cancelled:
                        await asyncio.sleep(0)
                        doing.cancel()
                    await doing
            on.store.wrong = {}
            await on.kept.settle()
            await on.kept.change(status="completed")
            found = await on.there()
            assert found == on.kept.now == on.told[-1]
            assert sent <= {one.id for one in found.attempts}
            assert [one.version for one in on.told] == sorted({one.version for one in on.told})

    asyncio.run(run())


async def _do(kept: Kept, step: str, number: int, sent: set[str]) -> None:
    if step == "begins":
        one = attempt(number, **BEGUN)
        await kept.begins(one)
        sent.add(one.id)
    elif step == "ends" and kept.now.attempts:
        await kept.ends(kept.now.attempts[-1].model_copy(update={"state": "failed"}))
    else:
        await kept.change(lease_until=float(number))
