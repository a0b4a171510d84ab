"""Workflows: what is asked of generating plugins, what comes of it, and how it is looked up.

A workflow is one piece of generating work: a plan, a message, a check. It arrives as a
`WorkflowIntent`, is answered by a `WorkflowResult` and is kept as a `WorkflowView` for whoever asks
later. Plugins that speak of workflows with each other do it by these types alone, in JSON
(camel case) on a route, or by the service `Workflows`.
"""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

__all__ = [
    "ErrorCode",
    "OnlyFansContext",
    "Priority",
    "ProviderHealth",
    "WorkflowError",
    "WorkflowIntent",
    "WorkflowResult",
    "WorkflowScore",
    "WorkflowStatus",
    "WorkflowType",
    "WorkflowView",
    "Workflows",
]

WorkflowType = Literal[
    "content_planning", "message_generation", "content_validation", "campaign_execution"
]
Priority = Literal["low", "medium", "high", "critical"]
WorkflowStatus = Literal["running", "queued", "completed", "failed", "cancelled", "interrupted"]
ErrorCode = Literal[
    "rate_limit_exceeded",
    "provider_unavailable",
    "invalid_request",
    "onlyfans_api_error",
    "cost_limit_exceeded",
    "compliance_violation",
]
"""Why a workflow failed, as its caller is told; the provider's own words stay inside."""

_Word = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[str, Field(min_length=1, max_length=256)]


class _Document(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class OnlyFansContext(_Document):
    """What a message is for, where it goes to OnlyFans."""

    account_id: _Id | None = None
    recipient_id: _Id | None = None
    message_type: Literal["welcome", "follow_up", "promotional", "custom"] | None = None
    compliance_level: Literal["strict", "moderate", "relaxed"] = "moderate"


class WorkflowIntent(_Document):
    """What is wanted. In JSON: camel case; unknown keys are errors."""

    type: WorkflowType
    user_id: _Id
    """Whose work it is; ``unknown`` where nobody said."""
    data: dict[str, Any] = Field(default_factory=dict)
    """What the prompt is made of; whatever the caller says, it decides nothing else."""
    platforms: Annotated[tuple[_Word, ...], Field(min_length=1, max_length=16)] = ("instagram",)
    content_type: _Word = "post"
    send_to_only_fans: bool = False
    recipient_id: _Id | None = None
    force_provider: Literal["azure", "openai"] | None = None
    """For administrators alone."""
    priority: Priority = "medium"
    deferrable: bool = False
    """Whether the caller takes a 202 and comes back for the result."""
    stream: bool = False
    only_fans_context: OnlyFansContext | None = None

    @field_validator("type", mode="before")
    @classmethod
    def _older_name(cls, value: object) -> object:
        return "message_generation" if value == "message_automation" else value

    @property
    def requires_multi_platform(self) -> bool:
        """Whether it is for more than one platform."""
        return len(self.platforms) > 1


class WorkflowScore(_Document):
    """How good something is by rules, 0 (worst) to 1, and why it is not 1."""

    score: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()


class WorkflowError(_Document):
    """Why there is no content."""

    code: ErrorCode
    message: str
    """For the caller: no provider's words, no internals."""
    retryable: bool = False
    retry_after: float | None = None
    """Seconds, where somebody has said when."""


class WorkflowResult(_Document):
    """What came of an intent. It also reads the problem (RFC 9457) that tells of no money."""

    workflow_id: str
    status: WorkflowStatus
    content: str = ""
    """The text that is wanted."""
    full_result: dict[str, Any] = Field(default_factory=dict)
    """The whole validated document that the model answered with."""
    provider: str = ""
    """Of what kind the deployment is that answered: ``azure`` or ``openai``; empty: none."""
    model: str = ""
    platforms: tuple[str, ...] = ()
    trace_id: str = ""
    attempts: int = 0
    """Calls to providers, all of them."""
    fallbacks: int = 0
    """How often another deployment than the one before was asked."""
    tokens: int = 0
    """Over all attempts; of one that was lost, an estimate."""
    cost_nano_usd: int | None = None
    """Over all attempts, in 10^-9 US dollars, estimates among them; None without a price."""
    seconds: float = 0.0
    quality: WorkflowScore | None = None
    compliance: WorkflowScore | None = None
    cached: bool = False
    """Whether it is the answer to an earlier, equal intent."""
    error: WorkflowError | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_a_problem(cls, said: Any) -> Any:
        # The status of a result is a word, that of a problem a number.
        if isinstance(said, dict) and isinstance(said.get("status"), int):
            known = {name: said[name] for name in ("workflowId", "error") if name in said}
            return {**known, "status": "failed"}
        return said

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost in US dollars, exactly."""
        return None if self.cost_nano_usd is None else Decimal(self.cost_nano_usd).scaleb(-9)


class WorkflowView(_Document):
    """A workflow as it stands, for its user or an administrator."""

    workflow_id: str
    user_id: str
    type: WorkflowType
    status: WorkflowStatus
    current_provider: str = ""
    provider_states: Mapping[str, str] = Field(default_factory=dict)
    """``azure``, ``openai``: pending, executing, completed, failed or timeout."""
    started_at: float
    """Unix seconds."""
    completed_at: float | None = None
    seconds: float | None = None
    cost_nano_usd: int | None = None
    estimated_nano_usd: int = 0
    """So much of it is an estimate: attempts of which the provider has not told what they used."""
    costs: Mapping[str, int] = Field(default_factory=dict)
    """Nano-USD by provider."""
    tokens: int = 0
    attempts: int = 0
    retries: int = 0
    fallbacks: int = 0
    result: WorkflowResult | None = None


class WorkflowCosts(NamedTuple):
    """What workflows of one type and day cost at one provider, estimates among it."""

    day: str
    """``2026-11-23``, UTC."""
    type: str
    provider: str
    workflows: int
    tokens: int
    nano_usd: int


class ProviderHealth(NamedTuple):
    """How one deployment stands, without having been asked."""

    deployment: str
    provider: str
    state: str
    """``closed``, ``open``, ``half_open``, ``forced_open``, ``forced_closed``, ``metrics_only``."""
    throttled: bool
    why: str
    """A sentence where it does not serve; else empty."""


class Workflows(Protocol):
    """The service of the plugin that runs workflows, for other plugins: see `Services.shared`."""

    async def find(self, workflow_id: str) -> WorkflowView | None:
        """Return a workflow; None if there is none (any more)."""

    async def list(
        self, *, user_id: str | None, status: str | None = None, limit: int = 10
    ) -> tuple[WorkflowView, ...]:
        """Return the newest workflows first, of one user, or of all for None."""

    async def costs(
        self, *, user_id: str | None, since: float, until: float
    ) -> tuple[WorkflowCosts, ...]:
        """Return what workflows begun in this time (Unix seconds) have cost."""

    def changes(self, user_id: str | None) -> AsyncIterator[WorkflowView]:
        """Tell of changes as they happen, of one user or of all. A slow reader misses some."""

    def health(self) -> tuple[ProviderHealth, ...]:
        """Return how the deployments stand; asks nobody and costs nothing."""

    async def store_health(self) -> str:
        """Return what is wrong with the store, in a sentence; empty if it answers."""

    def figures(self) -> Mapping[str, Any]:
        """Return what has been counted since the start, for people: JSON-able."""
