"""A decision as it is remembered for a while: enough to make it again, and to foresee others."""

from typing import NamedTuple

from proxy.config.models import Config
from proxy.core.decide import Decision
from proxy.core.identity import Identity
from proxy.core.rollout_state import RolloutState

__all__ = ["Decided"]


class Decided(NamedTuple):
    """One decision, with what it was made of. Kept in memory alone: it holds the caller's key."""

    request_id: str
    at: float
    """Unix time in seconds."""
    route: str
    rollout: str
    identity: Identity
    decision: Decision
    generation: int
    config: Config
    """What was declared then."""
    state: RolloutState | None
    """What was learned then; None where nothing was."""
