"""Asks the applications that have the hook `judge`."""

from collections.abc import Iterable
from typing import get_args

from proxy.api.judging import Question, Verdict
from proxy.pluginhost.guard import WrongResultError
from proxy.pluginhost.instances import ApplicationInstance

__all__ = ["FAULT", "verdicts"]

FAULT = "fault"
"""The key in a verdict's evidence that tells that a judge has failed, and which."""

_KINDS = frozenset(get_args(Verdict.__annotations__["kind"]))


def verdicts(applications: Iterable[ApplicationInstance], question: Question) -> list[Verdict]:
    """Return what each judge finds, without those that have no opinion.

    A judge that raises, answers something else than a verdict, or is quarantined holds: what
    it would have said is not known.
    """
    found = (_ask(one, question) for one in applications if "judge" in one.calls)
    return [verdict for verdict in found if verdict is not None]


def _ask(one: ApplicationInstance, question: Question) -> Verdict | None:
    guard = one.guard
    if guard.quarantined:
        return _fault(one, "is quarantined")
    before = guard.count
    said = one.tell("judge", question)
    if guard.count != before:
        return _fault(one, "failed to judge")
    if said is None or (isinstance(said, Verdict) and said.kind in _KINDS):
        return said
    guard.fault("judge", WrongResultError("judge returned neither a Verdict nor None"))
    return _fault(one, "gave no verdict that can be read")


def _fault(one: ApplicationInstance, said: str) -> Verdict:
    name = one.code.name
    why = f"plugin {name} {said}; see crossfade plugins"
    return Verdict("hold", why, evidence={FAULT: name})
