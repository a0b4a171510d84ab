"""What plugins that only watch are told."""

from typing import NamedTuple

__all__ = ["Alert", "Move", "Outcome"]


class Outcome(NamedTuple):
    """What became of a request, told once when it is over."""

    route: str
    """The route's name; ``unmatched`` for the one that takes what no other took."""
    arm: str
    """``legacy``, ``new`` or ``none``."""
    reason: str
    """A word of the closed list: the decision, or the fault if there was one."""
    status: int
    """What the client was sent; 0 if nothing was."""
    seconds: float
    """From the request's head to the answer's last byte."""
    bytes_in: int
    """Of the request's body."""
    bytes_out: int
    """All that was sent to the client."""
    fault: str
    """Whose fault it was if there was one: client, upstream, plugin, proxy; else empty."""
    endpoint: str
    """The URL of the endpoint that was asked last; empty if none was."""


class Move(NamedTuple):
    """A change of who goes where: audited, and told after it has taken effect."""

    rollout: str
    before: float
    """The percentage until now, 0..100; what is not enabled counts as 0."""
    after: float
    """The percentage from now on, 0..100."""
    by: str
    """Who moved it: ``configuration``, an operator's name, or a plugin's."""
    why: str
    """In words."""


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
