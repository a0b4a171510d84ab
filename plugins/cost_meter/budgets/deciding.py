"""What a budget says to an attempt, and of itself. Arithmetic only, in whole nano-USD."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from .declaring import Action

__all__ = [
    "NO_CAP",
    "Blocked",
    "Burn",
    "Gate",
    "Severity",
    "blocked",
    "burn",
    "cap",
    "fallen",
    "gates_of",
    "percent",
    "reached",
    "severity",
    "warns_from",
]

NO_CAP: Final = -1
"""Stands for the cap of a budget that holds nothing up."""

HYSTERESIS: Final = 5
"""So many points below a threshold it counts as left."""

Severity = Literal["info", "warning", "critical"]
Blocked = Literal["cheaper_model", "queue", "reject"]


class Gate(NamedTuple):
    """An action that holds up what would bring a budget above so many percent."""

    percent: int
    action: Blocked


def gates_of(actions: Mapping[int, Action]) -> tuple[Gate, ...]:
    """Return what holds up, the lowest first."""
    found: list[Gate] = []
    for at, action in sorted(actions.items()):
        if action == "cheaper_model" or action == "queue" or action == "reject":
            found.append(Gate(at, action))
    return tuple(found)


def cap(gates: Iterable[Gate], limit: int, *, cheaper: bool) -> int:
    """Return what may be spent, held back and asked for together; `NO_CAP` where that is no matter.

    `cheaper`: whether a cheaper model could be asked; else none is sent there.
    """
    for gate in gates:
        if cheaper or gate.action != "cheaper_model":
            return limit * gate.percent // 100
    return NO_CAP


def blocked(
    gates: Iterable[Gate], limit: int, held: int, amount: int, *, cheaper: bool
) -> Blocked | None:
    """Return what is done with an attempt; None: it may be sent.

    `held` is what is spent and held back. The highest gate counts that is reached without this
    attempt. Where it is the attempt alone that does not fit, a cheaper model may.
    """
    told: Blocked | None = None
    for gate in gates:
        if gate.action == "cheaper_model" and not cheaper:
            continue
        most = limit * gate.percent // 100
        if held + amount <= most:
            break
        if told == "cheaper_model" and held < most:
            break
        told = gate.action
    return told


def percent(spent: int, limit: int) -> int:
    """Return how much of a limit is spent, in percent, rounded down; never below 0."""
    return max(0, spent * 100 // limit)


def reached(thresholds: Iterable[int], spent: int, limit: int) -> tuple[int, ...]:
    """Return the thresholds that are reached, the lowest first."""
    return tuple(sorted([at for at in thresholds if spent * 100 >= at * limit]))


def fallen(threshold: int, spent: int, limit: int) -> bool:
    """Return whether a threshold that was reached is left so far behind that it counts anew."""
    return spent * 100 < (threshold - HYSTERESIS) * limit


def warns_from(actions: Mapping[int, Action], limit: int) -> int | None:
    """Return from what amount on answers say that the budget is nearly spent; None: they never do.

    That is the lowest action that does more than to observe.
    """
    lowest = min((at for at, what in actions.items() if what != "observe"), default=None)
    return None if lowest is None else -(-lowest * limit // 100)


def severity(threshold: int) -> Severity:
    """Return how bad it is that a threshold is reached."""
    if threshold < 80:
        return "info"
    return "warning" if threshold < 95 else "critical"


class Burn(NamedTuple):
    """How fast a budget is spent, in percent of a pace that just lasts its whole time."""

    hour: int
    six_hours: int

    @property
    def lasts(self) -> bool:
        """Whether it is faster than the budget bears, now and for a while already."""
        return self.hour > 100 and self.six_hours > 100


def burn(last_hour: int, last_six: int, limit: int, seconds: float) -> Burn:
    """Return the pace of what was spent in the last hour and the last six.

    `limit` may be spent in `seconds`.
    """
    whole = round(seconds)
    return Burn(
        last_hour * whole * 100 // (limit * 3600), last_six * whole * 100 // (limit * 21600)
    )
