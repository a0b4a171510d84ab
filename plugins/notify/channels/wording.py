"""An alert in words, for people."""

from datetime import UTC, datetime
from typing import Final

from ..notice import Notice
from .channel import Told

__all__ = ["LISTED", "body_of", "line_of", "title_of"]

LISTED: Final = 20
"""So many alerts a summary names."""


def title_of(told: Told) -> str:
    """Return a message in a line: ``CRITICAL plugin_quarantined: notify``."""
    if not told.summary:
        return line_of(told, told.notices[0])
    grave = sum(one.severity == "critical" and not one.resolves for one in told.notices)
    over = sum(one.resolves for one in told.notices)
    parts = [f"{len(told.notices)} alerts"]
    parts += [f"{grave} critical"] if grave else []
    parts += [f"{over} resolved"] if over else []
    return ", ".join(parts)


def line_of(told: Told, notice: Notice) -> str:
    """Return one alert in a line."""
    action = told.action(notice)
    word = notice.severity.upper() if action == "raised" else action.upper()
    return f"{word} {notice.name}: {' '.join(notice.subject.split())}"


def body_of(told: Told) -> str:
    """Return what is said below the title."""
    if not told.summary:
        return told.notices[0].text
    lines = [f"{_clock(one.at)}  {line_of(told, one)}" for one in told.notices[:LISTED]]
    left = len(told.notices) - LISTED
    if left > 0:
        lines.append(f"and {left} more: GET /api/v2/alerts lists them all")
    return "\n".join(lines)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
