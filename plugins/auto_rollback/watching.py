"""What is remembered of a rollout's crossings: which are watched, and which are forgiven.

A crossing that is forgiven is taken out: counting starts again from the counts of then, and
that is one more stretch of evidence to be paid for out of `alpha`. Arithmetic is in `patience`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from proxy.api import Observed, Question, Scope

from .bounds import legacy_is_sick
from .evidence import Finding, finding
from .patience import (
    ECHO_SECONDS,
    METRIC,
    NOTHING,
    Counts,
    Outlook,
    counted,
    fresh,
    outlook,
    since,
)
from .scopes import EVERYBODY, Parts, parts_of
from .worse import crosses, worse

__all__ = ["FORGOTTEN_SECONDS", "Crossing", "Crossings"]

FORGOTTEN_SECONDS = 3600.0
"""A rollout that nobody asks about for so long is gone."""

_GAP_SECONDS = 60.0
"""Who was not asked for so long does not know what went on meanwhile."""

_Marks = Mapping[Scope, Counts]


class Crossing(NamedTuple):
    """A crossing, and what fresh keys say of it."""

    scope: Scope
    """What would go back."""
    outlook: Outlook
    whole: Finding
    fresh: Finding

    def __str__(self) -> str:
        if self.outlook == "goes on":
            return f"{self.whole}; it goes on, since it crossed {self.fresh}"
        return f"{self.whole}; crossed; watching whether it goes on"


@dataclass
class _Watch:
    begun: float
    marks: _Marks
    """The counts at the crossing."""
    scope: Scope


class Crossings:
    """Those of one rollout, by the scope whose bound was crossed."""

    def __init__(self) -> None:
        self.asked = 0.0
        """When it was looked at last."""
        self._last: Crossing | None = None
        self._segment = 0
        self._highest = 0
        """The last ordinal but 0, which is that of settling."""
        self._share = 0.0
        self._requests = (0, 0)
        self._forgiven: dict[Scope, int] = {}
        self._origins: dict[Scope, _Marks] = {}
        """From where counting has started again."""
        self._watches: dict[Scope, _Watch] = {}

    def look(self, question: Question) -> Crossing | None:
        """Look at the metric; return the crossing that counts most, None without one."""
        self._see(question)
        for crossed, scope in self._crossed(question):
            marks = _marks(question, crossed)
            watch = self._watches.setdefault(crossed, _Watch(question.now, marks, scope))
            watch.scope = scope
        found = [self._follow(question, crossed) for crossed in list(self._watches)]
        told = [one for one in found if one]
        self._last = min(told, key=_counts_most, default=None)
        return self._last

    def watched(self, question: Question) -> Crossing | None:
        """Return what the last look found, if it was at the same stretch of evidence."""
        return self._last if question.segment == self._segment else None

    def whole(self, question: Question, scope: Scope) -> Finding | None:
        """Return what the metric says of a scope, without what was forgiven."""
        parts = self._parts(question, scope)
        seen = parts.cells.get(scope, parts.everybody)
        return finding(METRIC, self._paying(question, scope), seen, parts.budget(scope))

    def _see(self, question: Question) -> None:
        """Forget what belongs to another stretch of evidence.

        What was forgiven in this run stays paid for: the next stretch comes after it. A stretch
        of a lower ordinal is another run.
        """
        segment, requests = question.segment, counted(question.observed[EVERYBODY]).requests
        fewer = any(now < then for now, then in zip(requests, self._requests, strict=True))
        unseen = abs(question.now - self.asked) > _GAP_SECONDS
        if segment != self._segment or question.share != self._share or fewer or unseen:
            self._origins, self._watches = {}, {}
        if 0 < segment < self._highest:
            self._forgiven = {}
        self._highest = segment or self._highest
        self._segment, self._share = segment, question.share
        self._requests, self.asked = requests, question.now

    def _origin(self, scope: Scope) -> _Marks:
        return self._origins.get(scope) or self._origins.get(EVERYBODY, {})

    def _parts(self, question: Question, scope: Scope) -> Parts:
        return _parts_since(question, self._origin(scope))

    def _paying(self, question: Question, scope: Scope) -> Question:
        """Return the question as if the forgiven crossings were stretches before this one."""
        forgiven = self._forgiven.get(EVERYBODY, 0)
        if scope != EVERYBODY:
            forgiven += self._forgiven.get(scope, 0)
        return replace(question, segment=question.segment + forgiven) if forgiven else question

    def _crossed(self, question: Question) -> Iterator[tuple[Scope, Scope]]:
        """Yield the scopes whose bound is crossed, each with what has to go back for it."""
        parts, asked = self._parts(question, EVERYBODY), self._paying(question, EVERYBODY)
        if crosses(METRIC, asked, parts.everybody, parts.budget(EVERYBODY)):
            yield EVERYBODY, worse(METRIC, asked, parts) or EVERYBODY
            return
        for cell in parts.cells:
            seen = _since(question, cell, self._origin(cell))
            if crosses(METRIC, self._paying(question, cell), seen, parts.budget(cell)):
                yield cell, cell

    def _follow(self, question: Question, crossed: Scope) -> Crossing | None:
        """Look how a crossing goes on; None when it is done with."""
        watch = self._watches.get(crossed)
        if watch is None:
            return None
        watch.begun = min(watch.begun, question.now)  # a clock may be put back
        seconds = question.now - watch.begun
        if seconds < ECHO_SECONDS:
            watch.marks = _marks(question, crossed)
        parts = _parts_since(question, watch.marks)
        gone = watch.scope != EVERYBODY and watch.scope not in parts.cells
        seen = parts.everybody if gone else parts.observed(watch.scope)
        now, whole = fresh(question, seen), self.whole(question, watch.scope)
        if gone or now is None or whole is None:
            del self._watches[crossed]
            return None
        found = outlook(now, seen, question, seconds)
        if found == "over":
            self._forgive(question, crossed)
            return None
        if found == "goes on" and legacy_is_sick(seen, question):
            found = "open"
        return Crossing(watch.scope, found, whole, now)

    def _forgive(self, question: Question, crossed: Scope) -> None:
        """Start again from now; with everybody each part does so too."""
        self._forgiven[crossed] = self._forgiven.get(crossed, 0) + 1
        if crossed == EVERYBODY:
            self._origins, self._watches = {}, {}
        self._origins[crossed] = _marks(question, crossed)
        self._watches.pop(crossed, None)


def _counts_most(one: Crossing) -> tuple[bool, bool]:
    return one.outlook != "goes on", one.scope != EVERYBODY


def _marks(question: Question, crossed: Scope) -> _Marks:
    """Return the counts of now that are needed to begin a scope anew."""
    observed = question.observed
    wanted = observed if crossed == EVERYBODY else (crossed,)
    return {scope: counted(observed[scope]) for scope in wanted if scope in observed}


def _since(question: Question, scope: Scope, marks: _Marks) -> Observed:
    return since(question.observed[scope], marks.get(scope, NOTHING))


def _parts_since(question: Question, marks: _Marks) -> Parts:
    observed = {scope: _since(question, scope, marks) for scope in question.observed}
    return parts_of(replace(question, observed=observed))
