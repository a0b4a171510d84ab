"""What is learned about a rollout: where it stands, who holds it, and where its ramp is.

The configuration declares a rollout; this is what became of it since. One immutable value,
replaced as a whole by `proxy.core.ramp`, stored as a whole by `proxy.stores`. All times
are Unix seconds of the store's clock.

"Hold" means three things. A ramp is *held* (`held`, the command `Hold`): it cannot go on by
itself, and everybody stays where they are. A *hold* of a scope (`holds`, `ReleaseHold`): these
callers are back on legacy, the others go on. A judge's verdict *hold*: it knows too little, and
nothing is done.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

__all__ = [
    "DEFAULT_PLAN",
    "UNDER_WAY",
    "Approval",
    "Declared",
    "Gates",
    "Mark",
    "Phase",
    "Plan",
    "RolloutState",
    "ScopedHold",
    "Standing",
    "Step",
    "TimeWindow",
    "Webhook",
    "share_of",
]


class Phase(StrEnum):
    """Where a ramp is when nothing holds it up."""

    DRAFT = "draft"
    """No ramp has begun; the percentage is what somebody set."""
    SETTLE = "settle"
    """A step has been taken; what is seen right after it does not count."""
    BAKE = "bake"
    """The step is observed; healthy time counts."""
    GATE = "gate"
    """The step has baked; the gates are asked whether the next one may be taken."""
    SOAK = "soak"
    """The last step is reached; it is watched before the ramp counts as complete."""
    COMPLETE = "complete"
    """The ramp is over."""


UNDER_WAY = frozenset([Phase.SETTLE, Phase.BAKE, Phase.GATE, Phase.SOAK])
"""The phases of a ramp that has begun and is not over."""


class Standing(StrEnum):
    """How a rollout stands, in one word: a phase of its ramp, or what overrides it."""

    DRAFT = "draft"
    SETTLE = "settle"
    BAKE = "bake"
    GATE = "gate"
    SOAK = "soak"
    COMPLETE = "complete"
    PAUSED = "paused"
    """An operator has stopped the ramp; the percentage stays."""
    HELD = "held"
    """The ramp cannot go on by itself and asks for an operator; the percentage stays."""
    FROZEN = "frozen"
    """Legacy is failing too: neither up nor back until it is well again."""
    ROLLED_BACK = "rolled_back"
    """Everybody is on legacy until an operator says otherwise."""
    KILLED = "killed"
    """Everybody is on legacy, whatever else is said."""


def share_of(percentage: float, standing: Standing, *, enabled: bool = True) -> float:
    """Return what a rollout gives to new in fact, in per cent: 0 where everybody is on legacy.

    `enabled` is what the configuration says.
    """
    nobody = not enabled or standing in (Standing.KILLED, Standing.ROLLED_BACK)
    return 0.0 if nobody else percentage


@dataclass(frozen=True, slots=True)
class Mark:
    """Who put a rollout into a side state, when, and why."""

    by: str
    """An operator's name, or a plugin's; ``ramp``, ``configuration``, ``environment``, or
    ``crossfade`` (where a state could not be read, or was lost)."""
    why: str
    at: float
    automatic: bool = False
    """Put by the ramp or a brake. What is not, the ramp never takes off."""


@dataclass(frozen=True, slots=True)
class ScopedHold:
    """A part of a rollout's callers that is back on legacy while the rest goes on."""

    mark: Mark
    route: str = ""
    """The name of a route; empty for all."""
    cohort: str = ""
    """A value of the attribute that the rollout's `cohort` names; empty for all."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A gate that asks an HTTP service: 2xx is go, 409 and 425 wait, all else wait and retry."""

    url: str
    timeout: float = 5.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A gate that is open at some times only: days and hours in a time zone."""

    days: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    begins: int = 0
    """Minutes after midnight."""
    ends: int = 1440
    """Minutes after midnight, exclusive; below `begins` it is past midnight."""
    zone: str = "UTC"
    """An IANA time zone."""


@dataclass(frozen=True, slots=True)
class Gates:
    """What must agree before a step up."""

    metrics: bool = True
    """A judge must say that new is not inferior."""
    min_requests: int = 200
    """So many requests of each arm (with a choice) in this step."""
    approval: bool = False
    """An operator must approve the step."""
    webhook: Webhook | None = None
    window: TimeWindow | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ramp. Durations in seconds."""

    percentage: float
    settle: float = 30.0
    bake: float = 600.0
    max_duration: float = 0.0
    """The ramp is held when the step is not over after so long; 0 for no limit."""
    gates: Gates = Gates()


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps of a ramp, in rising order of percentage, and the soak after the last."""

    steps: tuple[Step, ...]
    soak: float = 3600.0
    """Seconds of healthy observation after the last step before the ramp is complete."""


DEFAULT_PLAN = Plan(tuple(Step(percentage) for percentage in (5.0, 25.0, 50.0, 100.0)))
"""What `crossfade ramp` walks where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An operator's yes to leaving a step."""

    step: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Declared:
    """What the configuration said last: a change of it is a move, a restart is none."""

    percentage: float = 0.0
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    rules: str = ""
    """A digest of enabled, conditions, rules and missing_key."""
    salt: str = ""
    """The hash's algorithm and a digest of the salt; another one is another split."""
    plan: Plan | None = None
    """The `ramp` section; None without one."""


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Everything that is learned about one rollout."""

    name: str
    version: int = 0
    """Grows by one with every stored change; the ETag of the admin API."""
    percentage: float = 0.0
    """What is in force where nothing sends everybody to legacy, 0..100."""
    phase: Phase = Phase.DRAFT
    step: int = -1
    """The index of the plan's step that is in force; -1 before the first."""
    plan: Plan | None = None
    """The plan that the ramp walks; None while there is no ramp."""
    since: float = 0.0
    """When the phase began."""
    healthy: float = 0.0
    """Seconds of healthy observation in this phase."""
    run: int = 0
    """Counts the starts of a ramp; a run has its own budget of false alarms."""
    segment: int = 0
    """Counts the stretches of evidence of this run, from 1; a new one begins with each change
    of the percentage and each resume. See `proxy.core.ramp.ordinal`."""
    segment_since: float = 0.0
    killed: Mark | None = None
    rolled_back: Mark | None = None
    frozen: Mark | None = None
    paused: Mark | None = None
    held: Mark | None = None
    holds: tuple[ScopedHold, ...] = ()
    approvals: tuple[Approval, ...] = ()
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    braked: tuple[float, ...] = ()
    """When automatic rollbacks happened in the last 24 hours."""
    latched: bool = False
    """Braked twice in 24 hours: nothing goes up before an operator acknowledges."""
    cooldown_until: float = 0.0
    """No ramp begins before, unless an operator insists."""
    unsafe_until: float = 0.0
    """Until then the brake only watches (`override_safety`)."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """What the last brake or hold was founded on."""
    declared: Declared = Declared()

    @property
    def standing(self) -> Standing:
        """How the rollout stands: what overrides most, else the phase."""
        if self.killed is not None:
            return Standing.KILLED
        if self.rolled_back is not None:
            return Standing.ROLLED_BACK
        if self.frozen is not None:
            return Standing.FROZEN
        if self.paused is not None:
            return Standing.PAUSED
        if self.held is not None:
            return Standing.HELD
        return Standing(self.phase.value)

    @property
    def share(self) -> float:
        """The percentage that callers with a choice meet: 0 where everybody is on legacy."""
        return share_of(self.percentage, self.standing)

    @property
    def current(self) -> Step | None:
        """The plan's step that is in force."""
        if self.plan is None or not 0 <= self.step < len(self.plan.steps):
            return None
        return self.plan.steps[self.step]

    def stored(self, version: int) -> "RolloutState":
        """Return it as the store has taken it."""
        return replace(self, version=version)
