"""The limits of rate_limit itself, as the queue finds them: so many messages of a user a minute."""

from collections.abc import Callable
from typing import Any

from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.durations import micros
from plugins.rate_limit.rules import book_of
from plugins.rate_limit.service import CountingLimits
from plugins.rate_limit.settings import RateLimitSettings
from proxy.api.limits import Action, Facts, Limits, Standing
from proxy.api.testing import Isolated

_SCOPES = 1000


def few_per_user(
    limit: int = 1,
    *,
    action: Action = "queue",
    called: str = "few",
    cost: str | None = None,
    kind: type[CountingLimits] = CountingLimits,
    told: Callable[[Facts, Standing], None] = lambda _, __: None,
) -> Callable[[Isolated], Limits]:
    """Return what makes them, with a rule for `queueing`; `told` hears of each `take`."""
    rule: dict[str, Any] = {
        "scope": ["user"],
        "windows": [{"limit": limit, "per": "1m"}],
        "action": action,
        "cost": cost,
    }
    book = book_of(RateLimitSettings.model_validate({"rules": {called: rule}}))

    def made(plugin: Isolated) -> Limits:
        counts = MemoryCounts({}, lambda: micros(plugin.services.now()), _SCOPES)
        return kind(book, counts, counts, {}, told)

    return made
