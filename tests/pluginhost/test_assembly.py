"""The order of the hooks on a route, and what a quarantine makes of them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.pluginhost.assembly import OF_ONE_ARM, assemble, in_service
from proxy.pluginhost.chains import Chains, Step
from proxy.pluginhost.guard import Guard, Quarantine
from tests.pluginhost.test_faults import Log


class Part:
    """As much of an instance as a chain is made of."""

    def __init__(
        self, name: str, *hooks: str, waits: bool = False, on_fault: str = "skip", arm: str = ""
    ) -> None:
        self.use = SimpleNamespace(arm=arm)
        self.guard: Guard = Log().guard(plugin=name)
        self.steps = {
            hook: Step(lambda name=name: name, self.guard, on_fault, waits) for hook in hooks
        }
        self.finished = self.steps.get("finished")


def chained(*uses: Part, watching: tuple[Part, ...] = ()) -> Chains:
    chains, parts = Chains(), [*uses]
    assemble(chains, parts, watching)  # type: ignore[arg-type]
    return chains


def names(steps: tuple[Step, ...]) -> list[Any]:
    return [step.call() for step in steps]


ALL = ("admit", "assign", "edit_request", "rewrite_request", "finished")


def test_requests_go_in_order_and_responses_in_reverse() -> None:
    hooks = (*ALL, "rewrite_response", "edit_response")
    chains = chained(Part("a", *hooks), Part("b", *hooks))
    for hook in ALL:
        assert names(getattr(chains, hook)) == ["a", "b"]
    assert names(chains.rewrite_response) == ["b", "a"]
    assert names(chains.edit_response) == ["b", "a"]


def test_a_use_for_one_arm_edits_and_rewrites_for_that_arm_alone() -> None:
    hooks = (*ALL, "rewrite_response", "edit_response")
    chains = chained(Part("a", *hooks), Part("b", *hooks, arm="new"))
    new, legacy = chains.of("new"), chains.of("legacy")
    for hook in OF_ONE_ARM:
        assert set(names(getattr(new, hook))) == set(names(getattr(chains, hook))) == {"a", "b"}
        assert names(getattr(legacy, hook)) == ["a"]
    for hook in ("admit", "assign", "finished"):
        assert names(getattr(legacy, hook)) == ["a", "b"]
    assert chains.of("none") is chains
    assert (new.of("legacy"), legacy.of("new")) == (legacy, new)


def test_a_quarantine_reaches_what_is_called_for_one_arm() -> None:
    part = Part("b", "edit_response", arm="new")
    chains = chained(part)
    new = chains.of("new")
    part.guard.quarantined = "too many faults"
    assemble(chains, [part], ())  # type: ignore[list-item]
    assert chains.of("new") is new
    assert new.edit_response == ()


def test_applications_are_told_last_that_a_request_is_over() -> None:
    chains = chained(Part("a", "finished"), watching=(Part("x"), Part("y", "finished")))
    assert names(chains.finished) == ["a", "y"]


def test_a_chain_waits_only_if_one_of_its_steps_does() -> None:
    assert not chained(Part("a", "admit")).admit_waits
    waiting = Part("b", "admit", waits=True)
    assert chained(Part("a", "admit"), waiting).admit_waits
    waiting.guard.quarantined = "too many faults"
    assert not chained(Part("a", "admit"), waiting).admit_waits


def test_a_quarantined_step_that_may_be_skipped_is_left_out() -> None:
    quarantined = Part("a", *ALL)
    quarantined.guard.quarantined = "too many faults"
    chains = chained(quarantined, Part("b", *ALL))
    assert [names(getattr(chains, hook)) for hook in ALL] == [["b"]] * len(ALL)


@pytest.mark.parametrize("on_fault", ["refuse", "legacy"])
def test_a_quarantined_step_that_may_not_be_skipped_refuses(on_fault: str) -> None:
    part = Part("a", "admit", on_fault=on_fault)
    part.guard.quarantined = "too many faults"
    [step] = chained(part).admit
    assert (step.guard, step.on_fault, step.waits) == (part.guard, on_fault, False)
    with pytest.raises(Quarantine, match="plugin a is quarantined: too many faults"):
        step.call("request")


def test_a_refusal_waits_where_the_hook_did() -> None:
    part = Part("a", "dispatch", waits=True, on_fault="refuse")
    assert in_service(part.steps["dispatch"]) is part.steps["dispatch"]
    part.guard.quarantined = "too many faults"
    step = in_service(part.steps["dispatch"])
    assert step is not None
    with pytest.raises(Quarantine):
        asyncio.run(step.call("request", b""))
