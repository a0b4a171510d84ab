"""How long answers may be, by how long they are: what is reserved and never used."""

from collections.abc import Iterator
from math import ceil, sqrt

from proxy.api import Change

from ..evidence import share_between
from ..recommendation import Finding, NoAdvice, Recommendation, identity
from .terms import View, setting

__all__ = ["trimming"]

RULE = "length"
_SUBJECT = "max_tokens"
_LEAST = 500
_ROOM = 1.25
_STEP = 64
_WORTH = 0.7
_CUT_MOST = 0.01
_SURE = 99


def trimming(view: View) -> Iterator[Finding]:
    """Yield a lower bound for answers, where they are much shorter than they may be."""
    longest = sorted(
        row.usage.completion
        for row in view.evidence.rows()
        if row.outcome == "answered" and not row.estimated
    )
    limit, sample = view.choices.max_tokens, len(longest)
    least = max(view.wanted.min_sample, _LEAST)
    if sample < least:
        yield NoAdvice(RULE, _SUBJECT, f"{sample} answers of known length; {least} are wanted")
        return
    if share_between(sum(one >= limit for one in longest), sample)[1] > _CUT_MOST:
        missing = f"answers that end by themselves: some are cut at {limit} tokens"
        yield NoAdvice(RULE, _SUBJECT, missing)
        return
    bound = longest[min(_rank(sample), sample - 1)]
    wanted = ceil(max(bound * _ROOM, 1) / _STEP) * _STEP
    if wanted > limit * _WORTH:
        return
    before = limit if view.choices.max_tokens_written else None
    yield Recommendation(
        identity(RULE, _SUBJECT),
        RULE,
        _SUBJECT,
        f"Let answers have {wanted} tokens instead of {limit}: 99 % of {sample} answers had "
        f"{bound} at most. It saves no money by itself: each attempt reserves {limit - wanted} "
        "tokens less, of budgets and of the provider's tokens per minute.",
        view.evidence.since,
        view.evidence.until,
        sample,
        p10=0,
        p50=0,
        p90=0,
        confidence=_SURE,
        risk="medium",
        risks="Of a hundred answers about one or fewer is cut, and asked for again or refused.",
        changes=(Change(setting(view, "max_tokens"), wanted, before),),
        plan="Watch failures of the kind `length`, and answers that are no valid documents.",
        measure="none",
    )


def _rank(sample: int) -> int:
    """Return which of so many sorted values is above the 99th percentile, with 97.5 %."""
    return ceil(0.99 * sample + 1.96 * sqrt(sample * 0.99 * 0.01))
