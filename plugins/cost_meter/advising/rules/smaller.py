"""A cheaper model for an intent whose prompts and answers are short: first for a few users."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from proxy.api import Change, Deployed
from proxy.api.workflows import WorkflowType

from ...row import Row
from ..recommendation import Finding, NoAdvice, percent
from .terms import Proposal, View, cost_at, found, rows_by, setting

__all__ = ["smaller"]

RULE = "model"
_PROMPT = 1000
_ANSWER = 300
_SIMPLE_PERCENT = 90
_NOT_CRITICAL = ["low", "medium", "high"]


def smaller(view: View) -> Iterator[Finding]:
    """Yield what is known of each intent and model for which there is a cheaper model."""
    for (intent, model, zone), rows in rows_by(view, "intent", "model", "zone").items():
        rule = _rule_of(view, intent)
        if intent not in get_args(WorkflowType) or _is_tried(view, intent, model):
            continue
        best = _cheapest(view, model, zone, rule.get("providers") or (), rows)
        if best is None:
            continue
        other, savings, tariff = best
        simple = sum(map(_is_simple, rows)) * 100 // len(rows)
        subject = f"{intent}: {other.model} for {model}"
        if simple < _SIMPLE_PERCENT:
            yield NoAdvice(
                RULE,
                subject,
                f"{simple} % of attempts are short (prompts up to {_PROMPT} tokens, answers up to "
                f"{_ANSWER}); {_SIMPLE_PERCENT} % are wanted",
            )
            continue
        yield found(
            view,
            Proposal(
                RULE,
                subject,
                f"Ask {other.model} for {intent}, which is short in {simple} % of attempts, "
                f"instead of {model}. For all users it saves {{saving}}; begin with some of them.",
                savings,
                "medium",
                f"{other.model} may write worse; critical work stays with {model}.",
                f"Begin with {view.wanted.trial:g} % of users for a week. Compare quality and "
                "compliance of the workflows, repeated requests, and failures of the two models; "
                "then take all users (`crossfade advice approve ID --share 100`), or undo it.",
                (_first_rule(view, intent, model, other.model, rule),),
                share=view.wanted.trial,
                scope={"intent": intent},
                tariffs=(tariff,),
            ),
        )


def _cheapest(
    view: View, model: str, zone: str, kinds: Sequence[str], rows: Sequence[Row]
) -> tuple[Deployed, Mapping[str, int], Any] | None:
    """Return where the same attempts would have cost least, and what each would have saved."""
    best, least = None, 0
    for one in view.choices.deployments:
        tariff = view.tariffs.get((one.name, False))
        if tariff is None or one.model == model or one.zone != zone or not one.weight:
            continue
        if kinds and one.provider not in kinds:
            continue
        savings = {row.id: _cost(view, row) - cost_at(tariff, row.usage) for row in rows}
        if sum(savings.values()) > least:
            best, least = (one, savings, tariff), sum(savings.values())
    return best


def _cost(view: View, row: Row) -> int:
    """Return what an attempt costs now; where that is not known, what it has cost."""
    tariff = view.tariffs.get((row.deployment, False))
    return int(row.nano_usd) if tariff is None else cost_at(tariff, row.usage)


def _is_simple(row: Row) -> bool:
    used = row.usage
    return (
        used.prompt <= _PROMPT
        and used.completion <= _ANSWER
        and not (used.output_reasoning or used.input_audio or used.input_image or used.searches)
    )


def _rule_of(view: View, intent: str) -> Mapping[str, Any]:
    """Return the rule that an intent meets first, as far as its type says."""
    for rule in view.choices.rules:
        if not rule.get("types") or intent in rule["types"]:
            return rule
    return {}


def _is_tried(view: View, intent: str, model: str) -> bool:
    """Whether a rule tries another model for some of the users already."""
    return any(
        intent in rule.get("types", ()) and rule.get("share", 100) < 100 and model in rule["models"]
        for rule in view.choices.rules
        if rule.get("models")
    )


def _first_rule(view: View, intent: str, model: str, other: str, rule: Mapping[str, Any]) -> Change:
    """Return what puts a rule before all others; it widens nothing but the model."""
    new: dict[str, Any] = {"types": [intent], "priority": _NOT_CRITICAL}
    if rule.get("providers"):
        new["providers"] = list(rule["providers"])
    new |= {"models": [other, model], "share": percent(view.wanted.trial)}
    if view.choices.rules_written:
        return Change(setting(view, "rules", 0), new)
    return Change(setting(view, "rules"), [new, *map(dict, view.choices.rules)])
