"""What administrators are told: what the orchestrator has counted, and what was spent."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from proxy.api.workflows import ProviderHealth, WorkflowCosts

from .questions import Period
from .spending import Amount, sum_of
from .writing import Document

__all__ = ["Figures", "figures_of"]


class ProviderFigures(Document):
    """How a deployment stands, and why it is left alone (empty: it is not)."""

    deployment: str
    provider: str
    state: str
    throttled: bool
    why: str


class FiguresData(Document):
    """`period` and `spent` go together; the orchestrator counts since it was started."""

    period: Period
    spent: Amount
    orchestrator: dict[str, Any]
    providers: tuple[ProviderFigures, ...]


class Figures(Document):
    """Nothing here is estimated."""

    success: Literal[True] = True
    data: FiguresData


def figures_of(
    period: Period,
    rows: Iterable[WorkflowCosts],
    counted: Mapping[str, Any],
    providers: Iterable[ProviderHealth],
) -> Figures:
    """Put it together."""
    return Figures(
        data=FiguresData(
            period=period,
            spent=sum_of(rows),
            orchestrator=dict(counted),
            providers=tuple(ProviderFigures(**one._asdict()) for one in providers),
        )
    )
