"""What is done next after each failure: whom to ask, how long to wait, when to give up."""

from typing import Any

import pytest

from plugins.orchestrator.deciding.calls import Failure, FailureClass
from plugins.orchestrator.deciding.chain import MARGIN, Stop, Try
from plugins.orchestrator.deciding.matrix import MATRIX
from plugins.orchestrator.settings import OrchestratorSettings
from proxy.api.resilience import RetryBudget
from tests.plugins.orchestrator.deployed import settings
from tests.plugins.orchestrator.walking import Walk, fails

ALONE = {"mini": {"provider": "openai"}}
PAIR = {"mini": {"provider": "openai"}, "twin": {"provider": "openai"}}
PLACES = {**PAIR, "second": {"provider": "second"}}
MODELS = {
    "mini": {"provider": "openai"},
    "twin": {"provider": "second"},
    "large": {"provider": "openai", "model": "gpt-4o"},
    "other": {"provider": "openai", "model": "gpt-5"},
}
F = FailureClass
NINE = [Failure(FailureClass.SERVER, "500")] * 9


def several(
    deployments: dict[str, Any] = MODELS, models: Any = ("gpt-4o-mini",), **more: Any
) -> OrchestratorSettings:
    rules = [{"providers": ["openai"], "models": list(models)}]
    return settings(deployments, rules=rules, **more)


def stopped(walk: Walk, script: Any) -> Stop:
    stop = walk.walk(script)
    assert stop is not None
    return stop


def test_without_a_failure_there_is_one_attempt_with_the_time_of_its_provider() -> None:
    walk = Walk(settings(ALONE, at={"timeout": "7s"}))
    assert walk.walk({}) is None
    assert walk.steps == ["mini"]
    assert walk.tries[0].timeout == 7.0
    assert walk.tries[0].why == "the first"


def test_an_attempt_gets_no_more_than_what_is_left_but_for_a_margin() -> None:
    walk = Walk(settings(PAIR), deadline=10.0)
    first = walk.next()
    assert isinstance(first, Try)
    assert first.timeout == pytest.approx(10.0 - MARGIN)
    walk.fail(first, fails(F.CONNECT), after=4.0)
    second = walk.next()
    assert isinstance(second, Try)
    assert second.timeout == pytest.approx(6.0 - MARGIN)


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        # with: another of the same provider, another provider, another model by configuration
        (F.CONNECT, ["mini", "twin", "large"]),
        (F.SERVER, ["mini", "twin", "large"]),
        (F.MALFORMED, ["mini", "twin", "large"]),
        (F.AUTH, ["mini", "twin", "large"]),
        (F.RATE_LIMITED, ["mini", "twin", "large"]),
        (F.CONFLICT, ["mini", "twin", "wait 0.125", "mini"]),
        (F.TIMEOUT, ["mini"]),
        (F.INVALID, ["mini"]),
        (F.CONTENT_FILTER, ["mini"]),
        (F.CONTEXT_LENGTH, ["mini"]),
        (F.CUT, ["mini"]),
        (F.DEADLINE, ["mini"]),
        (F.CANCELLED, ["mini"]),
    ],
)
def test_each_way_of_failing_leads_where_the_matrix_says(
    kind: FailureClass, steps: list[str]
) -> None:
    walk = Walk(several(other_model={"gpt-4o-mini": ["gpt-4o"]}))
    stop = stopped(walk, fails(kind))
    assert walk.steps == steps
    assert stop.failure.kind is kind
    assert stop.code == MATRIX[kind].code


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        (F.CONNECT, ["mini"]),
        (F.SERVER, ["mini", "wait 0.125", "mini", "wait 0.25", "mini"]),
        (F.MALFORMED, ["mini"]),
        (F.AUTH, ["mini"]),
        (F.CONFLICT, ["mini", "wait 0.125", "mini"]),
        (F.RATE_LIMITED, ["mini", "wait 0.5", "mini", "wait 0.5", "mini"]),
        (F.QUOTA, ["mini"]),
    ],
)
def test_where_there_is_nobody_else_the_same_is_asked_again_if_that_can_help(
    kind: FailureClass, steps: list[str]
) -> None:
    walk = Walk(settings(ALONE))
    stopped(walk, fails(kind))
    assert walk.steps == steps


