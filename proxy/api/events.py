"""What plugins that only watch are told."""

from decimal import Decimal
from typing import NamedTuple

__all__ = ["Alert", "Measured", "Move", "Note", "Outcome"]


class Outcome:
    """What became of a request, told once when it is over.

    - `route`: the route's name; ``unmatched`` for the one that takes what no other took
    - `arm`: ``legacy``, ``new`` or ``none``
    - `reason`: a word of the closed list: the decision, or the fault if there was one
    - `status`: what the client was sent; 0 if nothing was
    - `seconds`: from the request's head to the answer's last byte
    - `bytes_in`: of the request's body; `bytes_out`: all that was sent to the client
    - `fault`: whose fault it was if there was one (client, upstream, plugin, proxy), else empty
    - `endpoint`: the URL of the endpoint that was asked last; empty if none was
    """

    __slots__ = (
        "arm",
        "bytes_in",
        "bytes_out",
        "endpoint",
        "fault",
        "reason",
        "route",
        "seconds",
        "status",
    )

    def __init__(
        self,
        route: str,
        arm: str,
        reason: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
        fault: str,
        endpoint: str,
    ) -> None:
        """For the proxy and the testing kit; no named tuple, which takes five times as long."""
        self.route = route
        self.arm = arm
        self.reason = reason
        self.status = status
        self.seconds = seconds
        self.bytes_in = bytes_in
        self.bytes_out = bytes_out
        self.fault = fault
        self.endpoint = endpoint

    def __repr__(self) -> str:
        return f"Outcome({self.status} {self.reason} on route {self.route}, arm {self.arm})"


class Move(NamedTuple):
    """A change of who goes where: audited, and told after it has taken effect."""

    rollout: str
    before: float
    """The percentage until now, 0..100; what is not enabled counts as 0."""
    after: float
    """The percentage from now on, 0..100."""
    by: str
    """Who moved it: an operator's name, or a plugin's; ``ramp``, ``configuration``, ``crossfade``
    (what a store had lost), or ``another replica`` where no more is known."""
    why: str
    """In words."""


class Measured(NamedTuple):
    """What an alert compares, for programs; its text says the same in words."""

    unit: str
    """Of `limit` and `value`: ``USD``."""
    limit: Decimal | None
    """What was reached or passed; None: there is no such amount."""
    value: Decimal | None
    """What has reached it; None: nobody has measured it."""
    period: str = ""
    """In what it was measured: ``hour``, ``day``, ``month``, ``request``; empty: in none."""
    since: float | None = None
    """Unix seconds when the period began."""
    until: float | None = None
    """Unix seconds when it ends."""

    @property
    def percent(self) -> int | None:
        """`value` in percent of `limit`, rounded down; None where either is not known."""
        if self.value is None or not self.limit:
            return None
        return int(self.value * 100 // self.limit)


class Alert(NamedTuple):
    """Something that a person should know of."""

    name: str
    """What kind it is, such as ``plugin_quarantined``; one word for machines."""
    subject: str
    """What it is about: a plugin, a route, a rollout."""
    text: str
    """What happened and what to do, in a sentence or two. No secret, no user's id."""
    severity: str = "warning"
    """``info``, ``warning`` or ``critical``."""
    key: str = ""
    """What is the same alert: one that is raised again with it replaces it, and one that
    `resolves` ends it. Empty: name and subject."""
    resolves: bool = False
    """Whether it says that what was wrong is over."""
    user: str = ""
    """Whose it is, where it is about one user alone: they are shown it, too."""
    channels: tuple[str, ...] = ()
    """Names or kinds of the operator's channels, which alone are to be told of it, as far as they
    would be without; ``in_app`` is the list, where all alerts are. Empty: whoever would be."""
    measured: Measured | None = None
    """What it compares, if it is about an amount."""

    @property
    def identity(self) -> str:
        """What tells this alert from others."""
        return self.key or f"{self.name}:{self.subject}"


class Note(NamedTuple):
    """Something that was decided about a request, or happened to it, and why."""

    at: float
    """Unix seconds."""
    what: str
    """One word: ``routed``, ``attempt``, ``fallback``."""
    why: str
    """In words. No secret, no user's id, nothing of what was said in the request."""
