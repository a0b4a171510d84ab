"""What in the settings does not fit together: each with its place, and what is wanted there."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from proxy.api.settings import Misfit

from .words import words_of

if TYPE_CHECKING:
    from .settings import OrchestratorSettings

__all__ = ["misfits"]

_KEY = "[key]"
"""The last step of a place that is a mapping's key, and not its value."""

_WHOLE_CALL = re.compile(r"/openai/deployments\b.*|/chat/completions/?$")
"""What is added to an endpoint, where somebody has copied it with the endpoint."""

_MOST_NAMED = 20
_OPENAI = "https://api.openai.com/v1"


def misfits(settings: "OrchestratorSettings") -> Iterator[Misfit]:
    """Yield all that does not fit, in the order of the settings."""
    yield from _providers(settings)
    yield from _deployments(settings)
    yield from _models(settings)
    yield from _limits(settings)
    yield from _scoring(settings)


def _providers(settings: "OrchestratorSettings") -> Iterator[Misfit]:
    for name, provider in settings.providers.items():
        if provider.kind == "azure" and provider.endpoint == _OPENAI:
            yield (
                ("providers", name, "endpoint"),
                "the endpoint of your Azure resource, such as https://NAME.openai.azure.com",
            )
        found = _WHOLE_CALL.search(provider.endpoint)
        if found is not None:
            yield (
                ("providers", name, "endpoint"),
                f"what stands before {found[0]}; deployment and api_version have keys of their own"
                if provider.kind == "azure"
                else f"what stands before {found[0]}: that is added",
            )


def _deployments(settings: "OrchestratorSettings") -> Iterator[Misfit]:
    kinds = {name: provider.kind for name, provider in settings.providers.items()}
    deployments = settings.deployments.items()
    for name, one in deployments:
        if one.provider not in kinds:
            yield ("deployments", name, "provider"), _one_of(one.provider, kinds)
        elif one.deployment is not None and kinds[one.provider] != "azure":
            yield (
                ("deployments", name, "deployment"),
                f"a provider of the kind azure for it, which {one.provider} is not; leave it out",
            )
    if all(one.weight == 0 for _, one in deployments):
        yield (
            ("deployments",),
            "a weight above 0 for one of them at least: 0 means after all others",
        )
    if settings.billing_lock and all(kinds.get(one.provider) == "azure" for _, one in deployments):
        yield ("billing_lock",), "false, or a deployment that is not at Azure: nobody is left"


def _models(settings: "OrchestratorSettings") -> Iterator[Misfit]:
    """Models that no deployment has, wherever they are named."""
    known = tuple(dict.fromkeys(one.model for one in settings.deployments.values()))
    for place, model in _named(settings):
        if model not in known:
            yield place, _one_of(model, known)
    for setting, degree in (("larger_model", "larger"), ("cheaper_model", "cheaper")):
        named: dict[str, str] = getattr(settings, setting)
        for model, other in named.items():
            if other in known and _leads_back(model, named):
                yield (setting, model), f"a {degree} model: this one leads back to where it began"
    for model, others in settings.other_model.items():
        if model in others:
            where = ("other_model", model, others.index(model))
            yield where, "another model than the one it stands in for"


def _named(settings: "OrchestratorSettings") -> Iterator[tuple[tuple[str | int, ...], str]]:
    for number, rule in enumerate(settings.rules):
        for place, model in enumerate(rule.models):
            yield ("rules", number, "models", place), model
    for setting in ("larger_model", "cheaper_model"):
        for model, other in getattr(settings, setting).items():
            yield (setting, model, _KEY), model
            yield (setting, model), other
    for model, others in settings.other_model.items():
        yield ("other_model", model, _KEY), model
        for place, other in enumerate(others):
            yield ("other_model", model, place), other


def _limits(settings: "OrchestratorSettings") -> Iterator[Misfit]:
    if settings.breaker.open_most < settings.breaker.open:
        yield ("breaker", "open_most"), "at least as long as breaker.open"
    if settings.hedge.enabled and settings.retry.attempts < 2:
        yield ("hedge", "enabled"), "retry.attempts of at least 2, since a hedge is an attempt"


def _scoring(settings: "OrchestratorSettings") -> Iterator[Misfit]:
    for place, term in enumerate(settings.scoring.banned):
        if not words_of(term):
            yield ("scoring", "banned", place), "a term with letters, digits or signs"
    for where, text in settings.scoring.disclosures.items():
        if not words_of(text):
            yield ("scoring", "disclosures", where), "a text with letters, digits or signs"


def _leads_back(model: str, named: dict[str, str]) -> bool:
    seen = set()
    at: str | None = model
    while at is not None and at not in seen:
        seen.add(at)
        at = named.get(at)
    return at == model


def _one_of(said: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(said, names, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{'one of ' if len(names) > 1 else ''}{', '.join(names[:_MOST_NAMED])}{more}{hint}"
