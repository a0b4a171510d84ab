"""Workflows as clients look them up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from proxy.api import WorkflowError, WorkflowScore, WorkflowView
from proxy.api.endpoints import iso
from proxy.api.workflows import WorkflowStatus, WorkflowType

from .writing import Document, Usd, milliseconds, usd

__all__ = ["ShownList", "ShownOne", "ShownWorkflow", "shown", "shown_list"]

_NOT_BEGUN = "pending"


class ProviderStates(Document):
    """How far each part has come."""

    azure: str = _NOT_BEGUN
    openai: str = _NOT_BEGUN
    rate_limiter: str = _NOT_BEGUN
    only_fans: str = _NOT_BEGUN


class ShownCost(Document):
    """US dollars until now, of all providers (null: not known) and of each.

    `estimated` is the part for which no provider has told what was used.
    """

    total: Usd | None
    estimated: Usd
    breakdown: dict[str, Usd]


class ShownMetrics(Document):
    """What it took."""

    tokens_used: int
    requests_count: int
    retry_attempts: int
    fallbacks_used: int


class ShownResult(Document):
    """What was made, or why nothing was."""

    content: str
    full_result: dict[str, Any]
    provider: str
    platforms: tuple[str, ...]
    quality: WorkflowScore | None
    compliance: WorkflowScore | None
    cached: bool
    error: WorkflowError | None


class ListedWorkflow(Document):
    """A workflow as it stands. `duration` is in milliseconds, null before the end."""

    workflow_id: str
    user_id: str
    type: WorkflowType
    status: WorkflowStatus
    current_provider: str
    provider_states: ProviderStates
    started_at: str
    completed_at: str | None
    duration: int | None
    cost: ShownCost
    metrics: ShownMetrics


class ShownWorkflow(ListedWorkflow):
    """A workflow with what came of it, null before the end."""

    result: ShownResult | None


class ShownOne(Document):
    """One workflow."""

    success: Literal[True] = True
    data: ShownWorkflow


class Summary(Document):
    """The workflows of the list together; those of unknown cost count as nothing."""

    total: int
    by_status: dict[str, int]
    total_cost: Usd


class ShownWorkflows(Document):
    """The newest workflows first."""

    workflows: tuple[ListedWorkflow, ...]
    summary: Summary


class ShownList(Document):
    """A list of workflows."""

    success: Literal[True] = True
    data: ShownWorkflows


def shown(view: WorkflowView) -> ShownWorkflow:
    """Return a workflow with its result."""
    made = view.result
    result = made and ShownResult(
        content=made.content,
        full_result=made.full_result,
        provider=made.provider,
        platforms=made.platforms,
        quality=made.quality,
        compliance=made.compliance,
        cached=made.cached,
        error=made.error,
    )
    return ShownWorkflow(**_listed(view), result=result)


def shown_list(views: Iterable[WorkflowView]) -> ShownList:
    """Return workflows without their results, and what they come to."""
    views = tuple(views)
    summary = Summary(
        total=len(views),
        by_status=Counter(view.status for view in views),
        total_cost=usd(sum(view.cost_nano_usd or 0 for view in views)),
    )
    listed = tuple(ListedWorkflow(**_listed(view)) for view in views)
    return ShownList(data=ShownWorkflows(workflows=listed, summary=summary))


def _listed(view: WorkflowView) -> Mapping[str, Any]:
    total = view.cost_nano_usd
    return {
        "workflow_id": view.workflow_id,
        "user_id": view.user_id,
        "type": view.type,
        "status": view.status,
        "current_provider": view.current_provider,
        "provider_states": ProviderStates.model_validate(dict(view.provider_states)),
        "started_at": iso(view.started_at),
        "completed_at": None if view.completed_at is None else iso(view.completed_at),
        "duration": None if view.seconds is None else milliseconds(view.seconds),
        "cost": ShownCost(
            total=None if total is None else usd(total),
            estimated=usd(view.estimated_nano_usd),
            breakdown={name: usd(nano) for name, nano in view.costs.items()},
        ),
        "metrics": ShownMetrics(
            tokens_used=view.tokens,
            requests_count=view.attempts,
            retry_attempts=view.retries,
            fallbacks_used=view.fallbacks,
        ),
    }
