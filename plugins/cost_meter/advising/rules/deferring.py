"""Work that may wait for a day, at the providers' batch prices. It is done by hand."""

from collections.abc import Iterator

from ..recommendation import Finding, NoAdvice
from .terms import Proposal, View, cost_at, found, rows_by

__all__ = ["deferring"]

RULE = "batch"


def deferring(view: View) -> Iterator[Finding]:
    """Yield what batch prices would save on intents of which the operator says they may wait."""
    if not view.wanted.deferrable:
        missing = "intents that may wait for a day (`plugins.cost_meter.advice.deferrable`)"
        yield NoAdvice(RULE, "batch prices", missing)
    by_intent = rows_by(view, "intent")
    for intent in view.wanted.deferrable:
        savings: dict[str, int] = {}
        tariffs = []
        for row in by_intent.get((intent,), ()):
            now = view.tariffs.get((row.deployment, False))
            batch = view.tariffs.get((row.deployment, True))
            if now is not None and batch is not None and batch.rates != now.rates:
                savings[row.id] = cost_at(now, row.usage) - cost_at(batch, row.usage)
                tariffs.append(batch)
        if not savings:
            missing = "attempts at deployments that have batch prices"
            yield NoAdvice(RULE, intent, missing)
            continue
        yield found(
            view,
            Proposal(
                RULE,
                intent,
                f"Send {intent} through the provider's batch API, by hand: {len(savings)} attempts "
                "would have had batch prices. It saves {saving}.",
                savings,
                "medium",
                "Answers come within a day, and not at once.",
                f"Collect {intent} for a day, send it as one batch, and compare the bill.",
                measure="none",
                tariffs=tuple(set(tariffs)),
            ),
        )
