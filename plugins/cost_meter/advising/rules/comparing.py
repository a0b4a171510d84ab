"""Which of two deployments brings fewer answers, by what they were both asked for."""

from collections.abc import Sequence
from typing import NamedTuple

from ...row import Row
from ..evidence import share_between

__all__ = ["Worse", "is_lost", "worse"]

_TIMES = 2
_ENOUGH = 30
"""With fewer attempts at either, an intent tells nothing of the two."""


class Worse(NamedTuple):
    """That one of two deployments fails far more."""

    intents: frozenset[str]
    """The intents for which it does."""
    mine: tuple[Row, ...]
    """Its attempts for them."""
    theirs: tuple[Row, ...]
    """Those of the other one."""


def is_lost(row: Row) -> bool:
    """Whether an attempt has brought no answer."""
    return row.outcome != "answered"


def worse(mine: Sequence[Row], theirs: Sequence[Row]) -> Worse | None:
    """Return for what so many more of `mine` bring no answer that it is no chance; None: nothing.

    Each intent is looked at by itself, as far as both were asked for it: who is asked for what is
    hard fails more often, and is no worse for that.
    """
    intents = frozenset(row.intent for row in mine) & {row.intent for row in theirs}
    known = frozenset(one for one in intents if _is_worse(_of(one, mine), _of(one, theirs)))
    if not known:
        return None
    both = (tuple(row for row in rows if row.intent in known) for rows in (mine, theirs))
    return Worse(known, *both)


def _of(intent: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.intent == intent]


def _is_worse(mine: Sequence[Row], theirs: Sequence[Row]) -> bool:
    if min(len(mine), len(theirs)) < _ENOUGH:
        return False
    least = share_between(sum(map(is_lost, mine)), len(mine))[0]
    return least > _TIMES * share_between(sum(map(is_lost, theirs)), len(theirs))[1]
