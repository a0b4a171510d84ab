"""Advice as operators see it: plain JSON, money as exact text."""

from collections.abc import Sequence
from typing import Any

from proxy.api import Change
from proxy.api.documents import usd_text
from proxy.api.endpoints import iso

from .advice import Looked
from .realising import Realised
from .recommendation import undoing
from .records import Record

__all__ = ["listed", "shown"]


def listed(records: Sequence[Record], looked: Looked) -> dict[str, Any]:
    """Return all recommendations in short, and what was looked for without one."""
    missing = [one._asdict() for one in looked.missing]
    return {
        "advice": [_short(one) for one in records],
        "notAdvised": missing,
        "lookedAt": iso(looked.at) if looked.at else None,
    }


def shown(record: Record) -> dict[str, Any]:
    """Return everything about one."""
    advice = record.advice
    undo = record.undo or undoing(advice.changes)
    changes = undoing(record.undo) or advice.changes  # as they were made, for so many users
    return _short(record) | {
        "evidence": {
            "since": iso(advice.since),
            "until": iso(advice.until),
            "attempts": advice.sample,
        },
        "risks": advice.risks,
        "plan": advice.plan,
        "changes": [_change(one) for one in changes],
        "undo": [_change(one) for one in undo],
        "realised": None if record.realised is None else _realised(record.realised),
        "promisedUsd": usd_text(record.promised),
        "measuredBy": advice.measure,
        "history": [{**line, "at": iso(line["at"])} for line in record.history],
    }


def _short(record: Record) -> dict[str, Any]:
    advice, realised = record.advice, record.realised
    return {
        "id": advice.id,
        "rule": advice.rule,
        "subject": advice.subject,
        "says": advice.says,
        "state": record.state,
        "at": iso(record.at) if record.at else None,
        "by": record.by,
        "share": record.share if record.state == "approved" else advice.share,
        "monthlyUsd": {
            "p10": usd_text(advice.p10),
            "p50": usd_text(advice.p50),
            "p90": usd_text(advice.p90),
        },
        "confidence": advice.confidence,
        "risk": advice.risk,
        "byHand": not advice.changes,
        "realisedUsd": None if realised is None else usd_text(realised.p50),
    }


def _change(change: Change) -> dict[str, Any]:
    return {"place": change.place, "before": change.before, "after": change.value}


def _realised(one: Realised) -> dict[str, Any]:
    return {
        "monthlyUsd": {
            "p10": usd_text(one.p10),
            "p50": usd_text(one.p50),
            "p90": usd_text(one.p90),
        },
        "beforeUsd": usd_text(one.before),
        "afterUsd": usd_text(one.after),
        "samples": list(one.samples),
        "days": round(one.seconds / 86_400, 2),
    }
