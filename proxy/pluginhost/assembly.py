"""Makes the chains of a route out of its uses, those in quarantine left out or refusing."""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from proxy.pluginhost.chains import Chains, Step
from proxy.pluginhost.guard import Guard, Quarantine
from proxy.pluginhost.instances import ApplicationInstance, UseInstance

__all__ = ["assemble", "in_service"]

FORWARD = ("admit", "assign", "edit_request", "rewrite_request", "finished")
"""Called in the order of the configuration."""

REVERSED = ("rewrite_response", "edit_response")
"""Called in reverse order: who came last on the way in is first on the way out."""


OF_ONE_ARM = ("edit_request", "rewrite_request", "rewrite_response", "edit_response")
"""Not called for a request of the other arm, where a use is for one arm alone."""


def assemble(
    chains: Chains,
    uses: Sequence[UseInstance],
    applications: Iterable[ApplicationInstance],
) -> None:
    """Give `chains` new tuples: the uses of one route, and whoever watches every route."""
    applications = tuple(applications)
    _fill(chains, uses, applications)
    if any(use.use.arm for use in uses):
        for arm in ("legacy", "new"):
            mine = chains.by_arm.setdefault(arm, Chains())
            mine.by_arm = chains.by_arm  # a request may still change its arm
            _fill(mine, uses, applications)
            alone = Chains()
            _fill(alone, [use for use in uses if use.use.arm in ("", arm)], ())
            for hook in OF_ONE_ARM:
                setattr(mine, hook, getattr(alone, hook))


def _fill(
    chains: Chains,
    uses: Sequence[UseInstance],
    applications: Iterable[ApplicationInstance],
) -> None:
    for hook in FORWARD:
        steps = [use.steps[hook] for use in uses if hook in use.steps]
        if hook == "finished":
            steps += [one.finished for one in applications if one.finished is not None]
        setattr(chains, hook, _serving(steps))
    for hook in REVERSED:
        steps = [use.steps[hook] for use in reversed(uses) if hook in use.steps]
        setattr(chains, hook, _serving(steps))
    chains.admit_waits = any(step.waits for step in chains.admit)


def in_service(step: Step) -> Step | None:
    """Return the step as it is to be called now; None if it is passed over."""
    if not step.guard.quarantined:
        return step
    if step.on_fault == "skip":
        return None
    return step._replace(call=_refusal(step.guard, waits=step.waits))


def _serving(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(now for step in steps if (now := in_service(step)) is not None)


def _refusal(guard: Guard, *, waits: bool) -> Any:
    def now(*_: object) -> NoReturn:
        raise Quarantine(f"plugin {guard.plugin} is quarantined: {guard.quarantined}")

    async def later(*_: object) -> NoReturn:
        now()

    return later if waits else now
