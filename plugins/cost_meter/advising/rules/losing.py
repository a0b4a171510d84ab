"""What resilience costs: deployments that fail, hedges that do not win, prefixes read anew."""

from collections.abc import Iterator, Mapping, Sequence

from proxy.api import Change, Deployed
from proxy.api.documents import usd_text

from ...prices.rating import Priced
from ...row import Row
from ..evidence import share_between
from ..recommendation import Finding, NoAdvice
from .comparing import Worse, is_lost, worse
from .switching import last
from .terms import Proposal, View, cost_at, found, rows_by, setting

__all__ = ["failing", "hedging", "prefixes"]

_WINS_LEAST = 0.25
_LONG_PROMPT = 1024
"""Tokens; the providers' caches hold no shorter prefix."""


def failing(view: View) -> Iterator[Finding]:
    """Yield deployments that fail, and are paid for it, far more than an equal one."""
    rows = rows_by(view, "deployment")
    for one in view.choices.deployments:
        mine = rows.get((one.name,), [])
        if not one.weight or not any(is_lost(row) and row.nano_usd > 0 for row in mine):
            continue
        for other in view.deployments(one.model, one.zone):
            if other.name == one.name or not other.weight:
                continue
            found_worse = worse(mine, rows.get((other.name,), []))
            if found_worse is not None:
                yield found(view, _failing(view, one, other, mine, found_worse))
                break


def _failing(
    view: View, one: Deployed, other: Deployed, mine: Sequence[Row], known: Worse
) -> Proposal:
    before, after = view.tariffs.get((one.name, False)), view.tariffs[other.name, False]
    lost, lost_there = (sum(map(is_lost, rows)) for rows in (known.mine, known.theirs))
    savings: dict[str, int] = {}
    for row in mine:  # the other one takes all of it, at its own prices
        now = then = int(row.nano_usd)
        if before != after and now > 0:
            now = now if before is None else cost_at(before, row.usage)
            then = cost_at(after, row.usage)
        if is_lost(row) and row.intent in known.intents:  # as many would be lost as are there now
            then = then * lost_there * len(known.mine) // (len(known.theirs) * lost)
        savings[row.id] = now - then
    paid = sum(int(row.nano_usd) for row in known.mine if is_lost(row))
    return Proposal(
        "failing",
        one.name,
        f"Ask {other.name} for {one.model} before {one.name}, which brings no answer in "
        f"{lost} of {len(known.mine)} attempts ({other.name}: {lost_there} of "
        f"{len(known.theirs)}); {usd_text(paid)} US dollars were paid for that. "
        "It saves {saving}.",
        savings,
        "low",
        f"{other.name} takes the whole load of {one.model}; {one.name} only stands in.",
        f"Look at the failures of both for a day, and into why {one.name} fails.",
        (last(view, one),),
        scope={"model": one.model},
        tariffs=() if before is None or before == after else (before, after),
    )


def hedging(view: View) -> Iterator[Finding]:
    """Yield what second attempts cost, where the first one mostly wins."""
    if not view.choices.hedges:
        return
    hedges = [row for row in view.evidence.rows() if row.again == "hedge"]
    wins = sum(row.outcome == "answered" for row in hedges)
    if share_between(wins, len(hedges))[1] > _WINS_LEAST:
        missing = f"hedges that lose: {wins} of {len(hedges)} have brought the answer"
        yield NoAdvice("hedges", "hedges", missing)
        return
    before = True if view.choices.hedges_written else None
    yield found(
        view,
        Proposal(
            "hedges",
            "hedges",
            f"Do without second attempts beside slow ones: {wins} of {len(hedges)} were the first "
            "to answer. It saves {saving}.",
            {row.id: int(row.nano_usd) for row in hedges},
            "medium",
            "The slowest answers may take longer.",
            "Compare the 95th and 99th percentile of latency for a week.",
            (Change(setting(view, "hedge", "enabled"), False, before),),
        ),
    )


def prefixes(view: View) -> Iterator[Finding]:
    """Yield where long prompts are read anew that are cached elsewhere. It is done by hand."""
    for (intent, model), rows in rows_by(view, "intent", "model").items():
        long = [row for row in rows if row.usage.prompt >= _LONG_PROMPT and not row.estimated]
        groups: dict[str, list[Row]] = {}
        for row in long:
            groups.setdefault(row.deployment, []).append(row)
        known = {
            name: _cached(group)
            for name, group in groups.items()
            if len(group) >= view.wanted.min_sample
        }
        if len(known) < 2:
            continue
        best = max(known, key=lambda name: known[name])
        savings, tariffs = _cached_like(view, groups, known, best)
        if sum(savings.values()) > 0:
            yield found(
                view,
                Proposal(
                    "prefix",
                    f"{intent}: {model}",
                    f"{best} has {known[best]} % of long prompts of {intent} in its cache, other "
                    f"deployments of {model} less. Keep equal beginnings of prompts at one "
                    "deployment, by hand. It saves {saving}.",
                    savings,
                    "low",
                    "Less load is shared among deployments.",
                    "Give one deployment all the weight for a day and look at its cached tokens.",
                    scope={"intent": intent},
                    measure="none",
                    tariffs=tariffs,
                ),
            )


def _cached(rows: Sequence[Row]) -> int:
    """Return how many percent of the prompts' tokens came out of a cache."""
    return (
        sum(row.usage.input_cached for row in rows) * 100 // sum(row.usage.prompt for row in rows)
    )


def _cached_like(
    view: View, groups: Mapping[str, Sequence[Row]], known: Mapping[str, int], best: str
) -> tuple[dict[str, int], list[Priced]]:
    """Return what attempts elsewhere would have saved with as much in the cache."""
    savings: dict[str, int] = {}
    tariffs = []
    for name, rows in groups.items():
        tariff = view.tariffs.get((name, False))
        if name == best or name not in known or tariff is None:
            continue
        tariffs.append(tariff)
        for row in rows:
            used = row.usage
            fresh = used.input_uncached
            cached = max(min(used.prompt * known[best] // 100 - used.input_cached, fresh), 0)
            like = used._replace(
                input_uncached=fresh - cached, input_cached=used.input_cached + cached
            )
            savings[row.id] = cost_at(tariff, used) - cost_at(tariff, like)
    return savings, tariffs