def test_others_are_asked_before_the_same_is_waited_for() -> None:
    walk = Walk(settings(PAIR))
    assert walk.walk({"mini": [fails(F.SERVER)], "twin": [fails(F.SERVER)]}) is None
    assert walk.steps == ["mini", "twin", "wait 0.125", "mini"]


def test_another_provider_is_asked_before_another_deployment_of_the_one_that_failed() -> None:
    walk = Walk(settings(PLACES))
    stopped(walk, fails(F.CONNECT))
    assert walk.steps == ["mini", "second", "twin"]


def test_a_credential_without_money_is_not_asked_again_by_another_name() -> None:
    walk = Walk(settings(PLACES))
    stop = stopped(walk, {"mini": [fails(F.QUOTA)], "second": [fails(F.SERVER)] * 3})
    assert walk.steps == ["mini", "second", "wait 0.25", "second"]
    assert stop.failure.kind is F.SERVER


def test_a_credential_without_money_opens_the_way_to_each_model_that_the_rule_allows() -> None:
    deployments = {**MODELS, "large": {"provider": "second", "model": "gpt-4o"}}
    del deployments["twin"]
    free = Walk(several(deployments, models=()))
    assert free.walk({"mini": [fails(F.QUOTA)]}) is None
    assert free.steps == ["mini", "large"]
    bound = Walk(several(deployments))
    stopped(bound, fails(F.QUOTA))
    assert bound.steps == ["mini"]


@pytest.mark.parametrize(
    ("models", "more"),
    [
        (("gpt-4o-mini", "gpt-5"), {}),
        (("gpt-4o-mini",), {"other_model": {"gpt-4o-mini": ["gpt-5"]}}),
    ],
)
def test_only_a_model_that_rule_or_settings_name_stands_in(
    models: tuple[str, ...], more: dict[str, Any]
) -> None:
    walk = Walk(several(models=models, **more))
    stopped(walk, fails(F.MALFORMED))
    assert walk.steps == ["mini", "twin", "other"]


def test_with_two_models_of_the_rule_the_second_stands_in_also_when_nobody_was_asked() -> None:
    walk = Walk(several(models=("gpt-4o-mini", "gpt-4o")))
    for name in ("mini", "twin"):
        walk.health.force(name, "forced_open", walk.now)
    step = walk.next()
    assert isinstance(step, Try)
    assert step.deployment.name == "large"
    why = "forced open: an operator said so"
    assert step.passed_over == (f"mini: {why}", f"twin: {why}")


def test_a_text_that_is_too_long_goes_to_the_declared_larger_model_alone() -> None:
    more: dict[str, Any] = {"other_model": {"gpt-4o-mini": ["gpt-4o"]}}
    walk = Walk(several(larger_model={"gpt-4o-mini": "gpt-5"}, **more))
    assert walk.walk({"mini": [fails(F.CONTEXT_LENGTH)]}) is None
    assert walk.steps == ["mini", "other"]
    again = Walk(several(larger_model={"gpt-4o-mini": "gpt-5"}, **more))
    stop = stopped(again, {"mini": [fails(F.CONTEXT_LENGTH)], "other": [fails(F.CONNECT)] * 3})
    assert again.steps == ["mini", "other"]
    assert stop.failure.kind is F.CONNECT


def test_after_a_timeout_nobody_is_asked_unless_the_operator_allows_to_repeat_it() -> None:
    safe = Walk(settings(PLACES))
    stop = stopped(safe, fails(F.TIMEOUT, uncertain=True))
    assert safe.steps == ["mini"]
    assert not stop.queues
    allowed = Walk(settings(PLACES, retry={"replay": "allow"}))
    stopped(allowed, fails(F.TIMEOUT, uncertain=True))
    assert allowed.steps == ["mini", "second"]


def test_a_timeout_never_leads_to_another_model() -> None:
    models = {name: one for name, one in MODELS.items() if name != "twin"}
    walk = Walk(several(models, models=("gpt-4o-mini", "gpt-4o"), retry={"replay": "allow"}))
    stopped(walk, fails(F.TIMEOUT, uncertain=True))
    assert walk.steps == ["mini"]


