"""What may be asked of providers, and by which rules: for whoever looks for what is cheaper."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from proxy.api.spending import Rates

__all__ = ["Choices", "Deployed", "Deployments"]


class Deployed(NamedTuple):
    """One model at one provider, as the configuration names it."""

    name: str
    provider: str
    """``azure`` or ``openai``."""
    model: str
    zone: str = "global"
    weight: int = 1
    """Its share among equals; 0: only after all others."""
    context: int = 0
    """Tokens that prompt and answer may have."""
    declared: Rates | None = None
    """What the configuration says that it costs."""
    weight_written: bool = False
    """Whether the configuration says the weight; else it is the default."""


class Choices(NamedTuple):
    """How a plugin chooses whom to ask."""

    plugin: str
    """Its name, under which its settings stand in the configuration."""
    deployments: tuple[Deployed, ...]
    rules: tuple[Mapping[str, Any], ...]
    """Which models for which intent, as the configuration would have it: the first that fits
    counts. Keys that are left out have their defaults."""
    rules_written: bool
    """Whether these rules stand in the configuration; else they are the plugin's own."""
    max_tokens: int
    """The longest answer that is asked for, in tokens."""
    max_tokens_written: bool
    cache: str
    """When earlier answers are used: ``never``, ``last_resort`` or ``always``."""
    cache_written: Mapping[str, Any] | None
    """What the configuration says of the cache; None: nothing."""
    cache_ttl: float
    """How long an answer is kept, in seconds."""
    cache_shared: bool
    """Whether users share answers."""
    hedges: bool
    """Whether slow attempts get a second one beside them."""
    hedge_share: float
    """Of requests, at most."""
    hedges_written: bool = False
    """Whether the configuration says so; else it is the default."""


class Deployments(Protocol):
    """The service of the plugin that asks providers; see `Services.shared`."""

    def choices(self) -> Choices:
        """Return how it chooses at this moment."""
