"""Limits: what may still be done, by whom, and when again.

A plugin that counts offers the service `Limits`; one that sends something asks it at the moment
of sending. Both speak of *facts*: what is known of what is to be done, such as ``user``,
``recipient`` or ``message_type``, by these names.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import ceil, inf
from typing import Any, Literal, NamedTuple, Protocol

__all__ = [
    "NEVER",
    "Action",
    "Facts",
    "Limits",
    "Standing",
    "WindowStanding",
    "estimate",
    "limit_fields",
]

Facts = Mapping[str, Any]
"""What is known, by name: text, numbers, truth values. Somebody vouches for ``user``."""

Action = Literal["reject", "queue", "delay"]
"""What a rule wants for what it does not let through."""

NEVER = inf
"""So many seconds to wait for what costs more than the limit is."""


class WindowStanding(NamedTuple):
    """How one window of one rule stands."""

    policy: str
    """The window's name, as it stands in ``RateLimit-Policy``."""
    rule: str
    limit: int
    """Units in any `seconds`."""
    seconds: float
    """How long the window is; 0 for a rule that counts what is under way at once."""
    remaining: int
    """Units that could still be taken now."""
    reset: float
    """Seconds until there is more than `remaining`; 0 if nothing is taken."""
    wait: float
    """Seconds until what was asked fits in here; 0 if it fits, `NEVER` if it never will."""
    depends: frozenset[str]
    """The names of the facts that decided that, and how, this rule counts; ``*`` where an
    expression did. Whatever has the same values of them meets the same window."""
    unit: str = "requests"
    bucket: str = ""
    """Names what is counted: whatever meets the same bucket takes from the same units. A digest;
    empty where nobody says."""


class Standing(NamedTuple):
    """The answer to a check: all windows of all rules that apply."""

    admitted: bool
    windows: tuple[WindowStanding, ...]
    ticket: str = ""
    """What was taken, to give it back; empty if nothing was."""
    action: Action = "reject"
    """Of what was not admitted: the strictest that the violated rules want."""
    delay: float = 0.0
    """So many seconds the violated rules would let it wait, where `action` is ``delay``."""
    degraded: Literal["", "local", "open", "closed"] = ""
    """How it was decided without the store, which could not be reached."""

    @property
    def violated(self) -> tuple[str, ...]:
        """Return the policies that do not let it through."""
        return tuple(window.policy for window in self.windows if window.wait > 0)

    @property
    def retry_after(self) -> float:
        """Return the seconds until all windows let it through; 0 if they do."""
        return max((window.wait for window in self.windows), default=0.0)

    @property
    def tightest(self) -> WindowStanding | None:
        """Return the window with the least left, of equal ones that which is longest closed."""
        found = None
        for one in self.windows:
            if found is None or (one.remaining, found.reset) < (found.remaining, one.reset):
                found = one
        return found


class Limits(Protocol):
    """The service of the plugin that counts; see `Services.shared`.

    `rules` names rules or rule sets; without it, all rules apply whose conditions fit the facts.
    Nothing is taken unless everything fits. Where the store cannot be reached, each rule says
    what then; nothing here raises for that.
    """

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all rules and rule sets that there are."""

    @property
    def memory(self) -> dict[str, Any]:
        """Return what was counted in this process, as plain values: for whoever takes its place.

        A reload of the plugin's code goes on with the very same dict.
        """

    async def take(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
        """Take what `facts` cost from every window, or from none."""

    async def peek(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
        """Say what `take` would say; takes nothing."""

    async def refund(self, facts: Facts, ticket: str, rules: Sequence[str] = ()) -> None:
        """Give back what was taken under a ticket, with the same facts and rules; once."""

    async def arrived(self, facts: Facts, ticket: str, rules: Sequence[str] = ()) -> None:
        """Count what was taken under a ticket from now on instead, and end its leases; once.

        For what takes effect later than it was let through: a platform counts when a message
        arrives, which is at the latest when it answers.
        """

    async def debit(self, facts: Facts, rules: Sequence[str] = ()) -> None:
        """Count what has happened already, whatever the limits say; debt is worked off."""


def limit_fields(standing: Standing) -> tuple[tuple[str, str], ...]:
    """Return the headers ``RateLimit-Policy`` and ``RateLimit``; none where there are no windows.

    Lists: further fields of the same names continue them. Seconds are rounded up. Source:
    draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4; structured fields: RFC 9651.
    """
    if not standing.windows:
        return ()
    windows = standing.windows
    policies = [_policy(one.policy, one.limit, one.seconds, one.unit) for one in windows]
    left = [_left(one.policy, one.remaining, one.reset) for one in windows]
    return ("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(left))


def estimate(standing: Standing, ahead: int) -> float:
    """Return about how many seconds it takes until something goes before which `ahead` others go.

    Each window lets its rest go now, and a whole limit each time it has passed.
    """
    return max((_opens(window, ahead) for window in standing.windows), default=0.0)


def _opens(window: WindowStanding, ahead: int) -> float:
    if ahead < window.remaining:
        return window.wait
    rounds = (ahead - window.remaining) // max(window.limit, 1)
    return max(window.wait, window.reset) + rounds * window.seconds


@lru_cache(1024)
def _policy(name: str, limit: int, seconds: float, unit: str) -> str:
    counted = "" if unit == "requests" else f';qu="{unit}"'
    window = f";w={ceil(seconds)}" if seconds else ""
    return f'"{name}";q={limit}{counted}{window}'


def _left(policy: str, remaining: int, reset: float) -> str:
    opens = f";t={ceil(reset)}" if reset > 0 else ""
    return f'"{policy}";r={remaining}{opens}'
