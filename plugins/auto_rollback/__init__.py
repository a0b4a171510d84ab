"""Rolls a rollout back when new is worse than legacy, and shows when it is not.

What it does is told per rollout, in the `rollback` section; it has no settings of its own.
"""

from proxy.api import Application, Question, Settings, Verdict, hook

from .brake import Brake
from .noninferiority import gate
from .scopes import parts_of
from .watching import FORGOTTEN_SECONDS, Crossings

NAME = "auto_rollback"


class AutoRollback(Application):
    """Each verdict follows from its question, but for `slow`: that has to be met again."""

    version = "1.0"
    settings: Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._crossings: dict[str, Crossings] = {}

    @hook
    def judge(self, question: Question) -> Verdict | None:
        """Judge the rollouts whose `rollback.judge` names this plugin."""
        if not question.settings.enabled or question.settings.judge != NAME:
            return None
        parts = parts_of(question)
        crossings = self._of(question)
        if question.kind == "brake":
            return Brake(question, parts, crossings).verdict()
        found, watched = gate(question, parts.everybody), crossings.watched(question)
        # No step is left while it is not known whether new has become slow.
        return found._replace(kind="hold", why=str(watched)) if watched else found

    def _of(self, question: Question) -> Crossings:
        """Return what is remembered of a rollout; those that nobody asks about are forgotten."""
        kept = {
            name: one
            for name, one in self._crossings.items()
            if abs(question.now - one.asked) <= FORGOTTEN_SECONDS
        }
        self._crossings = kept
        return kept.setdefault(question.rollout, Crossings())
