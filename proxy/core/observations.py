"""What has been observed of a rollout's arms, as plain numbers that add up over replicas.

Every number has a name of four parts: route, cohort, arm, and what is counted. A part of a
rollout's callers that is looked at by itself is a cell (route, cohort); both are empty where
the rollout is looked at as a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy.core.reason import Arm

__all__ = [
    "COUNTED",
    "NO_COHORT",
    "OTHERS",
    "SLICE_SECONDS",
    "Name",
    "Totals",
    "is_cohort",
    "name",
    "named",
]

OTHERS = "(others)"
"""The cohort of those whose own is not looked at by itself."""

NO_COHORT = "(none)"
"""The cohort of callers without the attribute."""

_LONGEST_COHORT = 200

SLICE_SECONDS = 10
"""How long a slice of the windows is; slices are numbered from 1970 on."""

COUNTED = (
    "requests",
    "errors",
    "timeouts",
    "connects",
    "client_errors",
    "slow",
    "own",
    "left",
)
"""What is counted of each arm of each cell; latencies are counted beside them as ``h<bucket>``."""

_SEPARATOR = "\x1f"


class Name(NamedTuple):
    """The name of a number, taken apart."""

    route: str
    cohort: str
    arm: Arm
    what: str


def is_cohort(value: str) -> bool:
    """Return whether an attribute's value can be told as a cohort: printable, not too long.

    Tokens may carry anything, also what separates the parts of a name, or is no Unicode.
    """
    return len(value) <= _LONGEST_COHORT and value.isprintable()


def name(route: str, cohort: str, arm: Arm, what: str) -> str:
    """Return the name as it is stored and sent."""
    return _SEPARATOR.join((route, cohort, arm.value, what))


def named(text: str) -> Name:
    """Take a name apart. Raises ValueError if it is none."""
    route, cohort, arm, what = text.split(_SEPARATOR)
    return Name(route, cohort, Arm(arm), what)


@dataclass(frozen=True, slots=True)
class Totals:
    """What was observed in one segment: numbers, slices of ten seconds, and keys."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """Since the segment began."""
    slices: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """Slice -> number -> count, latencies among them."""
    keys: Mapping[str, int] = field(default_factory=dict)
    """How many different keys met a metric: of each cell, and of everybody where there are
    several cells (route and cohort are empty then)."""
    sketches: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """``active`` of each arm of each cell, and of everybody likewise: the smallest 48-bit tags of
    the keys seen."""
