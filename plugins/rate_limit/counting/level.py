"""The kind LEVEL, see `ways.Way`: GCRA in level form.

A bucket holds for each period what is owed, and when it was. What is owed is kept times the
period, so that it drains by the limit in each microsecond and stays a whole number. By period,
since that is what the number means: under a changed limit or name it is still owed.
"""

from ..claims import EXACT, NEVER, Claim, Reading
from .buckets import Record
from .stamps import reading

__all__ = ["add", "fresh", "kept", "readings", "refund", "restore", "waits"]

_OWED = 2
_NOTHING = (0, 0)


def fresh() -> Record:
    """Return a bucket in which nothing is owed."""
    return [0, 0, {}]


def waits(record: Record, claim: Claim, ticket: str, now: int) -> list[int]:  # noqa: ARG001 - as all
    """Return the waits of a claim."""
    found = []
    levels, cost = record[_OWED], claim.cost
    for _, limit, period, burst in claim.windows:
        owed, at = levels.get(period, _NOTHING)
        over = max(owed - (now - at) * limit, 0) - (burst - cost) * period
        if over <= 0:
            found.append(0)
        else:
            found.append(NEVER if cost > burst else -(-over // limit))
    return found


def readings(record: Record, claim: Claim, waits: list[int], now: int) -> tuple[Reading, ...]:
    """Return how each window stands."""
    found = []
    levels = record[_OWED]
    for (_, limit, period, burst), wait in zip(claim.windows, waits, strict=True):
        owed, at = levels.get(period, _NOTHING)
        owed -= (now - at) * limit
        if owed <= 0:
            found.append(reading((burst, 0, wait)))
            continue
        left = burst * period - owed
        remaining = left // period if left > 0 else 0
        # There is one more when what is left is another whole unit.
        found.append(reading((remaining, -(((-1 - remaining) * period + left) // limit), wait)))
    return tuple(found)


def add(record: Record, claim: Claim, ticket: str, now: int) -> int:  # noqa: ARG001 - as all
    """Owe the claim's cost."""
    return _change(record, claim, claim.cost, now)


def refund(record: Record, claim: Claim, ticket: str, now: int) -> None:  # noqa: ARG001 - as all
    """Owe the claim's cost less."""
    _change(record, claim, -claim.cost, now)


def kept(record: Record, claim: Claim, ticket: str) -> list[tuple[str, int, int]]:  # noqa: ARG001
    """Return what is owed of each period, and when it was."""
    found = []
    for window in claim.windows:
        owed, at = record[_OWED].get(window.period, _NOTHING)
        found.append((str(window.period), at, owed))
    return found


def restore(record: Record, name: str, at: int, units: int) -> None:
    """Put back what is owed of a period."""
    record[_OWED].setdefault(int(name), (units, at))


def _change(record: Record, claim: Claim, cost: int, now: int) -> int:
    """Change what is owed; return for how long it matters.

    As long as a full bucket drains, so that there are few different lifetimes; of debt, up to
    twice as long as that. Debt of which a fleet could not keep the exact number is cut there.
    """
    levels = record[_OWED]
    lifetime = 0
    for _, limit, period, burst in claim.windows:
        owed, at = levels.get(period, _NOTHING)
        owed -= (now - at) * limit
        owed = (owed if owed > 0 else 0) + cost * period
        levels[period] = (min(owed, EXACT) if owed > 0 else 0, now)
        full = burst * period
        drained = full // limit + 1 if owed <= full else 1 << (owed // limit).bit_length()
        if drained > lifetime:
            lifetime = drained
    return lifetime
