"""Which rule an intent meets: the operator's, or the ones below."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from proxy.api import WorkflowIntent

from ..settings import OrchestratorSettings, Rule

__all__ = ["DEFAULT_RULES", "Ruling", "complexity", "rules_of", "ruling"]

_LARGE = ("gpt-4o", "gpt-4o-mini")
_SMALL = ("gpt-4o-mini", "gpt-4o")
_AZURE = ("azure", "openai")
_OPENAI = ("openai", "azure")
_COMPLEX = 7

DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(types=("content_validation",), providers=_OPENAI, models=_LARGE),
    Rule(types=("campaign_execution",), multi_platform=True, providers=_AZURE, models=_LARGE),
    Rule(types=("campaign_execution",), providers=_OPENAI, models=_LARGE),
    Rule(types=("content_planning",), priority=("critical",), providers=_AZURE, models=_LARGE),
    Rule(types=("content_planning",), complexity=_COMPLEX, providers=_AZURE, models=_LARGE),
    Rule(types=("content_planning",), providers=_AZURE, models=_SMALL),
    Rule(types=("message_generation",), priority=("critical",), providers=_OPENAI, models=_LARGE),
    Rule(types=("message_generation",), complexity=_COMPLEX, providers=_OPENAI, models=_LARGE),
    Rule(types=("message_generation",), providers=_OPENAI, models=_SMALL),
)
"""Without rules of the operator's: plans go to Azure, and campaigns for several platforms;
everything else goes to OpenAI. What is checked, carried out, critical or complex gets the
larger model. Where only one kind or one model is deployed, it does everything."""

_FEW_KEYS = 5
_PLACES = 100_000
"""Users are told apart by so many places, of which a share takes the first ones."""


class Ruling(NamedTuple):
    """The rule that fits, and what it is called."""

    rule: Rule
    name: str
    """``rule 3``, counted from 1."""


def complexity(intent: WorkflowIntent) -> int:
    """Return how demanding an intent is, 3..10: by platforms, priority and amount of data."""
    points = 3
    points += 2 * intent.requires_multi_platform
    points += len(intent.platforms) > 2
    points += 2 * (intent.priority == "critical")
    points += len(intent.data) > _FEW_KEYS
    return min(10, points)


def rules_of(settings: OrchestratorSettings) -> tuple[Rule, ...]:
    """Return the operator's rules, or the default ones for the models that are declared."""
    if settings.rules:
        return settings.rules
    models = {one.model for one in settings.deployments.values()}
    return tuple(
        rule.model_copy(update={"models": tuple(one for one in rule.models if one in models)})
        for rule in DEFAULT_RULES
    )


def ruling(intent: WorkflowIntent, rules: Sequence[Rule], user: str = "") -> Ruling:
    """Return the first rule that fits; where none does, one that allows everything.

    `user` is somebody for whose id somebody vouches; empty: nobody is.
    """
    points = complexity(intent)
    for number, rule in enumerate(rules, 1):
        if _fits(rule, intent, points) and _shares(rule, user):
            return Ruling(rule, f"rule {number}")
    return Ruling(Rule(), "no rule")


def _fits(rule: Rule, intent: WorkflowIntent, points: int) -> bool:
    return (
        (not rule.types or intent.type in rule.types)
        and rule.multi_platform in (None, intent.requires_multi_platform)
        and (not rule.priority or intent.priority in rule.priority)
        and (rule.complexity is None or points >= rule.complexity)
    )


def _shares(rule: Rule, user: str) -> bool:
    """Whether a user is among those that a rule is for.

    The key is the rule itself: two rules take different users, and one whose share grows keeps
    those that it had.
    """
    if rule.share >= 100:
        return True
    if not user:
        return False
    key = blake2b(rule.model_dump_json(exclude={"share"}).encode(), digest_size=32).digest()
    drawn = int.from_bytes(blake2b(user.encode(), digest_size=8, key=key).digest())
    return drawn * _PLACES >> 64 < round(rule.share * _PLACES / 100)
