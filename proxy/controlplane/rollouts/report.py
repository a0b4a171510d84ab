"""What the ramp loop knows of a rollout at this moment, beside its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.api.judging import Observed, Scope, Verdict

__all__ = ["RolloutReport"]


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """For displays; nothing here is stored."""

    leader: bool = True
    """Whether this replica leads."""
    stale: bool = False
    """Whether the store is lost, so that the state may be old."""
    remaining: float | None = None
    """Seconds of the phase that are left if all goes well; None where that has no end."""
    waiting_for: tuple[str, ...] = ()
    """The gates that are not open, in words."""
    verdict: Verdict | None = None
    """The last one of the brake."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Metric -> log_e, bound, keys, active; see the verdict's evidence."""
    observed: Mapping[Scope, Observed] = field(default_factory=dict)
    """By scope; `window` covers the last minute."""
