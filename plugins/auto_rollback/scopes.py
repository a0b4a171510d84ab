"""The smallest part of a rollout's callers that has to go back: one cell, or everybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from proxy.api import Evidence, Observed, Question, Scope, Seen
from proxy.api.judging import OTHERS

from .evidence import scope_weight

__all__ = ["EVERYBODY", "Parts", "parts_of", "smallest", "to_roll_back", "without"]

EVERYBODY = Scope()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What is judged: everybody who is not held already, and each cell by itself."""

    everybody: Observed
    cells: Mapping[Scope, Observed]
    """Empty where there is only one, which is everybody."""
    others: int
    """How many cells there are, with those that are held; 0 where nothing is told apart."""

    def observed(self, scope: Scope) -> Observed:
        """Return what was observed of a scope."""
        return self.everybody if scope == EVERYBODY else self.cells[scope]

    def budget(self, scope: Scope) -> float:
        """Return a scope's part of the false-alarm budget."""
        return scope_weight(self.others, everybody=scope == EVERYBODY)


def parts_of(question: Question) -> Parts:
    """Take apart what was observed; what is held already is nobody's fault any more."""
    cells = {scope: seen for scope, seen in question.observed.items() if scope != EVERYBODY}
    held = {cell for cell in cells if any(_covers(hold, cell) for hold in question.held)}
    everybody = question.observed[EVERYBODY]
    for cell in held:
        everybody = without(everybody, cells[cell])
    free = {cell: seen for cell, seen in cells.items() if cell not in held}
    return Parts(everybody, free if len(cells) > 1 else {}, len(cells))


def _covers(hold: Scope, cell: Scope) -> bool:
    return hold.route in ("", cell.route) and hold.cohort in ("", cell.cohort)


def smallest(
    parts: Parts,
    fails: Callable[[Observed, float], bool],
    guilt: Callable[[Observed], float],
    still: Callable[[Observed], bool],
) -> Scope | None:
    """Return what has to go back; None if nothing has.

    `fails` tells whether a part of the callers is bad beyond doubt, given its part of the
    false-alarm budget. `guilt` is how bad a cell is by itself, above 0 if it has a share in it.
    `still` tells whether those who are left when the guilty are taken out are bad too.

    If everybody is bad, the guilty cells are taken out one by one, the worst first: as soon as
    those who are left are well, it was only these, and the worst of them is the answer (the
    next one is so at the next question). If they never are, it is everybody.
    """

    def worst_first(scope: Scope) -> tuple[float, Scope]:
        return -guilt(parts.cells[scope]), scope

    if not fails(parts.everybody, parts.budget(EVERYBODY)):
        failing = [s for s in parts.cells if fails(parts.cells[s], parts.budget(s))]
        return min(failing, key=worst_first, default=None)
    order = sorted(parts.cells, key=worst_first)
    rest = parts.everybody
    for taken, scope in enumerate(order, 1):
        if guilt(parts.cells[scope]) <= 0:
            break
        rest = without(rest, parts.cells[scope])
        if not still(rest):
            return order[0] if taken < len(order) else EVERYBODY
    return EVERYBODY


def to_roll_back(scope: Scope) -> Scope:
    """Return what goes back where a scope is worse: itself, as far as it can be told apart.

    Who the others are nobody knows beforehand, so it is their route, or everybody.
    """
    return scope._replace(cohort="") if scope.cohort == OTHERS else scope


def without(every: Observed, part: Observed) -> Observed:
    """Return what was observed outside of a part. Times are not known of it.

    A key that met a metric both inside and outside is left out; it was assigned by the same hash
    as all others, so those who are left are as good a sample.
    """
    return Observed(
        segment=_each(_fewer, every.segment, part.segment),
        recent=_each(_fewer, every.recent, part.recent),
        window=_each(_fewer, every.window, part.window),
        evidence=_each(_less, every.evidence, part.evidence),
    )


def _each(take: Callable[[_T, _T], _T], every: tuple[_T, _T], part: tuple[_T, _T]) -> tuple[_T, _T]:
    return take(every[0], part[0]), take(every[1], part[1])


_COUNTED = [each.name for each in fields(Seen) if each.name not in ("p50", "p95")]


def _fewer(every: Seen, part: Seen) -> Seen:
    counts = {what: max(getattr(every, what) - getattr(part, what), 0) for what in _COUNTED}
    return Seen(**counts)


def _less(every: Evidence, part: Evidence) -> Evidence:
    keys = {what: max(n - part.keys.get(what, 0), 0) for what, n in every.keys.items()}
    return Evidence(max(every.active - part.active, 0.0), keys)
