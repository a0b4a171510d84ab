"""What judges are asked about a rollout, and what their answers come to."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from proxy.api.judging import Observed, Question, Scope, Verdict
from proxy.config.rollback import Rollback
from proxy.core.observations import SLICE_SECONDS
from proxy.core.ramp import ordinal
from proxy.core.rollout_state import RolloutState

__all__ = ["NOTHING", "SHOWN_SECONDS", "Look", "Sight", "first_slice", "window_of", "worst"]

SHOWN_SECONDS = 60.0
"""The time that displays cover, and within which requests must come for time to count.

It is also what `Observed.window` of a question covers where no `absolute.window` is said.
"""

_EVERYBODY = Scope()

_SEVERITY = ("pass", "hold", "pause", "fail", "freeze")
# A frozen rollout goes nowhere: whoever sees that legacy is sick outvotes whoever would send
# everybody there.


class Sight(NamedTuple):
    """What was observed of a rollout, in both widths."""

    shown: Mapping[Scope, Observed]
    """`window` covers `SHOWN_SECONDS`."""
    judged: Mapping[Scope, Observed]
    """`window` covers what `absolute.window` says."""

    @property
    def everybody(self) -> Observed:
        """All callers together, as displays show them."""
        return self.shown.get(_EVERYBODY) or Observed()

    def silent(self, share: float) -> str:
        """Return which arm had no request within the last minute, in words; empty if none.

        `share` is the probability (0..1) of new: an arm that gets nobody cannot be silent.
        """
        legacy, new = self.everybody.window
        idle = [
            arm
            for arm, seen, due in (("legacy", legacy, share < 1), ("new", new, share > 0))
            if due and not seen.requests
        ]
        return f"no requests on {' and '.join(idle)} within the last minute" if idle else ""


NOTHING = Sight({_EVERYBODY: Observed()}, {_EVERYBODY: Observed()})
"""Before anything was observed."""


class Look(NamedTuple):
    """One rollout at one moment: everything that the brake and the ramp decide by."""

    state: RolloutState
    settings: Rollback
    sight: Sight
    now: float
    legacy_up: bool = True
    local: bool = False
    """Only this replica's observations are known."""
    leads: bool = True
    """Whether this replica is the one that walks the ramps; else it may only brake."""

    def question(self, kind: Literal["brake", "gate"]) -> Question:
        """Return what judges are asked."""
        state = self.state
        return Question(
            kind=kind,
            rollout=state.name,
            percentage=state.percentage,
            share=state.share / 100,
            segment=ordinal(state, self.now),
            settings=self.settings,
            observed=self.sight.judged,
            now=self.now,
            legacy_up=self.legacy_up,
            local=self.local,
            held=tuple(Scope(hold.route, hold.cohort) for hold in state.holds),
        )


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the verdict that counts: the first of the gravest; None without any."""
    return max(verdicts, key=lambda verdict: _SEVERITY.index(verdict.kind), default=None)


def window_of(settings: Rollback) -> float:
    """Return the seconds that `Observed.window` of a question covers."""
    return SHOWN_SECONDS if settings.absolute is None else settings.absolute.window


def first_slice(now: float, seconds: float) -> int:
    """Return the number of the first slice that is needed to look back so far."""
    return int(now - seconds) // SLICE_SECONDS
