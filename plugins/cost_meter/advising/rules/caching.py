"""Equal intents that are asked again while an earlier answer could still be had."""

from collections.abc import Iterator

from proxy.api import Change

from ..recommendation import Finding, NoAdvice
from .terms import Proposal, View, found, setting

__all__ = ["caching"]

RULE = "cache"
_SUBJECT = "equal intents"


def caching(view: View) -> Iterator[Finding]:
    """Yield what earlier answers would have saved, where they are not used already."""
    choices = view.choices
    if choices.cache == "always":
        return
    savings, digested = _repeated(view)
    if not digested:
        yield NoAdvice(RULE, _SUBJECT, "attempts that tell which intents are equal")
        return
    if not savings:
        yield NoAdvice(RULE, _SUBJECT, f"an intent that was asked again, among {digested}")
        return
    before = choices.cache if "use" in (choices.cache_written or {}) else None
    part = len(savings) * 100 // digested
    yield found(
        view,
        Proposal(
            RULE,
            _SUBJECT,
            f"Use earlier answers: {len(savings)} of {digested} requests ({part} %) were asked "
            f"before, within {choices.cache_ttl:g} s. It saves {{saving}}, at least: repetitions "
            "that lie far apart are not all seen.",
            savings,
            "low",
            "Whoever asks the same again gets the same text, as long as it is kept.",
            "Watch the counter crossfade_orchestrator_cache_total, and whether users ask for "
            "another text more often.",
            (Change(setting(view, "cache", "use"), "always", before),),
            measure="hour",
        ),
    )


def _repeated(view: View) -> tuple[dict[str, int], int]:
    """Return what each repetition has cost, and how many requests tell what they are."""
    answered: dict[str, float] = {}
    workflows: dict[str, str] = {}
    savings: dict[str, int] = {}
    digested = 0
    for row in view.evidence.rows():
        if not row.digest:
            continue
        known = workflows.get(row.digest)
        own = known == row.workflow_id  # its further attempts repeat nothing
        digested += row.again == ""
        at = answered.get(row.digest)
        if at is not None and not own and row.at - at <= view.choices.cache_ttl:
            savings[row.id] = int(row.nano_usd)
        elif row.outcome == "answered":
            answered[row.digest] = row.settled
            workflows[row.digest] = row.workflow_id
    return savings, digested
