"""The record of a workflow: one document, replaced as a whole, guarded by its version.

Every change is written before it matters: an attempt stands in the record as begun before
its first byte is sent. So after a crash each attempt is either ended, known never to have
been sent, or uncertain; an uncertain one is never repeated.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from proxy.api import WorkflowIntent, WorkflowResult
from proxy.api.spending import Usage
from proxy.api.workflows import WorkflowStatus

__all__ = ["UNFINISHED", "Attempt", "Decision", "Workflow"]

AttemptState = Literal["begun", "answered", "failed", "unknown"]
UNFINISHED: frozenset[WorkflowStatus] = frozenset(("running", "queued"))


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Attempt(_Record):
    """One call to one deployment. `unknown`: begun, and nobody can say what came of it."""

    id: str
    deployment: str
    kind: str
    """``azure`` or ``openai``."""
    model: str
    state: AttemptState
    begun: float
    """Unix seconds."""
    seconds: float = 0.0
    failure: str = ""
    """A word of `FailureClass`; empty if it did not fail."""
    says: str = ""
    status: int = 0
    hedge: bool = False
    tokens: tuple[int, ...] | None = None
    """As `proxy.api.Usage`, of which records of earlier versions have the first four; None: not
    known, nor estimated (still earlier ones)."""
    nano_usd: int | None = None
    """10^-9 US dollars; None: there is no price."""
    estimated: bool = False
    """Whether tokens and costs are not the provider's word, but taken from the prompt's length and
    the most that was asked for. All attempts begin so: of one that is lost nothing else is known.
    """
    provider_id: str = ""
    answered_as: str = ""
    """The model as the provider has called it in its answer, with its date."""
    finish_reason: str = ""
    tier: str = ""
    """The service tier, where the provider has named one."""

    @property
    def usage(self) -> Usage:
        """What it has used, as far as that is known."""
        return Usage(*(self.tokens or ()))


class Decision(_Record):
    """Something that was decided on the way, with its reasons; what `crossfade why` prints."""

    at: float
    """Unix seconds."""
    what: str
    """One word: routed, skipped, attempt, again, fallback, hedge, waits, unpaid, queued, ended…"""
    why: str
    """In words; no user's data."""


class Workflow(_Record):
    """All that is known of a workflow."""

    id: str
    version: int = 0
    """0: not stored yet; the store counts."""
    user_id: str
    claimed: bool = False
    """Whether nobody vouched for the user."""
    type: str
    status: WorkflowStatus
    request_id: str
    trace_id: str
    traceparent: str = ""
    """That of the request as it came; empty: none. Spans are below its parent."""
    route: str = ""
    arm: str = "none"
    plan: str = ""
    """What the user has subscribed to, in lower case; empty: not known."""
    idempotency: str = ""
    """Digest of scope (route, user) and Idempotency-Key; empty: none."""
    fingerprint: str = ""
    """Digest of what was asked: the same key with another one is refused."""
    intent: WorkflowIntent
    created: float
    """Unix seconds, as all times here."""
    updated: float
    due: float = 0.0
    """When a queued one may be tried (again)."""
    expires: float = 0.0
    """When a queued one has failed."""
    owner: str = ""
    """The process that works on it, and until when nobody else may."""
    lease_until: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    decisions: tuple[Decision, ...] = ()
    result: WorkflowResult | None = None
