"""What has come of one try to deliver a message."""

from math import isfinite
from typing import Literal, NamedTuple

from proxy.api.limits import Standing

__all__ = ["Delivery", "Outcome", "closed_for"]

Outcome = Literal[
    "sent",
    "throttled",  # put off: by a limit, or by the platform; no attempt
    "retrying",  # it failed, and is tried again
    "dead",
    "uncertain",  # nobody knows whether it was sent
    "lost",  # it is ours no more, or the store could not be told: the record says how it stands
]


class Delivery(NamedTuple):
    """What has come of it; the record of the message says the same."""

    outcome: Outcome
    until: float = 0.0
    """Unix seconds of the next try, where there is one."""
    standing: Standing | None = None
    """What the limits said, where they were asked."""
    code: str = ""
    """As in `Record.code`."""
    platform_id: str = ""
    rest: float = 0.0
    """Seconds for which no other message could go either, of whomever."""


def closed_for(standing: Standing, known: frozenset[str]) -> float:
    """Return for how many seconds nothing goes that has the same values of `known` facts.

    Of the windows that refuse, those count that depend on nothing else; 0 if there are none.
    """
    waits = (window.wait for window in standing.windows if window.depends <= known)
    return max((wait for wait in waits if isfinite(wait)), default=0.0)
