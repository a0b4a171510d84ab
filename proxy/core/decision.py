"""What a decision is made of and what it comes to: the values of `proxy.core.decide`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from proxy.core.identity import Identity
from proxy.core.reason import Arm, Reason

__all__ = ["Decision", "Explanation", "Look", "MissingKey", "Pin", "Rollout", "Rule"]

MissingKey = Literal["legacy", "new", "reject"]
"""What a caller without a key gets while a rollout is between 0 % and 100 %."""


Pin = Callable[[], Arm | None]
"""Asks the route's plugins whether they pin the arm."""


class Decision(NamedTuple):
    """Where a request goes, and why."""

    arm: Arm | None
    """The arm of a rollout; None where the route names an upstream and no rollout."""
    reason: Reason
    bucket: int | None = None
    """The caller's bucket, 0..99999, if a percentage was what decided."""
    rejected: bool = False
    """The caller must be refused (400): ``missing_key: reject`` and no key."""
    error: Exception | None = None
    """What a rule raised, with `Reason.ERROR`; for the log of the caller."""
    tag: int = -1
    """The key's tag (see `proxy.core.bucket`) where the caller could have met either arm: the
    rollout's percentage decided. -1 otherwise; only tagged decisions are evidence."""


class Rule(NamedTuple):
    """One step of the precedence."""

    name: str
    judge: Callable[[Identity, Pin | None], Decision | None]
    """Return the decision if the rule hits, None to ask the next one."""
    tell: Callable[[Identity], str]
    """Say in words what the rule saw; read only by `explain`."""


class Look(NamedTuple):
    """One rule that was looked at: its name, whether it decided, and what it saw."""

    rule: str
    hit: bool
    saw: str


class Explanation(NamedTuple):
    """A decision with its derivation."""

    decision: Decision
    looks: tuple[Look, ...]
    """Every rule that was looked at, in order; the last one decided."""
    bucket: int | None
    """The caller's bucket, also where another rule decided; None without a key."""
    threshold: int
    """The first bucket that stays on legacy."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A compiled rollout; made by `proxy.core.decide.compile_rollout`."""

    name: str
    rules: tuple[Rule, ...]
    place_of: Callable[[bytes], int]
    """A key's place on the line, 64 bits; see `proxy.core.bucket`."""
    threshold: int
