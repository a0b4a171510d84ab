"""States of rollouts for tests: made only by commands, so they are those that can be."""

from random import Random

from hypothesis import strategies as st

from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import (
    Declared,
    Gates,
    Mark,
    Phase,
    Plan,
    RolloutState,
    ScopedHold,
    Step,
    TimeWindow,
    Webhook,
)

NOW = 1_700_000_000.0
FRESH = RolloutState("checkout")
PLAN = Plan((Step(5.0), Step(25.0), Step(100.0)))
WALK = (ask.Settled(), ask.Baked(), ask.Opened())
"""One step of a ramp, to the settle of the next or the soak."""


def mark(by: str = "anna", at: float = NOW, why: str = "asked", *, automatic: bool = False) -> Mark:
    return Mark(by, why, at, automatic)


RAMP = mark("ramp", automatic=True)


def after(state: RolloutState, *commands: ask.Command, by: Mark | None = None) -> RolloutState:
    """Return the state after all commands; the ramp asks what is the ramp's to ask."""
    for command in commands:
        state = apply(state, command, by or mark())
    return state


def at_step(step: int, *, plan: Plan = PLAN) -> RolloutState:
    """Return a ramp in settle of a step."""
    state = after(FRESH, ask.Start(plan))
    for _ in range(step):
        state = after(state, *WALK)
    return state


def tried(state: RolloutState, command: ask.Command, by: Mark) -> RolloutState:
    """Return the state after the command, or the same state if it is refused."""
    try:
        return apply(state, command, by)
    except NotAllowedError:
        return state


IN = {
    Phase.DRAFT: after(FRESH, ask.SetPercentage(10.0)),
    Phase.SETTLE: at_step(1),
    Phase.BAKE: after(at_step(1), ask.Settled()),
    Phase.GATE: after(at_step(1), ask.Settled(), ask.Baked()),
    Phase.SOAK: after(at_step(2), *WALK),
    Phase.COMPLETE: after(at_step(2), *WALK, ask.Soaked()),
}
"""A state in each phase, with nothing that holds it up."""

LATCHED = after(at_step(1), ask.Brake(), ask.Start(PLAN, insist=True), ask.Brake())
"""Rolled back twice."""

_SHARES = (0.0, 1.0, 5.0, 10.0, 25.0, 60.0, 100.0)
_SCOPES = (
    None,
    ScopedHold(mark(), "cart"),
    ScopedHold(mark(), "cart", "acme"),
    ScopedHold(mark(), "", "umbrella"),
)
PLANS = (
    PLAN,
    Plan((Step(5.0), Step(60.0, gates=Gates(approval=True, webhook=Webhook("http://a/"))))),
    Plan((Step(10.0, gates=Gates(window=TimeWindow(("mon",), 60, 120, "Europe/Paris"))),), soak=0),
)
_A, _B, _NONE = frozenset("ab"), frozenset("bc"), frozenset[str]()

TOWARD: tuple[ask.Command, ...] = (
    ask.Kill(),
    ask.Pause(),
    ask.Hold(),
    ask.Freeze(),
    ask.SetPercentage(0.0),
    *(ask.Rollback(scope) for scope in _SCOPES),
    *(ask.Brake(scope, {"errors": {"log_e": 7.5}}, 60.0) for scope in _SCOPES),
)
"""What is taken always."""

OPERATORS: tuple[ask.Command, ...] = (
    *(ask.SetPercentage(share) for share in _SHARES),
    *(ask.Start(plan, insist) for plan in (None, *PLANS) for insist in (False, True)),
    *(ask.Promote(), ask.Promote(full=True), ask.Approve(), ask.Resume(), ask.Unkill()),
    *(ask.Acknowledge(), ask.ReleaseHold("cart"), ask.OverrideSafety(60.0)),
    *(ask.EditLists(_A), ask.EditLists(_NONE, _A, _B), ask.EditLists(_B, _NONE, _NONE, _B)),
    *(
        ask.Declare(Declared(share, _A - black, black, salt=str(share), plan=plan))
        for share in _SHARES[::2]
        for black in (_NONE, _B)
        for plan in (None, *PLANS)
    ),
)

AUTOMATIC: tuple[ask.Command, ...] = (
    *(ask.Settled(), ask.Baked(), ask.Opened(), ask.Soaked(), ask.Observe(10.0)),
    *(ask.Hold(), ask.Freeze(), ask.Thaw(), ask.Start(), ask.Pause()),
    *(ask.Brake(scope) for scope in _SCOPES),
)

COMMANDS = (*TOWARD, *OPERATORS, *AUTOMATIC)


def _wandered(dice: Random) -> RolloutState:
    """Walk a ramp some way, and let anybody ask for anything now and then."""
    state, now = dice.choice((FRESH, LATCHED, *IN.values())), NOW
    for _ in range(dice.randrange(12)):
        now += dice.choice((0.0, 1.0, 4000.0))
        if dice.random() < 0.6:
            command: ask.Command = dice.choice((*AUTOMATIC[:5], ask.Start(PLAN), ask.Resume()))
        else:
            command = dice.choice(COMMANDS)
        automatic = command in AUTOMATIC and dice.random() < 0.8
        by = "ramp" if automatic else dice.choice(("anna", "bert"))
        state = tried(state, command, mark(by, now, automatic=automatic))
    return state.stored(dice.randrange(9))


STATES = tuple(_wandered(Random(seed)) for seed in range(500))
"""States that some history of commands has led to, the same in every run."""


def states() -> st.SearchStrategy[RolloutState]:
    """Any of `STATES`."""
    return st.sampled_from(STATES)


def of(commands: tuple[ask.Command, ...]) -> st.SearchStrategy[ask.Command]:
    """Any of some commands."""
    return st.sampled_from(commands)
