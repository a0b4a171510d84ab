"""What the plugins of a route come down to: tuples of plain calls, one for each hook.

pluggy has verified the hooks when they were loaded; here nothing is looked up any more.
A route without plugins has no chains at all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.pluginhost.guard import Guard

__all__ = ["SLOW_SECONDS", "Chains", "Step"]

SLOW_SECONDS = 0.05
"""Synchronous hooks that hold up a request, and with it the loop, for longer are reported."""


class Step(NamedTuple):
    """One use's part in a hook."""

    call: Callable[..., Any]
    """The hook with its arguments in the order of the specification."""
    guard: Guard
    on_fault: str
    """What a fault means here: ``skip``, ``refuse`` or ``legacy``."""
    waits: bool
    """Whether the call returns an awaitable."""


class Chains:
    """The steps of one route, hook by hook, each in the order in which it is called.

    The tuples are replaced when a use is quarantined or released; a request finds
    whichever there are when it comes to them.
    """

    __slots__ = (
        "admit",
        "admit_waits",
        "assign",
        "by_arm",
        "edit_request",
        "edit_response",
        "finished",
        "rewrite_request",
        "rewrite_response",
    )

    def __init__(self) -> None:
        """Begin empty."""
        self.admit: tuple[Step, ...] = ()
        self.admit_waits = False
        self.assign: tuple[Step, ...] = ()
        self.edit_request: tuple[Step, ...] = ()
        self.rewrite_request: tuple[Step, ...] = ()
        self.rewrite_response: tuple[Step, ...] = ()
        self.edit_response: tuple[Step, ...] = ()
        self.finished: tuple[Step, ...] = ()
        self.by_arm: dict[str, Chains] = {}

    def of(self, arm: str) -> "Chains":
        """Return what is called for requests of this arm; ``none`` where there are no arms."""
        return self.by_arm.get(arm, self) if self.by_arm else self
