"""Whatever budgets refuse in whatever order: nothing of it counts, and the chain ends."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import FailureClass
from plugins.orchestrator.deciding.chain import Stop, Try
from proxy.api.spending import SpendAnswer
from tests.kit.properties import examples
from tests.plugins.orchestrator.deployed import settings
from tests.plugins.orchestrator.walking import Walk, fails

THREE = {
    "large": {"provider": "openai", "model": "large"},
    "twin": {"provider": "azure", "model": "large"},
    "small": {"provider": "openai", "model": "small"},
    "least": {"provider": "azure", "model": "least"},
}
CHEAPER = {"large": "small", "small": "least"}
ORDER = ("large", "small", "least")


def walk(attempts: int = 3) -> Walk:
    return Walk(
        settings(
            THREE,
            rules=[{"models": ["large"]}],
            cheaper_model=CHEAPER,
            retry={"attempts": attempts},
        )
    )


def refusal(instead: Literal["reject", "cheaper_model", "queue"]) -> SpendAnswer:
    return SpendAnswer(False, instead, "daily", "It is spent.", 60.0)


def refuse(it: Walk, step: Try, answer: SpendAnswer) -> None:
    it.health.ignored(step.deployment.name, step.permit)
    it.chain.refused(step.deployment, answer)


def tried(step: Try | Stop) -> Try:
    assert isinstance(step, Try)
    return step


def stopped(step: Try | Stop) -> Stop:
    assert isinstance(step, Stop)
    return step


@pytest.mark.parametrize("attempts", [1, 3])
def test_ever_cheaper_models_are_asked_and_what_was_refused_does_not_count(attempts: int) -> None:
    it = walk(attempts)
    for model in ORDER:
        step = tried(it.next())
        assert step.deployment.model == model
        assert it.chain.attempts == 1
        refuse(it, step, refusal("cheaper_model"))
        assert it.chain.attempts == 0
    stop = stopped(it.next())
    assert (stop.failure.kind, stop.code) == (FailureClass.BUDGET, "cost_limit_exceeded")
    assert (stop.retry_after, stop.queues) == (60.0, False)


def test_from_a_cheaper_model_no_failure_leads_back_to_the_dearer_one() -> None:
    it = walk()
    refuse(it, tried(it.next()), refusal("cheaper_model"))
    step = tried(it.next())
    it.fail(step, fails(FailureClass.AUTH))
    assert stopped(it.next()).failure.kind is FailureClass.AUTH


def test_a_model_that_no_deployment_in_reach_has_is_no_cheaper_one() -> None:
    it = Walk(
        settings(
            {"large": {**THREE["large"], "zone": "eu"}, "small": {**THREE["small"], "zone": "us"}},
            rules=[{"models": ["large"]}],
            cheaper_model={"large": "small"},
        )
    )
    step = tried(it.next())
    assert it.chain.cheaper_than(step.deployment) == ""
    refuse(it, step, refusal("cheaper_model"))
    assert stopped(it.next()).code == "cost_limit_exceeded"


def test_only_what_budgets_want_queued_is_queued() -> None:
    for instead in ("reject", "cheaper_model", "queue"):
        it = walk()
        step = tried(it.next())
        it.chain._cheaper = {}
        refuse(it, step, refusal(instead))
        assert stopped(it.next()).queues == (instead == "queue")


TURN = st.sampled_from(["reject", "cheaper_model", "queue", "server", "rate_limited", "timeout"])


@given(st.lists(TURN, max_size=8), st.integers(1, 3))
@examples(200)
def test_a_chain_ends_and_asks_nobody_dearer_whatever_is_refused(
    turns: list[str], attempts: int
) -> None:
    it = walk(attempts)
    cheapest, refused, failed = 0, False, 0
    for turn in turns:
        step = it.next()
        if isinstance(step, Stop):
            break
        assert failed < attempts
        assert ORDER.index(step.deployment.model) >= cheapest
        cheapest = ORDER.index(step.deployment.model)
        if turn in ("reject", "cheaper_model", "queue"):
            refuse(it, step, refusal(turn))  # type: ignore[arg-type]
            cheapest += turn == "cheaper_model"
            refused = True
            if turn != "cheaper_model" or cheapest == len(ORDER):
                assert isinstance(it.next(), Stop)
                break
        else:
            it.fail(step, fails(FailureClass(turn)))
            failed += 1
    if isinstance(step := it.next(), Stop) and refused and not failed:
        assert step.failure.kind is FailureClass.BUDGET
        assert step.refusal is not None
    assert it.chain.attempts <= attempts
