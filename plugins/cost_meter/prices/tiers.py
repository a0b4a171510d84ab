"""Service tiers by the names that providers give them."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["STANDARD", "Served", "served"]

STANDARD = "standard"
_STANDARD_NAMES = frozenset(("", "default", "auto", STANDARD))
_BATCH = "batch"
_LONGEST = 64


class Served(NamedTuple):
    """How a call was served, as far as its price depends on it."""

    tier: str
    """``standard``, ``flex``, ``priority``, or what else the provider says; lower case."""
    batch: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is what lists of prices are about when they say no more."""
        return self.tier == STANDARD and not self.batch

    @property
    def context(self) -> Mapping[str, str]:
        """The same in the words of genai-prices, which knows batches as a way of processing."""
        tier = {} if self.tier == STANDARD else {"service_tier": self.tier}
        return tier | ({"processing": _BATCH} if self.batch else {})

    def __str__(self) -> str:
        words = [] if self.tier == STANDARD else [f"tier {self.tier}"]
        return " and ".join(words + (["batch"] if self.batch else [])) or STANDARD


def served(tier: str, *, batch: bool) -> Served:
    """Return how a call was served whose answer names this tier (empty: none)."""
    name = tier.strip().lower()[:_LONGEST]
    if name == _BATCH:
        return Served(STANDARD, batch=True)
    return Served(STANDARD if name in _STANDARD_NAMES else name, batch)
