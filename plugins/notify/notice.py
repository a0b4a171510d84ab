"""An alert as it is kept and sent: every part within bounds, whoever has raised it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, cast, get_args

import orjson

from proxy.api import Alert

from .measuring import measured_text

__all__ = [
    "RANK",
    "SEVERITIES",
    "Notice",
    "Severity",
    "notice_of",
    "read_notice",
    "text_of",
    "written",
]

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
RANK: Mapping[str, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
"""How grave a severity is: 0 is the least."""

_NAME: Final = 64
_SUBJECT: Final = 200
_TEXT: Final = 2000
_IDENTITY: Final = 200
_USER: Final = 1024


class Notice(NamedTuple):
    """What is to be told."""

    id: str
    """The alert's; what resolves one has an id of its own."""
    identity: str
    """What tells this alert from others; no user can be read in it."""
    name: str
    subject: str
    text: str
    severity: Severity
    user: str
    """Whose it is; empty: everybody's."""
    at: float
    """Unix seconds when it was raised."""
    resolves: bool = False
    measured: str = ""
    """What it compares, as `measured_text` writes it; empty: nothing."""


def notice_of(alert: Alert, made_id: str, now: float) -> Notice:
    """Return an alert within bounds; an unknown severity is a warning. `now` in Unix seconds."""
    known = alert.severity in SEVERITIES
    severity = cast("Severity", alert.severity) if known else "warning"
    return Notice(
        made_id,
        _identity(alert),
        text_of(alert.name, _NAME),
        text_of(alert.subject, _SUBJECT),
        text_of(alert.text, _TEXT),
        severity,
        alert.user.encode("utf-8", "replace").decode()[:_USER],  # as identities spell users
        now,
        alert.resolves,
        measured_text(alert.measured),
    )


def written(notice: Notice) -> bytes:
    """Return a notice as JSON, as stores keep it."""
    return orjson.dumps(notice._asdict())


def read_notice(text: bytes | str) -> Notice:
    """Read what `written` has made, of a newer version too, as far as it is known here.

    Raises ValueError, TypeError for anything else.
    """
    found: dict[str, Any] = orjson.loads(text)
    return Notice(**{name: value for name, value in found.items() if name in Notice._fields})


def text_of(text: str, most: int) -> str:
    """Return at most so many characters of a text, without any that control something."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join(one if one.isprintable() or one == "\n" else " " for one in cut)


def _identity(alert: Alert) -> str:
    """Return the identity; a digest of one that is long, or may name a user."""
    said = alert.identity
    if not alert.user and len(said) <= _IDENTITY and said.isprintable():
        return said
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
