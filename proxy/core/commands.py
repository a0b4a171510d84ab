"""Everything that can be asked of a rollout, by operators, the configuration and the ramp.

`proxy.core.ramp_table` says when each is taken and how the rollout stands afterwards.
"""

from dataclasses import dataclass, field
from typing import Any

from proxy.core.rollout_state import Declared, Plan, ScopedHold

__all__ = [
    "Acknowledge",
    "Approve",
    "Baked",
    "Brake",
    "Command",
    "Declare",
    "EditLists",
    "Freeze",
    "Hold",
    "Kill",
    "Observe",
    "Opened",
    "OverrideSafety",
    "Pause",
    "Promote",
    "ReleaseHold",
    "Resume",
    "Rollback",
    "SetPercentage",
    "Settled",
    "Soaked",
    "Start",
    "Thaw",
    "Unkill",
]

# What operators ask.


@dataclass(frozen=True, slots=True)
class SetPercentage:
    """Set the percentage by hand.

    A ramp under way is paused by it, at the last step that is not above the percentage; below
    its first step it ends.
    """

    percentage: float


@dataclass(frozen=True, slots=True)
class Start:
    """Begin the ramp at its first step that is not below the percentage in force.

    After a rollback that is the first. `plan` replaces the declared one. `insist` overrides
    cooldown and latch.
    """

    plan: Plan | None = None
    insist: bool = False


@dataclass(frozen=True, slots=True)
class Promote:
    """Take the next step now, without waiting for bake and gates; `full` goes to the last."""

    full: bool = False


@dataclass(frozen=True, slots=True)
class Approve:
    """Say yes to leaving the step in force."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop the ramp where it is."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after pause or hold, in settle of the same step.

    After an operator's rollback: leave a draft at 0 %.
    """


@dataclass(frozen=True, slots=True)
class Rollback:
    """Send everybody back to legacy and hold them there; or only a scope.

    The mark of `scope` is ignored: that of the change is taken.
    """

    scope: ScopedHold | None = None


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Let a scope that was sent back take part again."""

    route: str = ""
    cohort: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    """Send everybody to legacy, whatever else is said."""


@dataclass(frozen=True, slots=True)
class Unkill:
    """Take a kill back. A ramp that was under way is paused."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Take an automatic rollback off, which leaves a draft at 0 %.

    With it goes the latch after repeated ones, and the cooldown.
    """


@dataclass(frozen=True, slots=True)
class OverrideSafety:
    """Let the brake only watch for so many seconds, at most an hour."""

    seconds: float


@dataclass(frozen=True, slots=True)
class EditLists:
    """Change the lists: keys to put on them, and keys to take off."""

    whitelist: frozenset[str] = frozenset()
    unwhitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    unblacklist: frozenset[str] = frozenset()


# What the configuration asks.


@dataclass(frozen=True, slots=True)
class Declare:
    """Take over what the configuration says now, where it says something else than before."""

    declared: Declared


# What the ramp and the brakes ask.


@dataclass(frozen=True, slots=True)
class Settled:
    """Every replica has applied the step and its settling is over.

    Also for a ramp that is held up: its brake needs the evidence that is collected from now on.
    """


@dataclass(frozen=True, slots=True)
class Observe:
    """So many more seconds of healthy observation."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Baked:
    """The step has been observed for long enough."""


@dataclass(frozen=True, slots=True)
class Opened:
    """All gates are open: take the next step, or begin the soak after the last."""


@dataclass(frozen=True, slots=True)
class Soaked:
    """The soak is over: the ramp is complete."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The ramp cannot go on by itself."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Legacy fails too."""


@dataclass(frozen=True, slots=True)
class Thaw:
    """Legacy is well again."""


@dataclass(frozen=True, slots=True)
class Brake:
    """New is worse: roll back, all of it or a scope.

    Whether the brake may act now (`unsafe_until`) is for who asks it.
    """

    scope: ScopedHold | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    cooldown: float = 900.0
    """Seconds."""


Command = (
    SetPercentage
    | Start
    | Promote
    | Approve
    | Pause
    | Resume
    | Rollback
    | ReleaseHold
    | Kill
    | Unkill
    | Acknowledge
    | OverrideSafety
    | EditLists
    | Declare
    | Settled
    | Observe
    | Baked
    | Opened
    | Soaked
    | Hold
    | Freeze
    | Thaw
    | Brake
)
"""One of them."""
