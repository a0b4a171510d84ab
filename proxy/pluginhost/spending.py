"""Asks the applications that meter whether a call may be paid for, and tells them what it took."""

import asyncio
from collections.abc import Callable, Iterable

from proxy.api.spending import ALLOWED, PlannedSpend, SettledSpend, SpendAnswer, worst
from proxy.pluginhost.guard import CATCHABLE, WrongResultError
from proxy.pluginhost.instances import ApplicationInstance

__all__ = ["Metering", "Spending"]

_PLANNED, _SETTLED = "spend_planned", "spend_settled"

Metering = Callable[[], Iterable[ApplicationInstance] | None]
"""Returns the applications that are to be asked; None while none serve yet."""


class Spending:
    """One for the process. What cannot be metered is not sent."""

    def __init__(self, metering: Metering) -> None:
        """`metering` is asked anew each time."""
        self._metering = metering
        self._serves: asyncio.Event | None = None

    def serves(self) -> None:
        """Take in that there are applications to be asked."""
        if self._serves is not None:
            self._serves.set()

    async def plan(self, attempt: PlannedSpend) -> SpendAnswer:
        """Return whether it may be sent. Waits until a configuration serves; never raises."""
        applications = await self._asked()
        if not applications:
            return ALLOWED
        answers: list[SpendAnswer] = []
        allowed: list[ApplicationInstance] = []
        for one in applications:
            try:
                answer = await self._ask(one, attempt)
            except asyncio.CancelledError:
                self._withdraw(attempt, (*allowed, one))
                raise
            if not answer.allowed:
                self._withdraw(attempt, allowed)
                return answer
            allowed.append(one)
            answers.append(answer)
        return answers[0] if len(answers) == 1 else worst(answers)

    def settle(self, entry: SettledSpend) -> None:
        """Tell all of them; their faults are counted."""
        for one in tuple(self._metering() or ()):
            one.tell(_SETTLED, entry)

    async def _asked(self) -> tuple[ApplicationInstance, ...]:
        while (applications := self._metering()) is None:
            if self._serves is None:
                self._serves = asyncio.Event()
            self._serves.clear()
            await self._serves.wait()
        return tuple(one for one in applications if _PLANNED in one.calls)

    async def _ask(self, one: ApplicationInstance, attempt: PlannedSpend) -> SpendAnswer:
        guard = one.guard
        if guard.quarantined:
            return _unmetered(one, "is quarantined")
        guard.calls += 1
        try:
            answer = await one.calls[_PLANNED](attempt)
            if answer is not None and not isinstance(answer, SpendAnswer):
                raise WrongResultError("spend_planned returned neither a SpendAnswer nor None")
        except CATCHABLE as error:
            guard.fault(_PLANNED, error)
            return _unmetered(one, "failed")
        return ALLOWED if answer is None else answer

    def _withdraw(self, attempt: PlannedSpend, allowed: Iterable[ApplicationInstance]) -> None:
        """Tell those who have allowed it that it was never sent."""
        entry = SettledSpend(attempt, attempt.at, "failed", "refused", source="none")
        for one in allowed:
            one.tell(_SETTLED, entry)


def _unmetered(one: ApplicationInstance, what: str) -> SpendAnswer:
    says = f"What the request costs cannot be metered: plugin {one.code.name} {what}."
    return SpendAnswer(False, says=says, status=503)
