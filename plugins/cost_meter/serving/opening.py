"""Puts the costs API together."""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.api import Services

from ..alerting import Alerting
from ..books import Shelf
from ..tallying import Tallying
from .dearest import Dearest
from .endpoints import Endpoints
from .forecast import Foreseeing
from .foreseeing import Ahead
from .keeping import Thresholds
from .looking import Looking
from .optimization import Advising
from .raising import Raising
from .telling import Telling
from .wanting import Wanting
from .watching import ThresholdWatch

__all__ = ["Serving", "serving_for"]


class Serving(NamedTuple):
    """What answers clients, and what looks at their thresholds while it runs."""

    endpoints: Endpoints
    watch: ThresholdWatch


def serving_for(
    dearest: Dearest,
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
    watch = ThresholdWatch(thresholds, dearest, tallying, alerting, services)
    looking = Looking(tallying, thresholds, watch, baseline, potential, services)
    ahead = Ahead(tallying, thresholds, forecasts, advice, services)
    raising = Raising(shelf, alerting, services.now)
    telling = Telling(raising, tallying.calendar, services)
    wanting = Wanting(thresholds, tallying.calendar, services)
    return Serving(Endpoints(looking, ahead, telling, wanting, services), watch)
