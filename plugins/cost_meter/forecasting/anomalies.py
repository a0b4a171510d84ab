"""Hours that cost far more than is usual at that hour of the week, and why they did.

What an hour costs is the product of requests, the share of each model in them, tokens for each
request and the price of a token. What it costs more is divided among these four: each has the
mean of what it makes out, over all orders in which they could have changed (the Shapley value).
So the parts are all of it, to the nano-USD.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import factorial, log
from typing import NamedTuple

from ..row import Sums, Total, plus
from .series import DAY, HOUR
from .usual import Spending

__all__ = ["CAUSES", "Anomaly", "Hours", "anomaly_of", "divided", "hours_of"]

CAUSES = ("volume", "mix", "tokens", "price")
"""More requests; dearer models; more tokens for each request; a dearer token."""

_QUIET_HOURS = 6
"""After so many hours as usual an odd one is another matter."""
_LONGEST = 2 * DAY
"""Hours; what goes on for longer is told of again."""
_WORSE = 4
"""So many times as dear as when it was told of, it is told of again."""

Hours = Mapping[float, Mapping[str, Sums]]
"""By the hour's first second: what each model came to."""


class Anomaly(NamedTuple):
    """An hour that cost far too much."""

    begins: float
    """Unix seconds."""
    nano_usd: int
    usual: int
    """What that hour costs otherwise (the mean), in nano-USD."""
    z: float
    """How far above the median, in robust standard deviations."""
    why: Mapping[str, int]
    """By cause: what it makes out, in nano-USD; together `nano_usd` less `usual`."""
    since: float
    """The first of the odd hours that this one belongs to, in Unix seconds."""
    grade: int
    """How bad that time has been until now: one more whenever `z` was four times as high."""


class _Cell(NamedTuple):
    """What one model was asked, and what that cost."""

    requests: float
    tokens: float
    nano_usd: float


def hours_of(totals: Iterable[Total]) -> Hours:
    """Return totals of hours, by ``model``, as they are needed here."""
    found: dict[float, dict[str, Sums]] = {}
    for one in totals:
        models, model = found.setdefault(one.begins, {}), one.by.get("model", "")
        models[model] = plus(models.get(model, Sums()), one.sums)
    return found


def anomaly_of(hours: Hours, begins: float, least_z: float, least: int) -> Anomaly | None:
    """Return what is wrong with an hour; None if it is as usual, or nobody knows what is.

    It is compared with the same hour of the weeks before, or of the days before where there are
    fewer than three weeks. Corrections are left out. Hours that cost `least` nano-USD or less are
    well.
    """
    costs = {at: _cost(models) for at, models in hours.items()}
    cost = costs.get(begins, 0)
    if cost <= least:
        return None
    spending = Spending(costs, least)
    usual, z = spending.usual(begins), _z(spending, costs, begins)
    if usual is None or z <= least_z:
        return None
    past = [hours.get(one, {}) for one in usual.compared]
    mean, why = divided(_cells([hours[begins]]), _cells(past), cost)
    since, worst = _begun(spending, costs, begins, (least_z, least))
    grade = int(log(max(worst / max(least_z, 1.0), 1.0), _WORSE))
    return Anomaly(begins, cost, mean, z, why, since, grade)


def _begun(
    spending: Spending, costs: Mapping[float, int], begins: float, least: tuple[float, int]
) -> tuple[float, float]:
    """Return when the odd time began that an hour belongs to, and the worst of it until then."""
    since, worst = begins, _z(spending, costs, begins)
    for number in range(1, _LONGEST):
        at = begins - HOUR * number
        if since - at > _QUIET_HOURS * HOUR:
            break
        z = _z(spending, costs, at) if costs.get(at, 0) > least[1] else 0.0
        if z > least[0]:
            since, worst = at, max(worst, z)
    return since, worst


def _z(spending: Spending, costs: Mapping[float, int], begins: float) -> float:
    """Return how far above the median an hour lies; below 0 where nobody knows what is usual."""
    usual = spending.usual(begins)
    return -1.0 if usual is None else (costs.get(begins, 0) - usual.middle) / usual.spread


def _cost(models: Mapping[str, Sums]) -> int:
    return sum(one.nano_usd - one.adjusted_nano_usd for one in models.values())


def _cells(hours: Sequence[Mapping[str, Sums]]) -> Mapping[str, _Cell]:
    """Return the mean hour."""
    whole: dict[str, Sums] = {}
    for models in hours:
        for model, sums in models.items():
            whole[model] = plus(whole.get(model, Sums()), sums)
    count = len(hours)
    return {
        model: _Cell(
            one.requests / count,
            (one.input_tokens + one.output_tokens) / count,
            (one.nano_usd - one.adjusted_nano_usd) / count,
        )
        for model, one in whole.items()
    }


def divided(
    now: Mapping[str, _Cell], usual: Mapping[str, _Cell], cost: int
) -> tuple[int, Mapping[str, int]]:
    """Return what is usual, and by cause what the difference to `cost` is made of.

    The parts are whole nano-USD, and their sum is the difference.
    """
    expected = round(sum(one.nano_usd for one in usual.values()))
    worth = _worths(now, usual)
    parts = {cause: round(_shapley(worth, cause)) for cause in CAUSES}
    greatest = max(CAUSES, key=lambda cause: abs(parts[cause]))
    parts[greatest] += cost - expected - sum(parts.values())
    return expected, parts


_Worths = Mapping[frozenset[str], float]


def _worths(now: Mapping[str, _Cell], usual: Mapping[str, _Cell]) -> _Worths:
    """Return what the hour would have cost if only some of the causes had changed."""
    subsets = [frozenset(some) for size in range(5) for some in combinations(CAUSES, size)]
    none = _Cell(0.0, 0.0, 0.0)
    pairs = [(now.get(model, none), usual.get(model, none)) for model in sorted({*now, *usual})]
    requests = sum(one.requests for one, _ in pairs), sum(one.requests for _, one in pairs)
    return {
        changed: sum(_worth(one, other, requests, changed) for one, other in pairs)
        for changed in subsets
    }


def _worth(
    now: _Cell, usual: _Cell, requests: tuple[float, float], changed: frozenset[str]
) -> float:
    """Return what one model would have cost."""
    if not (usual.requests and usual.tokens) and not (now.requests and now.tokens):
        # Costs that follow from no request: they come and go with the volume.
        return now.nano_usd if "volume" in changed else usual.nano_usd
    after, before = _factors(now, requests[0], usual), _factors(usual, requests[1], now)
    product = 1.0
    for cause, one, other in zip(CAUSES, after, before, strict=True):
        product *= one if cause in changed else other
    return product


def _factors(cell: _Cell, requests: float, other: _Cell) -> tuple[float, float, float, float]:
    """Return requests, share, tokens for each and the price of one.

    A model that was not asked would have answered as it did at the other time: that it was asked
    at all is a matter of the mix.
    """
    known = cell if cell.requests and cell.tokens else other
    share = cell.requests / requests if requests else 0.0
    if known is not cell:
        share = 0.0
    return requests, share, known.tokens / known.requests, known.nano_usd / known.tokens


def _shapley(worth: _Worths, cause: str) -> float:
    others = [one for one in CAUSES if one != cause]
    found = 0.0
    for size in range(len(CAUSES)):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(CAUSES))
        for some in map(frozenset, combinations(others, size)):
            found += weight * (worth[some | {cause}] - worth[some])
    return found
