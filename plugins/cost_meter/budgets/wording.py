"""What is told of budgets: to whoever is refused, in headers, to persons. Text only."""

from datetime import datetime
from math import ceil
from typing import Final, Literal
from zoneinfo import ZoneInfo

from ..dollars import dollars
from .deciding import Burn, percent
from .matching import Place

__all__ = ["CLOSED", "Why", "alert_text", "refusal", "warning"]

Why = Literal["never", "held", "spent"]
"""What is in the way: the amount by itself, what is held back, what is spent."""

CLOSED: Final = (
    "Nobody can tell at the moment what is spent already, and nothing is sent until then; "
    "come again soon."
)


def refusal(place: Place, spent: int, why: Why, opens: float, zone: str) -> str:
    """Return why an attempt is refused, for whoever asked for it: of whose, how much, until when.

    Only who has a budget alone is told amounts. `opens` (Unix seconds) there is more of it.
    """
    name, limit = place.budget.name, place.budget.limit
    own = place.budget.said.of == "user" and place.scope != ""
    amount = f" of {dollars(limit)} USD" if own else ""
    then = {
        "never": "this may cost more than is ever allowed.",
        "held": "what is left is held back for requests under way; come again soon.",
        "spent": f"there is more from {moment(opens, zone)} on.",
    }[why]
    return (
        f"The budget {name}{amount} does not allow this: {percent(spent, limit)} % of it is spent, "
        f"and {then}"
    )


def warning(place: Place, spent: int, opens: float, now: float) -> str:
    """Return what stands in a header: ``daily-user; spent=81%; resets=3600``."""
    seconds = max(0, ceil(opens - now))
    return f"{place.budget.name}; spent={percent(spent, place.budget.limit)}%; resets={seconds}"


def alert_text(place: Place, threshold: int, spent: int, pace: Burn | None, zone: str) -> str:
    """Return what a person is told when a threshold is reached; no id of a user."""
    budget, window = place.budget, place.window
    of = budget.said.of
    whose = {"user": "of one user", "plan": f"of plan {place.shown}", "everyone": ""}.get(
        of, f"of route {place.shown}"
    )
    if of == "user" and not place.scope:
        whose = "of all unverified users together"
    until = "" if window.rolls else f", until {moment(window.until, zone)}"
    said = (
        f"Budget {budget.name}{' ' if whose else ''}{whose}: {percent(spent, budget.limit)} % of "
        f"{dollars(budget.limit)} USD is spent ({dollars(spent)} USD{until}); the threshold is "
        f"{threshold} %."
    )
    if pace is None:
        return said
    lasts = " It will not last at this pace." if pace.lasts and spent < budget.limit else ""
    return (
        f"{said} The last hour went at {pace.hour} % of the pace that it bears, the last six "
        f"hours at {pace.six_hours} %.{lasts}"
    )


def moment(at: float, zone: str) -> str:
    """Return a moment as people write it, rounded up to minutes."""
    shown = datetime.fromtimestamp(ceil(at / 60) * 60, ZoneInfo(zone))
    return f"{shown:%Y-%m-%d %H:%M} {zone}"
