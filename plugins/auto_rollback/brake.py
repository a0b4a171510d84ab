"""The brake: what is asked each second, from the bluntest proof to the finest."""

from typing import Any

from proxy.api import Question, Scope, Verdict

from .bounds import broken, collapse, legacy_is_sick
from .evidence import Finding, find
from .patience import METRIC as PATIENT
from .scopes import EVERYBODY, Parts, smallest, to_roll_back
from .watching import Crossing, Crossings
from .worse import worse

__all__ = ["Brake"]


class Brake:
    """One question, and its answer: `verdict`."""

    def __init__(self, question: Question, parts: Parts, crossings: Crossings) -> None:
        """`crossings` is what is remembered of the rollout."""
        self.question = question
        self.settings: Any = question.settings
        self.parts = parts
        self.crossings = crossings
        self.crossing: Crossing | None = None

    def verdict(self) -> Verdict:
        """Return the first that holds: sick legacy, collapse, evidence, absolute bound, doubt."""
        every = self.parts.everybody
        sick = legacy_is_sick(every, self.question)
        if sick:
            return self._say("hold" if self.question.local else "freeze", sick)
        found = self._collapsed() if self.settings.fast_path else None
        if found or self.question.local:
            alone = "the store is lost: only a collapse is acted on by what one replica sees"
            return found or self._say("hold", alone)
        return self._proven() or self._broken() or self._watching() or self._calm()

    def _say(self, kind: Any, why: str, scope: Scope = EVERYBODY) -> Verdict:
        told = {metric: found.told() for metric, found in self._findings(scope).items()}
        if self.crossing and self.crossing.scope == scope:
            told[PATIENT]["fresh"] = self.crossing.fresh.told()
        return Verdict(kind, why, to_roll_back(scope), told)

    def _findings(self, scope: Scope) -> dict[str, Finding]:
        found = find(self.question, self.parts.observed(scope), self.parts.budget(scope))
        if PATIENT in found and (whole := self.crossings.whole(self.question, scope)):
            found[PATIENT] = whole
        return found

    def _collapsed(self) -> Verdict | None:
        """Find what has collapsed; who is left after the guilty needs no volume to be so too."""
        scope = smallest(
            self.parts,
            lambda seen, _: bool(collapse(seen, self.question)),
            lambda seen: seen.recent[1].errors if collapse(seen, self.question, least=1) else 0,
            lambda seen: bool(collapse(seen, self.question, least=1)),
        )
        if scope is None:
            return None
        return self._say(
            "fail", collapse(self.parts.observed(scope), self.question, least=1), scope
        )

    def _proven(self) -> Verdict | None:
        """Find the widest scope that any metric proves to be worse on new."""
        verdicts = [
            self._confirmed() if metric == PATIENT else self._worse(metric)
            for metric in self.settings.metrics
        ]
        found = [verdict for verdict in verdicts if verdict]
        return min(found, key=lambda verdict: verdict.scope != EVERYBODY, default=None)

    def _worse(self, metric: str) -> Verdict | None:
        scope = worse(metric, self.question, self.parts)
        if scope is None:
            return None
        return self._say("fail", f"new is worse: {self._findings(scope)[metric]}", scope)

    def _confirmed(self) -> Verdict | None:
        """Find what is slower on new, and was seen to go on being so."""
        self.crossing = self.crossings.look(self.question)
        if self.crossing is None or self.crossing.outlook != "goes on":
            return None
        return self._say("fail", f"new is worse: {self.crossing}", self.crossing.scope)

    def _watching(self) -> Verdict | None:
        if self.crossing is None:
            return None
        return self._say("hold", str(self.crossing), self.crossing.scope)

    def _broken(self) -> Verdict | None:
        why = broken(self.parts.everybody, self.settings)
        if not why:
            return None
        return self._say("fail" if self.settings.absolute.rolls_back else "pause", why)

    def _calm(self) -> Verdict:
        requests, least = self.parts.everybody.segment[1].requests, self.settings.min_requests
        if requests < least:
            return self._say("hold", f"{requests} of {least} requests on new")
        return self._say("pass", "nothing speaks against new")
