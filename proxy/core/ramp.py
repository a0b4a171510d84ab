"""The ramp's state machine: what a command makes of a rollout's state.

`proxy.core.ramp_table` says which command is taken when; a function for each says what it comes to.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.core import by_hand, reconcile, restraints, walking
from proxy.core import commands as ask
from proxy.core.commands import Command
from proxy.core.most_legacy import most_legacy
from proxy.core.position import elapsed
from proxy.core.ramp_table import NotAllowedError, permit
from proxy.core.rollout_state import Mark, Phase, RolloutState

__all__ = ["NotAllowedError", "apply", "most_legacy", "ordinal", "stretch"]

_SEGMENTS = 1_000_000
_SHARES = 100_001

_ACTS: Mapping[type[Command], Callable[[RolloutState, Any, Mark], RolloutState]] = {
    ask.Acknowledge: restraints.acknowledge,
    ask.Approve: walking.approve,
    ask.Baked: walking.baked,
    ask.Brake: restraints.brake,
    ask.Declare: reconcile.declare,
    ask.EditLists: by_hand.edit_lists,
    ask.Freeze: restraints.freeze,
    ask.Hold: restraints.hold,
    ask.Kill: restraints.kill,
    ask.Observe: walking.observe,
    ask.Opened: walking.opened,
    ask.OverrideSafety: by_hand.override_safety,
    ask.Pause: restraints.pause,
    ask.Promote: walking.promote,
    ask.ReleaseHold: restraints.release_hold,
    ask.Resume: restraints.resume,
    ask.Rollback: restraints.rollback,
    ask.SetPercentage: by_hand.set_percentage,
    ask.Settled: walking.settled,
    ask.Soaked: walking.soaked,
    ask.Start: walking.start,
    ask.Thaw: restraints.thaw,
    ask.Unkill: restraints.unkill,
}


def apply(state: RolloutState, command: Command, mark: Mark) -> RolloutState:
    """Return the state after `command`, which `mark` tells who gave when and why.

    The version is left as it is: the store counts it. Returns `state` itself where the command
    changes nothing. Raises NotAllowedError.
    """
    permit(state, command, automatic=mark.automatic)
    after = _ACTS[type(command)](state, command, mark)
    return state if after == state else after


def ordinal(state: RolloutState, now: float) -> int:
    """Return the number of the stretch of evidence at `now` in its run, from 1; 0 for none.

    A segment counts on by itself every hour. While a step settles nothing is collected.
    """
    if state.phase is Phase.SETTLE or not state.segment:
        return 0
    return state.segment + elapsed(state, now)


def stretch(state: RolloutState, now: float) -> int:
    """Return a number that no other stretch of evidence of this rollout has; 0 for none.

    Unlike the ordinal, which counts anew in each run, this names evidence in a store: runs and
    percentages never share it. Below 2**53 for 90,000 runs, so it survives JSON and Lua.
    """
    number = ordinal(state, now)
    if not number:
        return 0
    return (state.run * _SEGMENTS + number) * _SHARES + round(state.percentage * 1000)
