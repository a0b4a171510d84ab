"""What a comparison with a bill has found, as plain data."""

from collections.abc import Iterable
from typing import Any

from proxy.api.documents import usd_text
from proxy.api.endpoints import iso

from ..ratios import share
from ..reconciling.comparing import Differing, Drift, Side
from ..reconciling.reconciling import Posted, Reconciliation

__all__ = ["SHOWN_MOST", "posted_of", "reconciliation_of"]

SHOWN_MOST = 200
"""So many of each are shown; all are counted."""


def reconciliation_of(found: Reconciliation) -> dict[str, Any]:
    """Return it; `differs` says whether anything does."""
    drifts = [one for one in found.drifts if _differs(one)]
    return {
        "since": iso(found.since),
        "until": iso(found.until),
        "byAttempt": found.is_by_attempt,
        "lines": found.lines,
        "skipped": found.skipped,
        "differs": bool(drifts or found.differing or found.problems),
        "days": len(found.drifts),
        "daysDiffering": len(drifts),
        "bookedUsd": usd_text(_sum(one.booked for one in found.drifts)),
        "billedUsd": _billed(one.billed for one in found.drifts),
        "drifts": [_drift(one) for one in drifts[:SHOWN_MOST]],
        "attemptsDiffering": len(found.differing),
        "attempts": [_attempt(one) for one in found.differing[:SHOWN_MOST]],
        "unnamed": list(found.unnamed[:SHOWN_MOST]),
        "problemsInAll": len(found.problems),
        "problems": [{"line": one.line, "says": one.says} for one in found.problems[:SHOWN_MOST]],
    }


def posted_of(posted: Posted) -> dict[str, Any]:
    """Return what was corrected, and how it stood before."""
    return {
        **reconciliation_of(posted.found),
        "corrections": posted.rows,
        "written": posted.written,
        "correctedUsd": usd_text(posted.nano_usd),
    }


def _differs(one: Drift) -> bool:
    tokens = one.tokens
    return bool(one.nano_usd) or (tokens is not None and any(tokens))


def _drift(one: Drift) -> dict[str, Any]:
    booked = 0 if one.booked is None else one.booked.nano_usd or 0
    nano, tokens = one.nano_usd, one.tokens
    part = None if nano is None else share(nano, booked)
    return {
        "day": iso(one.day)[:10],
        "provider": one.provider,
        "model": one.model,
        "bookedUsd": _usd(one.booked),
        "billedUsd": _usd(one.billed),
        "driftUsd": None if nano is None else usd_text(nano),
        "driftPercent": None if part is None else f"{part.scaleb(2):f}",
        "driftTokens": None if tokens is None else tokens._asdict(),
    }


def _attempt(one: Differing) -> dict[str, Any]:
    return {
        "id": one.id,
        "booked": None if one.attempt is None else usd_text(one.attempt.nano_usd),
        "billed": None if one.billed is None else usd_text(one.billed),
        "line": None if one.line is None else one.line.line,
        "estimated": None if one.attempt is None else one.attempt.row.estimated,
    }


def _usd(side: Side | None) -> str | None:
    return None if side is None or side.nano_usd is None else usd_text(side.nano_usd)


def _billed(sides: Iterable[Side | None]) -> str | None:
    """Return what was billed in all; None where some lines have no cost."""
    told = [side for side in sides if side is not None]
    return None if any(side.nano_usd is None for side in told) else usd_text(_sum(told))


def _sum(sides: Iterable[Side | None]) -> int:
    return sum(side.nano_usd or 0 for side in sides if side is not None)
