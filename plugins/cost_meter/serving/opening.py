"""Puts the costs API together."""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.api import Services

from ..alerting import Alerting
from ..books import Ledger, Shelf
from ..tallying import Tallying
from .endpoints import Endpoints
from .forecast import Foreseeing
from .foreseeing import Ahead
from .keeping import Thresholds
from .looking import Looking
from .optimization import Advising
from .telling import Telling
from .watching import ThresholdWatch

__all__ = ["Serving", "serving_for"]


class Serving(NamedTuple):
    """What answers clients, and what looks at their thresholds while it runs."""

    endpoints: Endpoints
    watch: ThresholdWatch


def serving_for(
    ledger: Ledger,
    shelf: Shelf,
    tallying: Tallying,
    alerting: Alerting,
    baseline: Mapping[str, int],
    forecasts: Foreseeing,
    advice: Advising,
    services: Services,
) -> Serving:
    """Return it; run `watch` in the background. `baseline`: by route, in nano-USD a request."""

    async def potential() -> tuple[int, tuple[str, ...]]:
        advised = await advice.advised()
        return sum(one.p50 for one in advised), tuple(one.description for one in advised)

    thresholds = Thresholds(shelf)
    watch = ThresholdWatch(thresholds, ledger, tallying, alerting, services)
    looking = Looking(tallying, thresholds, watch, baseline, potential, services)
    ahead = Ahead(tallying, thresholds, forecasts, advice, services)
    telling = Telling(thresholds, tallying.calendar, services)
    return Serving(Endpoints(looking, ahead, telling, services), watch)
