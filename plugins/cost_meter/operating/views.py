"""Rows of the ledger as operators see them."""

from typing import Any

from proxy.api.documents import usd_text
from proxy.api.endpoints import iso

from ..row import Row
from .reporting import row_named

__all__ = ["row_of"]


def row_of(row: Row) -> dict[str, Any]:
    """Return one row as plain data; money is exact US dollars, as text."""
    return {
        "id": row.id,
        "kind": row.kind,
        "ref": row.ref or None,
        "at": iso(row.at),
        "settled": iso(row.settled),
        "replica": row.replica,
        "user": row_named("user", row.user),
        "plan": row.plan or None,
        "route": row.route,
        "arm": row.arm,
        "provider": row.provider,
        "model": row.model,
        "deployment": row.deployment or None,
        "zone": row.zone or None,
        "tier": row.tier or None,
        "answeredAs": row.answered_as or None,
        "intent": row.intent,
        "workflowId": row.workflow_id or None,
        "requestId": row.request_id or None,
        "providerId": row.provider_id or None,
        "again": row.again or None,
        "outcome": row.outcome,
        "failure": row.failure or None,
        "milliseconds": round(row.seconds * 1000),
        "usage": {name: used for name, used in row.usage._asdict().items() if used},
        "usageSource": row.usage_source,
        "estimated": row.estimated,
        "usd": usd_text(row.nano_usd),
        "nanoUsd": str(row.nano_usd),
        "priceSource": row.price_source,
        "confidence": row.confidence,
        "book": row.book or None,
        "note": row.note or None,
    }
