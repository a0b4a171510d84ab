"""Replicas that were apart agree, in whatever order they hear of each other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import commands as ask
from proxy.core.most_legacy import most_legacy
from proxy.core.rollout_json import plain
from proxy.core.rollout_state import Declared, Phase, RolloutState, ScopedHold, Standing
from tests.kit.properties import examples
from tests.kit.rollout_states import (
    COMMANDS,
    FRESH,
    IN,
    NOW,
    RAMP,
    TOWARD,
    after,
    at_step,
    mark,
    of,
    states,
    tried,
)

CART, SEARCH = ScopedHold(mark(), "cart"), ScopedHold(mark(), "search")


@examples(150)
@given(states(), states(), states())
def test_the_join_is_commutative_associative_and_idempotent(
    one: RolloutState, two: RolloutState, three: RolloutState
) -> None:
    assert most_legacy(one, one) == one
    joined = most_legacy(one, two)
    assert joined == most_legacy(two, one)
    assert most_legacy(joined, one) == joined
    assert most_legacy(joined, three) == most_legacy(one, most_legacy(two, three))
    assert plain(joined) == plain(most_legacy(two, one)), "to the last letter"


@examples(100)
@given(states(), states())
def test_nobody_is_sent_to_new_whom_one_of_the_two_keeps_on_legacy(
    one: RolloutState, two: RolloutState
) -> None:
    joined = most_legacy(one, two)
    for state in (one, two):
        assert joined.percentage <= state.percentage
        assert joined.share <= state.share
        assert joined.whitelist <= state.whitelist
        assert joined.blacklist >= state.blacklist
        assert {(hold.route, hold.cohort) for hold in joined.holds} >= {
            (hold.route, hold.cohort) for hold in state.holds
        }
        for name in ("killed", "rolled_back", "frozen", "paused", "held"):
            assert getattr(joined, name) or not getattr(state, name)
        assert joined.latched >= state.latched
        assert joined.cooldown_until >= state.cooldown_until
        assert joined.unsafe_until <= state.unsafe_until
        assert (joined.run, joined.segment) >= (state.run, state.segment)
        assert joined.version >= state.version
    assert not joined.whitelist & joined.blacklist


@examples(100)
@given(states(), of(TOWARD), of(COMMANDS), of(COMMANDS))
def test_what_was_braked_here_stays_braked_whatever_was_done_elsewhere(
    state: RolloutState, toward: ask.Command, other: ask.Command, another: ask.Command
) -> None:
    here = tried(state, toward, mark(at=NOW + 9000))
    there = tried(tried(state, other, mark("bert")), another, mark("bert"))
    assert most_legacy(there, here).share <= here.share


def test_where_one_is_rolled_back_all_are() -> None:
    braked = after(at_step(1), ask.Brake(evidence={"errors": {}}))
    joined = most_legacy(braked, after(at_step(2), ask.Pause()))
    assert (joined.standing, joined.percentage, joined.step) == (Standing.ROLLED_BACK, 0.0, -1)
    assert (joined.evidence, joined.cooldown_until) == ({"errors": {}}, braked.cooldown_until)
    assert joined.paused is not None


def test_the_lower_percentage_has_its_place_in_the_ramp_too() -> None:
    joined = most_legacy(after(at_step(1), ask.Settled()), at_step(2))
    assert (joined.step, joined.percentage, joined.phase) == (1, 25.0, Phase.BAKE)


def test_of_equal_percentages_the_one_that_has_come_less_far_counts() -> None:
    ahead = after(IN[Phase.BAKE], ask.Observe(50.0))
    assert most_legacy(ahead, IN[Phase.BAKE]).healthy == 0.0
    assert most_legacy(IN[Phase.GATE], ahead).phase is Phase.BAKE


def test_an_operators_mark_goes_before_automations_and_an_early_one_before_a_late_one() -> None:
    ours = after(FRESH, ask.Rollback(), by=mark(at=NOW + 50))
    braked = after(FRESH, ask.Brake())
    assert most_legacy(ours, braked).rolled_back == ours.rolled_back
    early, late = (after(FRESH, ask.Kill(), by=mark(at=at)) for at in (1.0, 2.0))
    assert most_legacy(late, early).killed == early.killed


def test_scopes_that_either_holds_are_held() -> None:
    one, other = after(FRESH, ask.Rollback(CART)), after(FRESH, ask.Rollback(SEARCH))
    assert [hold.route for hold in most_legacy(other, one).holds] == ["cart", "search"]
    braked = after(FRESH, ask.Brake(CART), by=RAMP)
    assert most_legacy(braked, one).holds == one.holds


def test_a_key_is_on_the_whitelist_only_where_both_say_so_and_none_says_otherwise() -> None:
    one = replace(FRESH, whitelist=frozenset("abc"), blacklist=frozenset("x"))
    other = replace(FRESH, whitelist=frozenset("bcx"), blacklist=frozenset("a"))
    joined = most_legacy(one, other)
    assert (joined.whitelist, joined.blacklist) == (frozenset("bc"), frozenset("ax"))
    damaged = replace(FRESH, whitelist=frozenset("a"), blacklist=frozenset("a"))
    assert most_legacy(damaged, damaged).whitelist == frozenset()


def test_what_was_declared_last_is_what_is_declared() -> None:
    old = replace(FRESH, version=3, declared=Declared(90.0))
    new = replace(FRESH, version=4, declared=Declared(10.0))
    assert most_legacy(old, new).declared == Declared(10.0)


def test_two_rollouts_are_not_joined() -> None:
    with pytest.raises(ValueError, match="two rollouts"):
        most_legacy(FRESH, RolloutState("search"))


@examples(60)
@given(st.data())
def test_no_schedule_of_meetings_ends_above_the_lowest_that_was_braked(data: st.DataObject) -> None:
    """Three replicas begin as one, are cut off, change what they can, and meet in any order."""
    begun = data.draw(states())
    replicas, lowest = [begun] * 3, begun.share
    for moment in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, 2))
        # Cut off from the store, a replica only takes what leads toward legacy.
        changed = tried(replicas[at], data.draw(of(TOWARD)), mark(f"replica-{at}", NOW + moment))
        assert changed.share <= replicas[at].share
        replicas[at], lowest = changed, min(lowest, changed.share)
    everything = most_legacy(most_legacy(*replicas[:2]), replicas[2])
    for meeting in data.draw(st.permutations([(0, 1), (1, 2), (2, 0), (0, 1), (1, 2), (2, 0)])):
        one, other = meeting
        replicas[one] = replicas[other] = most_legacy(replicas[one], replicas[other])
        assert replicas[one].share >= everything.share
    assert [replica.share for replica in replicas] == [everything.share] * 3
    assert everything.share <= lowest
