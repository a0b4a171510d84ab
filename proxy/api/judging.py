"""What brakes and gates are asked, with what has been observed, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from proxy.core.observations import OTHERS

__all__ = ["METRICS", "OTHERS", "Evidence", "Observed", "Question", "Scope", "Seen", "Verdict"]

METRICS = ("errors", "slow", "client_errors")
"""What keys are compared by: whether they met an error of the arm (a 5xx answer, a timeout, a
failed connection), an answer slower than legacy's own recent p95, a 4xx answer."""


class Scope(NamedTuple):
    """A part of a rollout's callers: one route, one cohort, or everybody where both are empty."""

    route: str = ""
    """The name of a route; empty where routes are not told apart."""
    cohort: str = ""
    """A value of the attribute that the rollout's `cohort` names; empty without one. `OTHERS`
    stands for all those that are not looked at by themselves: it cannot be rolled back."""

    def __str__(self) -> str:
        """Say it in words."""
        parts = [
            f"route {self.route}" if self.route else "",
            self.cohort and f"cohort {self.cohort}",
        ]
        return ", ".join(part for part in parts if part) or "everybody"


@dataclass(frozen=True, slots=True)
class Seen:
    """Requests of one arm in a stretch of time; only callers who could have met either arm."""

    requests: int = 0
    """That the arm has had and that are over."""
    errors: int = 0
    """Of the arm's making; `timeouts` and `connects` are among them."""
    timeouts: int = 0
    """The arm took too long."""
    connects: int = 0
    """No connection could be had."""
    client_errors: int = 0
    """4xx answers."""
    slow: int = 0
    """Slower than legacy's recent p95."""
    own: int = 0
    """Failed by the proxy itself; not among `requests`."""
    left: int = 0
    """Clients that left; not among `requests`."""
    p50: float | None = None
    """Seconds; None without requests."""
    p95: float | None = None
    """Seconds; None without requests."""

    @property
    def failing(self) -> float:
        """The share of requests that failed, 0..1."""
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the keys of one arm met in this segment.

    A key counts once per metric: the unit that was assigned to an arm is the key.
    """

    active: float = 0.0
    """How many keys were seen; an estimate above a few hundred."""
    keys: Mapping[str, int] = field(default_factory=dict)
    """Metric -> how many different keys met it: `errors` (a 5xx answer, a timeout, a failed
    connection), `slow` (slower than legacy's recent p95), `client_errors` (a 4xx answer). A
    metric is missing while its keys are too many to be told apart."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything about one scope; each pair is (legacy, new)."""

    segment: tuple[Seen, Seen] = (Seen(), Seen())
    """Since the segment began."""
    recent: tuple[Seen, Seen] = (Seen(), Seen())
    """The last ten seconds or a little more."""
    window: tuple[Seen, Seen] = (Seen(), Seen())
    """The time that `absolute.window` of the rollout's settings names."""
    evidence: tuple[Evidence, Evidence] = (Evidence(), Evidence())
    """Keys, since the segment began."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is asked, with all that it may need to answer.

    A ``brake`` is asked each second about a rollout that has callers on new, a ``gate`` about a
    step of a ramp that wants to be left.
    """

    kind: Literal["brake", "gate"]
    """What is asked."""
    rollout: str
    """The rollout's name."""
    percentage: float
    """What is in force, 0..100."""
    share: float
    """The probability, 0..1, that a caller with a choice is assigned to new."""
    segment: int
    """The ordinal of this stretch of evidence in the run, from 1."""
    settings: Any
    """The rollout's `rollback` section: an object with its keys as attributes."""
    observed: Mapping[Scope, Observed]
    """By scope; the scope of everybody is always there."""
    now: float
    """Unix seconds."""
    legacy_up: bool = True
    """Whether legacy has an endpoint that is not known to be down."""
    local: bool = False
    """Whether only this replica's observations are known: the store is lost."""
    held: tuple[Scope, ...] = ()
    """What is back on legacy while the rest goes on. What it met before still is in `observed`."""


class Verdict(NamedTuple):
    """What a judge finds.

    - ``pass``: nothing speaks against it; for a gate: new is shown to be not inferior
    - ``hold``: not enough is known, or something must be looked at first
    - ``pause``: the ramp must stop where it is (an absolute bound is broken)
    - ``freeze``: legacy fails too; neither up nor back
    - ``fail``: new is worse: roll `scope` back
    """

    kind: Literal["pass", "hold", "pause", "freeze", "fail"]
    """What is found."""
    why: str
    """In a sentence, with figures; no user's id."""
    scope: Scope = Scope()
    """What a ``fail`` is about."""
    evidence: Mapping[str, Any] = {}
    """Figures for the audit and for displays: plain JSON values. A brake tells, where it can,
    ``{"<metric>": {"log_e": .., "bound": .., "keys": {"legacy": .., "new": ..},
    "active": {"legacy": .., "new": ..}}}``."""
