"""What counts as toward legacy: nobody comes to new by it, and no restraint is taken off."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.controlplane.rollouts.direction import is_toward_legacy, restrains
from proxy.core.ramp import most_legacy
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold

MARK, OTHER = Mark("alice", "she wants it", 1.0), Mark("bob", "he wants it", 2.0)
STATE = RolloutState("fade", 3, 40.0, whitelist=frozenset("wv"), blacklist=frozenset("bc"))
HOLD = ScopedHold(MARK, route="all")


@pytest.mark.parametrize(
    "change",
    [
        {"percentage": 39.0},
        {"killed": MARK},
        {"rolled_back": MARK, "percentage": 0.0},
        {"frozen": MARK},
        {"paused": MARK},
        {"held": MARK},
        {"holds": (HOLD,)},
        {"whitelist": frozenset("w")},
        {"blacklist": frozenset("bcd")},
        {"latched": True},
    ],
    ids=lambda change: "-".join(change) or "nothing",
)
def test_what_holds_back_restrains_and_its_opposite_does_not(change: dict[str, object]) -> None:
    more = replace(STATE, **change)  # type: ignore[arg-type]
    assert restrains(STATE, more)
    assert not restrains(more, STATE)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"healthy": 10.0},
        {"percentage": 41.0},
        {"percentage": 41.0, "killed": MARK},
        {"percentage": 30.0, "whitelist": frozenset("wvx")},
        {"percentage": 30.0, "blacklist": frozenset("b")},
        {"unsafe_until": 5.0, "paused": MARK},
    ],
    ids=lambda change: "-".join(change) or "nothing",
)
def test_all_else_waits_for_the_store(change: dict[str, object]) -> None:
    assert not restrains(STATE, replace(STATE, **change))  # type: ignore[arg-type]


def test_another_mark_of_the_same_kind_restrains_too() -> None:
    assert restrains(replace(STATE, rolled_back=MARK), replace(STATE, rolled_back=OTHER))


def test_a_stop_may_take_the_place_of_another() -> None:
    assert restrains(replace(STATE, held=MARK), replace(STATE, paused=MARK))
    assert not restrains(replace(STATE, held=MARK), replace(STATE, percentage=10.0))


@pytest.mark.parametrize("mark", ["killed", "rolled_back"])
def test_a_kill_or_a_rollback_is_never_taken_off_for_a_mere_stop(mark: str) -> None:
    before = replace(STATE, **{mark: MARK})  # type: ignore[arg-type]
    assert not is_toward_legacy(before, replace(STATE, paused=MARK))
    assert not restrains(before, replace(STATE, paused=MARK))


def test_a_rollback_covers_the_scopes_that_were_held() -> None:
    held = replace(STATE, holds=(HOLD,))
    assert is_toward_legacy(held, replace(STATE, rolled_back=MARK, percentage=0.0))
    assert not is_toward_legacy(held, replace(STATE, percentage=0.0))


MARKS = st.sampled_from([None, MARK, OTHER])
STATES = st.builds(
    replace,
    st.just(STATE),
    percentage=st.sampled_from([0.0, 10.0, 40.0]),
    killed=MARKS,
    rolled_back=MARKS,
    paused=MARKS,
    holds=st.sampled_from([(), (HOLD,)]),
    whitelist=st.frozensets(st.sampled_from("wv")),
    blacklist=st.frozensets(st.sampled_from("bc")),
)


@given(STATES, STATES)
def test_what_replicas_agree_on_is_toward_legacy_of_either(
    one: RolloutState, other: RolloutState
) -> None:
    joined = most_legacy(one, other)
    assert is_toward_legacy(one, joined)
    assert is_toward_legacy(other, joined)
