"""What the ramp loop needs to know of the traffic beside the windows."""

from proxy.config.models import Config
from proxy.core.reason import Reason
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.generation import Generation

__all__ = ["callers", "legacy_up"]

_KEYED = frozenset([Reason.PERCENTAGE, Reason.REMAINDER])
"""Where a request ends up that would have ended at MISSING_KEY without a key."""


def callers(accounting: Accounting, config: Config, rollout: str) -> tuple[int, int]:
    """Return how many requests of a rollout had a key, and how many had none.

    Counted on this replica since its start, among those for which a key was asked. Requests
    that ended by a fault are left out.
    """
    routes = {route.name for route in config.routes if route.rollout == rollout}
    keyed = keyless = 0
    for key, count in accounting.series():
        if key.route in routes:
            keyed += count if key.reason in _KEYED else 0
            keyless += count if key.reason is Reason.MISSING_KEY else 0
    return keyed, keyless


def legacy_up(generation: Generation, rollout: str, now: float) -> bool:
    """Whether every upstream that is legacy of a rollout has an endpoint that serves.

    `now` is the loop's time in seconds. A legacy that is a plugin counts as up.
    """
    arms = [route.arms for route in generation.config.routes if route.rollout == rollout]
    names = {one.legacy.upstream for one in arms if one is not None}
    upstreams = [generation.upstreams[name] for name in names if name is not None]
    return all(any(one.state == "up" for one in each.states(now)) for each in upstreams)
