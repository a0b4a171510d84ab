"""What a recommendation is, and how it is kept: plain values, with exact changes."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple

import orjson

from proxy.api import Change

from ..row import Dimension

__all__ = [
    "Finding",
    "Measure",
    "NoAdvice",
    "Recommendation",
    "Risk",
    "changes_of",
    "from_document",
    "identity",
    "percent",
    "to_document",
    "to_documents",
    "undoing",
]

Risk = Literal["low", "medium", "high"]

Measure = Literal["answer", "hour", "none"]
"""By what a saving can be seen afterwards: the cost of an answer, or of an hour; or not at all."""


class Recommendation(NamedTuple):
    """Something that would be cheaper. Amounts in nano-USD a month of 30 days."""

    id: str
    rule: str
    subject: str
    """What it is about: a deployment, a model, an intent."""
    says: str
    """What to do and why, in a sentence or two."""
    since: float
    until: float
    """The evidence's window, in Unix seconds."""
    sample: int
    """Attempts in the evidence that it is about."""
    p10: int
    p50: int
    p90: int
    """Saved with nine, five and one chance in ten, if all follow it."""
    confidence: int
    """Percent: how sure it is that anything is saved."""
    risk: Risk
    risks: str
    """What may get worse, in words."""
    changes: tuple[Change, ...]
    """What it changes in the configuration; none: it is done by hand."""
    plan: str
    """How to try it, and what to look at."""
    share: float = 100.0
    """On how many users it is tried first, in percent. 100: it cannot be tried on a part."""
    scope: Mapping[Dimension, str] = {}
    """Which costs it is about."""
    measure: Measure = "answer"


class NoAdvice(NamedTuple):
    """Something that was looked for, and what is missing to say more."""

    rule: str
    subject: str
    missing: str


Finding = Recommendation | NoAdvice


def identity(rule: str, subject: str) -> str:
    """Return an id that is the same whenever the same is found, such as ``cache-1f0a9b3c``."""
    return f"{rule}-{blake2b(f'{rule} {subject}'.encode(), digest_size=4).hexdigest()}"


def undoing(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return what takes changes back."""
    return tuple(Change(one.path, one.before, one.value) for one in reversed(changes))


def to_document(one: Recommendation) -> dict[str, Any]:
    """Return it as JSON values."""
    return one._asdict() | {"changes": to_documents(one.changes), "scope": dict(one.scope)}


def from_document(document: Mapping[str, Any]) -> Recommendation:
    """Read what `to_document` has made."""
    known = {name: document[name] for name in Recommendation._fields if name in document}
    return Recommendation(**known | {"changes": changes_of(document["changes"])})


def to_documents(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return changes as JSON values; what they hold is text, so that its keys keep their order."""
    return [
        {
            "path": list(one.path),
            "value": orjson.dumps(one.value).decode(),
            "before": orjson.dumps(one.before).decode(),
            "written": one.written,
        }
        for one in changes
    ]


def changes_of(documents: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """Read what `to_documents` has made."""
    return tuple(
        Change(
            tuple(one["path"]),
            orjson.loads(one["value"]),
            orjson.loads(one["before"]),
            one["written"],
        )
        for one in documents
    )


def percent(share: float) -> float | int:
    """Return a share as it is written: 5 and not 5.0."""
    return int(share) if share == int(share) else share
