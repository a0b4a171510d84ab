"""All rules, in the order in which they are told."""

from collections.abc import Callable, Iterator

from ..recommendation import Finding
from .caching import caching
from .deferring import deferring
from .losing import failing, hedging, prefixes
from .smaller import smaller
from .switching import switching
from .terms import View
from .trimming import trimming

__all__ = ["RULES", "findings"]

RULES: tuple[Callable[[View], Iterator[Finding]], ...] = (
    switching,
    smaller,
    caching,
    deferring,
    trimming,
    failing,
    hedging,
    prefixes,
)


def findings(view: View) -> tuple[Finding, ...]:
    """Return all that is found, and what is missing to say more."""
    return tuple(one for rule in RULES for one in rule(view))