@pytest.mark.parametrize("wait", [0.0, 0.2, 19.0])
def test_a_retry_after_that_is_short_enough_is_waited_for(wait: float) -> None:
    walk = Walk(settings(ALONE))
    assert walk.walk({"mini": [fails(F.RATE_LIMITED, retry_after=wait)]}) is None
    assert walk.steps == (["mini", f"wait {wait:.3g}", "mini"] if wait else ["mini", "mini"])


@pytest.mark.parametrize(
    ("wait", "deadline", "more"),
    [(21.0, 60.0, {}), (5.0, 5.0, {}), (3.0, 60.0, {"retry": {"wait_most": "2s"}})],
)
def test_a_retry_after_that_is_too_long_is_told_to_the_caller_at_once(
    wait: float, deadline: float, more: dict[str, Any]
) -> None:
    walk = Walk(settings(ALONE, **more), deadline=deadline)
    stop = stopped(walk, fails(F.RATE_LIMITED, retry_after=wait))
    assert walk.steps == ["mini"]
    assert stop.retry_after == pytest.approx(wait)
    assert stop.queues


def test_a_provider_that_says_not_to_come_back_is_obeyed() -> None:
    walk = Walk(settings(ALONE))
    stopped(walk, fails(F.SERVER, may_retry=False))
    assert walk.steps == ["mini"]


def test_where_all_are_throttled_the_least_wait_is_told() -> None:
    walk = Walk(settings(PAIR))
    script = {
        "mini": [fails(F.RATE_LIMITED, retry_after=50.0)],
        "twin": [fails(F.RATE_LIMITED, retry_after=40.0)],
    }
    stop = stopped(walk, script)
    assert walk.steps == ["mini", "twin"]
    assert (stop.code, stop.retry_after) == ("rate_limit_exceeded", 40.0)


def test_what_another_request_has_throttled_is_waited_for_and_not_asked() -> None:
    first = Walk(settings(ALONE))
    stopped(first, {"mini": [fails(F.RATE_LIMITED, retry_after=25.0)]})
    later = Walk(settings(ALONE), health=first.health)
    stop = stopped(later, {})
    assert later.steps == []
    assert (stop.failure.kind, stop.retry_after, stop.queues) == (F.RATE_LIMITED, 25.0, True)
    patient = Walk(settings(ALONE), health=first.health)
    patient.now += 10.0
    assert patient.walk({}) is None
    assert patient.steps == ["wait 15", "mini"]


def test_where_everybody_is_left_alone_nothing_is_sent_and_it_may_be_queued() -> None:
    walk = Walk(settings(ALONE))
    walk.health.force("mini", "forced_open", walk.now)
    stop = stopped(walk, {})
    assert walk.steps == []
    assert (stop.code, stop.queues, stop.retry_after) == ("provider_unavailable", True, None)
    assert stop.passed_over == ("mini: forced open: an operator said so",)
    assert "nobody was asked" in stop.failure.says


def test_a_single_deployment_is_asked_though_its_breaker_is_open_one_call_at_a_time() -> None:
    said = settings(ALONE, breaker={"connect_failures": 1})
    walk = Walk(said)
    stopped(walk, fails(F.CONNECT))
    assert walk.health.standing(walk.now)[0].state == "open"
    one, other = (Walk(said, health=walk.health) for _ in range(2))
    assert isinstance(one.next(), Try)
    stop = other.next()
    assert isinstance(stop, Stop)
    assert stop.retry_after is not None
    assert 13.0 < stop.retry_after < 17.0


def test_what_nobody_can_serve_ends_before_anybody_is_asked() -> None:
    walk = Walk(settings(ALONE), tokens=10**9)
    stop = stopped(walk, {})
    assert (stop.code, stop.queues, walk.steps) == ("invalid_request", False, [])


def test_without_time_nobody_is_asked() -> None:
    walk = Walk(settings(ALONE), deadline=MARGIN)
    stop = stopped(walk, {})
    assert stop.failure.kind is F.DEADLINE
    assert walk.steps == []


