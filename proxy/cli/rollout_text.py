"""How a rollout, as the admin listener tells it, is put into words and rows.

Everything that comes from outside (names, reasons) passes `printable`: a reason in the audit
must not be able to move a terminal's cursor.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.cli.tables import duration, when

__all__ = [
    "ARM_COLUMNS",
    "EVIDENCE_COLUMNS",
    "Rollout",
    "arm_rows",
    "bar",
    "evidence_rows",
    "headline",
    "notes",
    "phase_text",
    "plan_text",
    "position",
    "printable",
    "undecided",
]

Rollout = Mapping[str, Any]
"""A rollout in the shape of ``GET /v1/rollouts/{name}``."""

ARM_COLUMNS = ("arm", "requests/s", "errors", "4xx", "slow", "p50", "p95")
EVIDENCE_COLUMNS = (
    "evidence",
    "full: back to legacy",
    "log e",
    "callers who met it on legacy",
    "on new",
)

WINDOW_SECONDS = 60.0
"""What `arms` of a rollout covers."""

_LONGEST = 2000


def printable(value: object) -> str:
    """Return text on one line without control characters, cut where it is far too long."""
    text = "" if value is None else str(value)
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
    return shown + ("..." if len(text) > _LONGEST else "")


def bar(part: float, width: int = 20) -> str:
    """Return a bar of `width` that is filled to `part`, 0 to 1 (what is beyond is cut)."""
    filled = round(min(max(part, 0.0), 1.0) * width)
    return "#" * filled + "." * (width - filled)


def position(rollout: Rollout) -> str:
    """Return where the rollout stands, such as ``step 2 of 4, bake``."""
    standing = printable(rollout["standing"]).replace("_", " ")
    steps = _steps(rollout)
    step = rollout.get("step", -1)
    if 0 <= step < len(steps):
        return f"step {step + 1} of {len(steps)}, {standing}"
    return standing


def headline(rollout: Rollout) -> str:
    """Return the share and the position, such as ``25 % on new, step 2 of 4, bake``."""
    share, percentage = rollout["share"], rollout.get("percentage", rollout["share"])
    kept = f" (percentage {percentage:g})" if share != percentage else ""
    off = "" if rollout.get("enabled", True) else ", disabled"
    return f"{share:g} % on new, {position(rollout)}{kept}{off}"


def phase_text(rollout: Rollout) -> str:
    """Return how long the phase has been well and how long it still takes; may be empty."""
    if rollout["standing"] not in {"settle", "bake", "gate", "soak"}:
        return ""
    healthy, remaining = rollout.get("healthy") or 0.0, rollout.get("remaining")
    parts = [f"{duration(healthy)} well"] if healthy >= 1 else []
    parts += [f"{duration(remaining)} left"] if remaining is not None and remaining >= 1 else []
    return ", ".join(parts)


def plan_text(rollout: Rollout) -> str:
    """Return the steps of the plan with the one in force in brackets; empty without a plan."""
    step = rollout.get("step", -1)
    words = (f"{one['percentage']:g}" for one in _steps(rollout))
    return " > ".join(f"[{word}]" if at == step else word for at, word in enumerate(words))


def notes(rollout: Rollout) -> Iterator[str]:
    """Yield a sentence for everything that a person should know or do."""
    yield from _mark_notes(rollout)
    if rollout.get("latched"):
        yield (
            "Rolled back twice in 24 hours: nothing goes up before"
            f" `crossfade rollouts acknowledge {printable(rollout['name'])}`."
        )
    if rollout.get("cooldown_until"):
        yield (
            f"No ramp begins before {when(rollout['cooldown_until'])}, unless an admin says"
            f" `crossfade rollouts acknowledge {printable(rollout['name'])}`."
        )
    if rollout.get("unsafe_until"):
        yield f"The brake only watches until {when(rollout['unsafe_until'])}."
    if rollout.get("stale"):
        yield "The store is lost: nothing goes up until it is back, and this may be old."
    for waiting in rollout.get("waiting_for") or ():
        yield f"Waiting: {printable(waiting)}."
    verdict = rollout.get("verdict")
    if verdict and verdict["kind"] not in {"pass", "hold"} and not _is_marked(rollout, verdict):
        yield f"The brake says {printable(verdict['kind'])}: {printable(verdict['why'])}"


def undecided(rollout: Rollout) -> str:
    """Return what the brake still has to see before it can judge; empty if it can."""
    verdict = rollout.get("verdict")
    if not verdict or verdict["kind"] != "hold":
        return ""
    return f"The brake cannot tell yet: {printable(verdict['why'])}"


def _mark_notes(rollout: Rollout) -> Iterator[str]:
    for word, mark in (rollout.get("marks") or {}).items():
        if mark:
            yield f"{word.replace('_', ' ').capitalize()} {_marked(mark)}"
    for hold in rollout.get("holds") or ():
        parts = [f"{kind} {printable(hold[kind])}" for kind in ("route", "cohort") if hold[kind]]
        yield f"On legacy only for {', '.join(parts) or 'everybody'}: {_marked(hold)}"


def _is_marked(rollout: Rollout, verdict: Mapping[str, Any]) -> bool:
    """Return whether a mark says already what the verdict was."""
    marks = (rollout.get("marks") or {}).values()
    return any(mark and mark["why"] == verdict["why"] for mark in marks)


def _marked(mark: Mapping[str, Any]) -> str:
    return f"by {printable(mark['by'])} at {when(mark['at'])}: {printable(mark['why'])}"


def arm_rows(rollout: Rollout) -> Iterator[tuple[object, ...]]:
    """Yield a row of `ARM_COLUMNS` for each arm: the last minute."""
    for arm, seen in (rollout.get("arms") or {}).items():
        requests = seen["requests"]
        yield (
            printable(arm),
            f"{requests / WINDOW_SECONDS:.1f}",
            *(_rate(seen[what], requests) for what in ("errors", "client_errors", "slow")),
            _milliseconds(seen["p50"]),
            _milliseconds(seen["p95"]),
        )


def evidence_rows(rollout: Rollout) -> Iterator[tuple[object, ...]]:
    """Yield a row of `EVIDENCE_COLUMNS` for each metric; a full bar rolls back."""
    for metric, found in (rollout.get("evidence") or {}).items():
        if not isinstance(found, Mapping) or not found.get("bound"):
            continue
        log_e, bound = found.get("log_e") or 0.0, found["bound"]
        keys, active = found.get("keys") or {}, found.get("active") or {}
        yield (
            printable(metric).replace("_", " "),
            f"[{bar(log_e / bound)}]",
            f"{log_e:.1f} of {bound:.1f}",
            *(f"{keys.get(arm, 0):.0f} of {active.get(arm, 0):.0f}" for arm in ("legacy", "new")),
        )


def _steps(rollout: Rollout) -> list[Mapping[str, Any]]:
    plan = rollout.get("plan")
    return list(plan["steps"]) if plan else []


def _rate(count: int, requests: int) -> str | None:
    return f"{100 * count / requests:.2f} %" if requests else None


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds * 1000:.0f} ms"
