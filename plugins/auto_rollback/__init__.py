"""Rolls a rollout back when new is worse than legacy, and shows when it is not.

What it does is told per rollout, in the `rollback` section; it has no settings of its own.
"""

from proxy.api import Application, Question, Settings, Verdict, hook

from .brake import Brake
from .noninferiority import gate
from .scopes import parts_of

NAME = "auto_rollback"


class AutoRollback(Application):
    """Remembers nothing: each verdict follows from its question alone."""

    version = "1.0"
    settings: Settings

    @hook
    def judge(self, question: Question) -> Verdict | None:
        """Judge the rollouts whose `rollback.judge` names this plugin."""
        if not question.settings.enabled or question.settings.judge != NAME:
            return None
        parts = parts_of(question)
        if question.kind == "gate":
            return gate(question, parts.everybody)
        return Brake(question, parts).verdict()
