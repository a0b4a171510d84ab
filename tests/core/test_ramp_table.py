"""The table of the ramp: it says what happens, all of it, and nothing else."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.ramp_table import TABLE, as_markdown, permit, refused, word, words
from proxy.core.rollout_state import Declared, Plan, RolloutState, ScopedHold, Standing, Step
from tests.kit.rollout_states import FRESH, IN, mark

SHORT = Plan((Step(5.0), Step(50.0)))
OTHER = Plan((Step(5.0), Step(50.0), Step(60.0)))
THIRD = Plan((Step(20.0), Step(70.0)))
CART = ScopedHold(mark(), "cart")

ASKED: tuple[ask.Command, ...] = (
    ask.Kill(),
    ask.Rollback(),
    ask.Brake(),
    ask.Freeze(),
    ask.Pause(),
    ask.Hold(),
    ask.ReleaseHold(),
    ask.Unkill(),
    ask.Acknowledge(),
    ask.Resume(),
    ask.Thaw(),
    ask.Start(),
    ask.Promote(),
    ask.Approve(),
    ask.Settled(),
    ask.Baked(),
    ask.Opened(),
    ask.Soaked(),
    ask.Start(SHORT, insist=True),
    ask.Rollback(CART),
    ask.ReleaseHold("cart"),
    ask.Brake(CART),
    ask.Observe(1.0),
    ask.OverrideSafety(1.0),
    ask.EditLists(),
    ask.SetPercentage(0.0),
    ask.SetPercentage(50.0),
    ask.Declare(Declared(50.0, plan=SHORT)),
    ask.Declare(Declared(50.0, plan=OTHER)),
    ask.Declare(Declared(0.0, plan=THIRD)),
)


def signature(state: RolloutState) -> object:
    """What decides about commands; the rest of a state is only carried along."""
    return (
        state.phase,
        state.step,
        state.percentage,
        state.plan,
        state.declared.plan,
        state.killed is None,
        state.rolled_back and state.rolled_back.automatic,
        state.frozen is None,
        state.paused is None,
        state.held is None,
    )


def explored() -> Iterator[tuple[RolloutState, ask.Command, RolloutState]]:
    """Every change that commands can make, from a fresh rollout on, to one with two marks."""
    seen = {signature(FRESH)}
    waiting = [replace(FRESH, holds=(CART,))]
    while waiting:
        state = waiting.pop()
        for command in ASKED:
            try:
                after = apply(state, command, mark())
            except NotAllowedError:
                continue
            yield state, command, after
            if after is state:
                continue
            after = replace(
                after, holds=(CART,), braked=(), latched=False, cooldown_until=0.0, approvals=()
            )
            marks = (after.killed, after.rolled_back, after.frozen, after.paused, after.held)
            if sum(each is not None for each in marks) < 3 and signature(after) not in seen:
                seen.add(signature(after))
                waiting.append(after)


def test_the_table_says_exactly_what_can_come_of_each_command() -> None:
    found: dict[tuple[str, Standing], set[Standing]] = defaultdict(set)
    for before, command, after in explored():
        found[word(type(command)), before.standing].add(after.standing)
    said = {
        (word(kind), standing): set(to)
        for kind, row in TABLE.items()
        for standing, to in row.comes_to.items()
    }
    assert dict(found) == said


def test_what_leads_toward_legacy_is_taken_however_the_rollout_stands() -> None:
    for kind in (ask.Kill, ask.Rollback, ask.Brake, ask.Freeze, ask.Pause, ask.Hold):
        assert set(TABLE[kind].comes_to) == set(Standing), kind


def test_what_operators_ask_is_refused_from_the_ramp() -> None:
    refusals = 0
    for command in ASKED:
        if TABLE[type(command)].by == "operator":
            with pytest.raises(NotAllowedError, match="an operator's to ask"):
                permit(FRESH, command, automatic=True)
            refusals += 1
    assert refusals


@pytest.mark.parametrize("standing", list(Standing))
def test_a_refusal_says_how_it_stands_who_did_it_and_what_to_do(standing: Standing) -> None:
    put: dict[str, Any] = {standing.value: mark("bert", why="it smells")}
    marks = {"killed", "rolled_back", "frozen", "paused", "held"}
    if standing.value in marks:
        state = replace(FRESH, **put)
    else:
        state = next(state for state in IN.values() if state.standing is standing)
    error = refused(state, "this")
    assert standing.value.replace("_", " ") in str(error)
    assert ("by bert (it smells)" in str(error)) == (standing.value in marks)
    assert error.hint


def test_commands_are_written_in_small_letters() -> None:
    assert word(ask.OverrideSafety) == "override_safety"
    assert words(ask.SetPercentage(1.0)) == "set percentage"


def test_the_printed_table_has_a_row_for_each_command_and_a_cell_for_each_standing() -> None:
    lines = as_markdown().splitlines()
    assert len(lines) == len(TABLE) + 2
    assert {line.count("|") for line in lines} == {len(Standing) + 3}
    printed = {line.split("|")[1].strip(): line for line in lines}
    assert [cell.strip() for cell in printed["`baked`"].split("|")[3:8]] == ["", "", "gate", "", ""]
    assert "draft, complete, paused, held, frozen, rolled back" in printed["`unkill`"]
