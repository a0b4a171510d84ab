"""Rolls a rollout back whose new arm costs too much."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from proxy.api import Question, Scope, Services, Verdict
from proxy.api.documents import usd_text

from ..books import Asked, Ledger
from ..dollars import nano_of
from ..row import Sums, plus
from .declaring import BrakeSettings, CostBoundSettings
from .judging import Judged, Reference, judged, reference_of

__all__ = ["Brake"]

_MINUTE = 60.0
_GAP_SECONDS = 60.0
"""A rollout that nobody asked about for so long had nobody on new: what it cost before is over."""
_STALE_SECONDS = 60.0
"""Figures that are older than this say nothing of now, at least."""

_SICK_REQUESTS = 20

_Cell = tuple[str, str]
"""A route, and an arm."""
_Cells = Mapping[_Cell, Sums]


class _Watched:
    """What is remembered of one rollout."""

    def __init__(self, bound: CostBoundSettings) -> None:
        self.bound = bound
        self.asked: float | None = None
        """When it was asked about last."""
        self.since = 0.0
        """What was spent before is not counted."""
        self.before: _Cells | None = {}
        """What had been spent in the minute in which `since` is; None: not looked at yet."""
        self.found: _Cells = {}
        self.looked: float | None = None
        """When the ledger was read last."""

    def begin(self, now: float) -> None:
        """Count from now on."""
        self.since, self.before, self.found, self.looked = now, None, {}, None


class _Limit(NamedTuple):
    """What an answer may cost, by route, in nano-USD: exactly, and as high as that may be."""

    kind: str
    allowed: Mapping[str, tuple[Fraction, float]]
    says: str


class Brake:
    """Judges by what is in memory; a background task keeps that fresh."""

    def __init__(
        self,
        settings: BrakeSettings,
        baseline: Mapping[str, int],
        ledger: Ledger,
        services: Services,
    ) -> None:
        """`baseline` is what a request costs on legacy, by route."""
        self._every = settings.every
        self._baseline = baseline
        self._ledger = ledger
        self._services = services
        self._watched = {name: _Watched(bound) for name, bound in settings.rollouts.items()}

    @property
    def enabled(self) -> bool:
        """Return whether there is anything to watch."""
        return bool(self._watched)

    async def run(self) -> None:
        """Keep figures fresh, for ever. What fails once is logged, and tried again."""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # a store that is away must not end this
                self._services.log.warning("cost_brake_blind", error=repr(error)[:200])
            await self._services.sleep(self._every)

    async def refresh(self) -> None:
        """Read what was spent, for rollouts that are asked about. Raises StoreError."""
        now = self._services.now()
        for one in self._watched.values():
            # Of a fleet only one is asked: the others look once, to be ready.
            if one.looked is None or (one.asked and now - one.asked <= _GAP_SECONDS):
                await self._read(one, now)

    def begun(self, rollout: str) -> None:
        """Take in that the first callers come to new: what it cost before is over."""
        if one := self._watched.get(rollout):
            one.begin(self._services.now())

    def judge(self, question: Question) -> Verdict | None:
        """Answer ``fail`` where new costs too much; None where it does not, or nobody knows.

        Neither waits nor does I/O.
        """
        one = self._watched.get(question.rollout)
        if one is None or question.kind != "brake" or not question.settings.enabled:
            return None
        now = self._services.now()
        if one.asked is not None and now - one.asked > _GAP_SECONDS:
            one.begin(now)
        one.asked = now
        if one.looked is None or now - one.looked > max(_STALE_SECONDS, 3 * self._every):
            return None
        return None if _legacy_is_sick(question) else self._verdict(one)

    async def _read(self, one: _Watched, now: float) -> None:
        since = max(one.since, now - one.bound.window)
        asked = Asked(since // _MINUTE * _MINUTE, now + _MINUTE)
        began = one.since
        totals = await self._ledger.totals(asked, "minute", ("route", "arm"))
        cells: dict[_Cell, Sums] = {}
        for total in totals:
            cell = total.by["route"], total.by["arm"]
            if cell[1] in ("new", "legacy") and _counts(cell[0], one.bound):
                cells[cell] = plus(cells.get(cell, Sums()), total.sums)
        if one.since != began:
            return  # it has begun anew meanwhile
        if one.before is None:
            one.before = cells
        before = one.before if since == one.since else {}
        one.found = {cell: _less(sums, before.get(cell)) for cell, sums in cells.items()}
        one.looked = now

    def _verdict(self, one: _Watched) -> Verdict | None:
        bound = one.bound
        new = {route: sums for (route, arm), sums in one.found.items() if arm == "new"}
        alpha = (1 - bound.confidence) / (1 + (bound.over_legacy is not None))
        for limit in self._limits(one, alpha):
            found = judged(new, limit.allowed, bound.min_requests, alpha)
            if found is not None and found.too_much:
                return _fail(bound, new, limit, found)
        return None

    def _limits(self, one: _Watched, alpha: float) -> list[_Limit]:
        bound, found = one.bound, []
        routes = [route for route, arm in one.found if arm == "new"]
        if bound.bound is not None:
            most = Fraction(nano_of(bound.bound))
            every = dict.fromkeys(routes, (most, float(most)))
            found.append(_Limit("bound", every, f"the bound of {bound.bound} USD"))
        if bound.over_legacy is not None:
            factor = Fraction(str(bound.over_legacy))
            references = {
                route: reference
                for route in routes
                if (reference := self._reference(one, route, alpha)) is not None
            }
            allowed = {
                route: (factor * known.cost, float(factor) * known.at_most)
                for route, known in references.items()
            }
            source = " and ".join(sorted({known.source for known in references.values()}))
            says = f"{bound.over_legacy:g} times what it costs on legacy ({source})"
            found.append(_Limit("over_legacy", allowed, says))
        return found

    def _reference(self, one: _Watched, route: str, alpha: float) -> Reference | None:
        legacy = one.found.get((route, "legacy"), Sums())
        return reference_of(legacy, self._baseline.get(route), alpha)


def _legacy_is_sick(question: Question) -> bool:
    """Nobody is sent to a legacy that is ill because that would be cheaper."""
    legacy = question.observed[Scope()].recent[0]
    sick = legacy.failing * 100 >= question.settings.legacy_sick
    return not question.legacy_up or (legacy.requests >= _SICK_REQUESTS and sick)


def _counts(route: str, bound: CostBoundSettings) -> bool:
    return not bound.routes or route in bound.routes


def _less(sums: Sums, before: Sums | None) -> Sums:
    return sums if before is None else Sums(*map(int.__sub__, sums, before))


def _dollars(nano: Fraction | float) -> str:
    return usd_text(round(nano))


def _fail(
    bound: CostBoundSettings, new: Mapping[str, Sums], limit: _Limit, found: Judged
) -> Verdict:
    looked = [sums for route, sums in new.items() if route in limit.allowed]
    spent = sum(sums.nano_usd for sums in looked)
    requests = sum(sums.requests for sums in looked)
    surely = _dollars(found.surely)
    why = (
        f"new costs too much: {_dollars(found.cost)} USD for each request that it answers, where "
        f"{_dollars(found.allowed)} USD are allowed, {limit.says}; with {bound.confidence:.2%} "
        f"confidence at least {surely} USD too much ({requests} requests, {found.answered} of "
        f"them answered, {_dollars(spent)} USD)"
    )
    evidence: Mapping[str, Any] = {
        "cost": {
            "kind": limit.kind,
            "usd_per_answer": _dollars(found.cost),
            "allowed_usd_per_answer": _dollars(found.allowed),
            "at_least_too_much_usd": surely,
            "confidence": bound.confidence,
            "requests": requests,
            "answered": found.answered,
            "spent_usd": _dollars(spent),
            "estimated_usd": _dollars(sum(sums.estimated_nano_usd for sums in looked)),
            "routes": sorted(route for route in new if route in limit.allowed),
        }
    }
    return Verdict("fail", why, evidence=evidence)
