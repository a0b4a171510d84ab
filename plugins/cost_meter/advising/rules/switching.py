"""The same model, cheaper at another deployment in the same data zone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.api import Change, Deployed
from proxy.api.documents import usd_text

from ...row import Row
from ..recommendation import Finding, NoAdvice
from .comparing import worse
from .terms import Proposal, View, cost_at, found, rows_by, setting

__all__ = ["last", "switching"]

RULE = "switch"


def switching(view: View) -> Iterator[Finding]:
    """Yield what is known of each deployment that is asked although an equal one is cheaper."""
    rows = rows_by(view, "deployment")
    for one in view.choices.deployments:
        mine = rows.get((one.name,), [])
        if one.weight and mine and (one.name, False) in view.tariffs:
            proposal = _cheapest(view, one, mine, rows)
            if proposal is not None:
                yield proposal if isinstance(proposal, NoAdvice) else found(view, proposal)


def last(view: View, one: Deployed) -> Change:
    """Return what has a deployment asked only after all others."""
    before = one.weight if one.weight_written else None
    return Change(setting(view, "deployments", one.name, "weight"), 0, before)


def _cheapest(
    view: View, one: Deployed, rows: Sequence[Row], known: Mapping[tuple[Any, ...], Sequence[Row]]
) -> Proposal | NoAdvice | None:
    others = [
        (sum(savings.values()), other, savings)
        for other in view.deployments(one.model, one.zone)
        if other.name != one.name and other.weight
        for savings in [_savings(view, one, other, rows)]
    ]
    best, other, savings = max(others, key=lambda found: found[0], default=(0, one, {}))
    if best <= 0:
        return None
    if worse(known.get((other.name,), []), rows) is not None:
        missing = f"answers of {other.name}: it is cheaper, but fails far more often"
        return NoAdvice(RULE, one.name, missing)
    spent = sum(int(row.nano_usd) for row in rows)
    return Proposal(
        RULE,
        one.name,
        f"Ask {other.name} for {one.model} before {one.name}: {len(rows)} attempts that have cost "
        f"{usd_text(spent)} US dollars cost {usd_text(best)} less there. It saves {{saving}}.",
        savings,
        "low",
        f"{other.name} takes the whole load of {one.model}; {one.name} only stands in.",
        f"Look at `crossfade costs --by provider --by model` and at the latency of {other.name} "
        "for a week; undo it if its rate limits are met.",
        (last(view, one),),
        scope={"model": one.model},
        tariffs=(view.tariffs[one.name, False], view.tariffs[other.name, False]),
    )


def _savings(view: View, one: Deployed, other: Deployed, rows: Sequence[Row]) -> Mapping[str, int]:
    now, then = view.tariffs[one.name, False], view.tariffs[other.name, False]
    return {row.id: cost_at(now, row.usage) - cost_at(then, row.usage) for row in rows}