def test_when_the_time_is_over_the_failure_that_there_was_is_told() -> None:
    walk = Walk(settings(PAIR), deadline=5.0)
    first = walk.next()
    assert isinstance(first, Try)
    walk.fail(first, fails(F.SERVER), after=5.0)
    stop = walk.next()
    assert isinstance(stop, Stop)
    assert stop.failure.kind is F.SERVER


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_there_are_never_more_attempts_than_allowed(attempts: int) -> None:
    deployments = {f"d{number}": {"provider": "openai"} for number in range(6)}
    walk = Walk(settings(deployments, retry={"attempts": attempts}))
    stopped(walk, fails(F.CONNECT))
    assert len(walk.tries) == attempts


def test_without_budget_the_same_is_not_asked_again() -> None:
    walk = Walk(settings(ALONE), budget=RetryBudget(0.0, 0.0))
    stop = stopped(walk, fails(F.SERVER))
    assert walk.steps == ["mini", "wait 0.125"]
    assert (stop.failure.kind, stop.exhausted) == (F.SERVER, True)


def test_another_one_that_is_well_is_asked_without_budget() -> None:
    budget = RetryBudget(0.0, 0.1)
    walk = Walk(settings(PLACES), budget=budget)
    stop = stopped(walk, fails(F.CONNECT))
    assert walk.steps == ["mini", "second", "twin"]
    assert not stop.exhausted
    assert budget.left(walk.now) == 1


def test_the_budget_is_asked_after_the_wait_and_not_before() -> None:
    budget = RetryBudget(0.0, 0.1)
    walk = Walk(settings(ALONE), budget=budget)
    first = walk.next()
    assert isinstance(first, Try)
    walk.fail(first, fails(F.SERVER))
    assert budget.left(walk.now) == 1
    walk.chain.next(walk.now)
    assert budget.left(walk.now) == 1
    assert isinstance(walk.next(), Try)
    assert budget.left(walk.now) == 0


def test_what_the_budget_does_not_allow_gives_its_place_at_a_probe_back() -> None:
    said = settings(PAIR, breaker={"connect_failures": 1, "probes": 1, "open": "1s"})
    ill = Walk(said)
    stopped(ill, {"mini": NINE, "twin": [fails(F.CONNECT)]})
    walk = Walk(said, health=ill.health, budget=RetryBudget(0.0, 0.0))
    walk.now = ill.now + 2.0
    assert walk.health.standing(walk.now)[1].state == "half_open"
    stop = stopped(walk, fails(F.SERVER))
    assert (walk.steps, stop.exhausted) == (["mini"], True)
    assert walk.health.permit("twin", ["mini", "twin"], walk.now) is not None


class TestHedge:
    def test_it_goes_to_another_deployment_of_the_same_model(self) -> None:
        walk = Walk(several(models=("gpt-4o-mini", "gpt-4o")))
        assert isinstance(walk.next(), Try)
        hedge = walk.chain.hedge(walk.now + 1.0)
        assert hedge is not None
        assert (hedge.deployment.name, hedge.hedge) == ("twin", True)
        assert walk.chain.hedge(walk.now + 1.0) is None

    def test_it_counts_as_an_attempt_and_draws_on_the_budget(self) -> None:
        budget = RetryBudget(0.0, 0.1)
        walk = Walk(settings(PLACES, retry={"attempts": 2}), budget=budget)
        assert isinstance(walk.next(), Try)
        assert walk.chain.hedge(walk.now) is not None
        assert budget.left(walk.now) == 0
        assert walk.chain.attempts == 2
        assert walk.chain.hedge(walk.now) is None

    def test_without_budget_there_is_none_and_the_first_attempt_goes_on(self) -> None:
        walk = Walk(settings(PAIR), budget=RetryBudget(0.0, 0.0))
        first = walk.next()
        assert isinstance(first, Try)
        assert walk.chain.hedge(walk.now) is None
        walk.fail(first, Failure(F.CONTENT_FILTER, "no"))
        stop = walk.next()
        assert isinstance(stop, Stop)
        assert not stop.exhausted

    def test_there_is_none_when_there_is_no_time_for_it(self) -> None:
        walk = Walk(settings(PAIR), deadline=1.0)
        assert isinstance(walk.next(), Try)
        assert walk.chain.hedge(walk.now + 0.96) is None
