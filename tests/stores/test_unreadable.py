"""What one version of Crossfade has stored and another cannot read; the memory keeps no text."""

import json
from dataclasses import replace

import pytest

from proxy.core.rollout_state import Mark, RolloutState
from proxy.stores.records import state_text
from proxy.stores.rollouts import ConflictError, RolloutStore, UnreadableError
from tests.stores.test_rollouts import FULL
from tests.stores.written import change, entry, spoil

Doors = tuple[RolloutStore, RolloutStore]

NEWER = json.dumps({**json.loads(state_text(replace(FULL, version=7))), "colour": "blue"})
ORDERS = RolloutState("orders", percentage=5.0)


async def spoilt(doors: Doors) -> RolloutState:
    """Store two rollouts, of which one cannot be read any more; return the other."""
    orders = await change(doors[1], ORDERS)
    await change(doors[1], FULL)
    await spoil(doors[1], "campaigns", NEWER)
    return orders


async def text_of(doors: Doors) -> RolloutState:
    """What is kept of campaigns, read without the key that is not known."""
    await spoil(doors[1], "campaigns", NEWER.replace(', "colour": "blue"', ""))
    return (await doors[1].load())["campaigns"]


async def test_one_that_cannot_be_read_is_killed_and_the_others_go_on(kept: Doors) -> None:
    orders = await spoilt(kept)
    found = await kept[0].load()
    assert found["orders"] == orders
    killed = found["campaigns"].killed
    assert killed is not None
    assert "the keys colour are not known here" in killed.why
    assert found["campaigns"] == RolloutState(
        "campaigns", 7, killed=Mark("crossfade", killed.why, killed.at)
    )
    assert await kept[0].load() == found
    assert (await change(kept[0], orders)).version == 2


async def test_no_change_is_stored_over_what_cannot_be_read(kept: Doors) -> None:
    await spoilt(kept)
    state = (await kept[0].load())["campaigns"]
    for expected in (state.version, 1, 0):
        with pytest.raises(UnreadableError, match=r"rollout 'campaigns' cannot be read") as caught:
            await kept[0].save(
                replace(state, killed=None), expected, entry(version=8, idempotency_key="once")
            )
        assert "version of Crossfade" in caught.value.hint
    assert await kept[0].find("once") is None
    assert len(await kept[0].audit()) == 2
    assert await text_of(kept) == replace(FULL, version=7)


async def test_a_position_over_what_cannot_be_read_is_a_conflict(kept: Doors) -> None:
    await spoilt(kept)
    state = (await kept[0].load())["campaigns"]
    with pytest.raises(ConflictError) as caught:
        await kept[0].save(state, state.version, None)
    assert caught.value.current == state
    assert await text_of(kept) == replace(FULL, version=7)


async def test_who_comes_too_late_for_what_cannot_be_read_is_told_so(kept: Doors) -> None:
    await spoilt(kept)
    with pytest.raises(UnreadableError):
        await kept[0].save(RolloutState("campaigns"), 0, entry())
    with pytest.raises(ConflictError):
        await kept[0].save(RolloutState("campaigns"), 0, None)


async def test_what_stood_in_for_it_is_never_stored(kept: Doors) -> None:
    await spoilt(kept)
    stood_in = (await kept[0].load())["campaigns"]
    again = await text_of(kept)
    for _ in "ab":  # before it is known that it can be read again, and after
        with pytest.raises(UnreadableError):
            await kept[0].save(replace(stood_in, percentage=0.0), 7, entry(version=8))
        with pytest.raises(ConflictError):
            await kept[0].save(stood_in, 7, None)
        assert (await kept[0].load())["campaigns"] == again


async def test_it_is_as_it_was_as_soon_as_it_can_be_read(kept: Doors) -> None:
    await spoilt(kept)
    await kept[0].load()
    await spoil(kept[1], "campaigns", state_text(replace(FULL, version=1)))
    state = (await kept[0].load())["campaigns"]
    assert state == replace(FULL, version=1)
    assert (await change(kept[0], state)).version == 2
