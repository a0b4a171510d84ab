"""What a rule is given, and what rules have in common."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.api import Change, Choices, Deployed, Usage, cost_of
from proxy.api.documents import usd_text

from ...prices.rating import Priced
from ...row import Dimension, Row
from ..declaring import AdviceSettings
from ..evidence import Evidence, estimate
from ..recommendation import Finding, Measure, NoAdvice, Recommendation, Risk, identity

__all__ = ["Proposal", "View", "cost_at", "found", "monthly", "rows_by", "setting"]

_DAY = 86_400
_NOT_EXACT = 80
"""Percent of the confidence that is left where a price is not exactly known."""


class View(NamedTuple):
    """All that rules look at."""

    evidence: Evidence
    choices: Choices
    tariffs: Mapping[tuple[str, bool], Priced]
    """By deployment, and whether it is the batch API's: what it costs now, where that is known."""
    wanted: AdviceSettings

    def deployments(self, model: str, zone: str) -> Iterable[Deployed]:
        """Return those of a model in a zone whose prices are known."""
        for one in self.choices.deployments:
            if (one.model, one.zone) == (model, zone) and (one.name, False) in self.tariffs:
                yield one


class Proposal(NamedTuple):
    """What a rule has found, before it is known how sure it is."""

    rule: str
    subject: str
    says: str
    """With ``{saving}`` where the amount is to stand."""
    savings: Mapping[str, int]
    """By attempt, in nano-USD."""
    risk: Risk
    risks: str
    plan: str
    changes: tuple[Change, ...] = ()
    share: float = 100.0
    scope: Mapping[Dimension, str] = {}
    measure: Measure = "answer"
    tariffs: Sequence[Priced] = ()
    """The prices that it rests on."""


def found(view: View, one: Proposal) -> Finding:
    """Return a recommendation, or why the evidence is too thin for one."""
    days, sample = view.evidence.seconds / _DAY, len(one.savings)
    if sample < view.wanted.min_sample:
        missing = f"{sample} attempts that it is about; {view.wanted.min_sample} are wanted"
        return NoAdvice(one.rule, one.subject, missing)
    if days < view.wanted.min_days:
        missing = f"{days:.1f} days of evidence; {view.wanted.min_days:g} are wanted"
        return NoAdvice(one.rule, one.subject, missing)
    name = identity(one.rule, one.subject)
    guess = estimate(view.evidence, one.savings, name)
    if guess.p10 <= 0:
        between = f"{usd_text(guess.p10)} and {usd_text(guess.p90)} US dollars a month"
        return NoAdvice(one.rule, one.subject, f"a saving that is sure: it is between {between}")
    exact = all(priced.confidence == "exact" for priced in one.tariffs)
    return Recommendation(
        name,
        one.rule,
        one.subject,
        one.says.format(saving=monthly(guess.p50)),
        view.evidence.since,
        view.evidence.until,
        sample,
        guess.p10,
        guess.p50,
        guess.p90,
        guess.sure if exact else guess.sure * _NOT_EXACT // 100,
        one.risk,
        one.risks,
        one.changes,
        one.plan,
        one.share,
        one.scope,
        one.measure,
    )


def monthly(nano: int) -> str:
    """Return an amount a month in words."""
    return f"about {usd_text(nano - nano % 10_000 if nano > 10**6 else nano)} US dollars a month"


def cost_at(priced: Priced, usage: Usage) -> int:
    """Return what a usage costs at a price."""
    return int(cost_of(usage, priced.for_prompt(usage.prompt)))


def rows_by(view: View, *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Return the attempts by some of their fields."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in view.evidence.rows():
        groups.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
    return groups


def setting(view: View, *path: str | int) -> tuple[str | int, ...]:
    """Return where a setting of the plugin that asks providers stands."""
    return ("plugins", view.choices.plugin, *path)
