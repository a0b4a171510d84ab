"""A plugin finds what it needs to be careful with others in `proxy.api.resilience`."""

from proxy.api import resilience
from proxy.api.resilience import (
    BreakerRules,
    Breakers,
    RetryBudget,
    State,
    backoff,
    retry_after,
    should_retry,
)


def test_a_call_can_be_tried_again_with_nothing_but_what_the_api_offers() -> None:
    breakers, budget = Breakers(BreakerRules(min_calls=1)), RetryBudget(0.2, 0.1)
    budget.request(0.0)
    permit = breakers.permit("east", ("east", "west"), 0.0)
    assert permit is not None
    breakers["east"].failed(permit, 0.0, 0.5)
    assert breakers["east"].state(0.0) is State.OPEN
    wait = retry_after({"retry-after": "1"}, 0.0)
    assert wait == 1.0
    assert should_retry({}) is None
    assert backoff(0, 0.5) < wait
    assert breakers.permitted(("east", "west"), 1.0) == ("west",)
    assert budget.take(1.0)
    assert not budget.take(1.0)


def test_everything_that_is_offered_is_there_and_is_explained() -> None:
    for name in resilience.__all__:
        assert getattr(resilience, name) is not None
        assert isinstance(getattr(resilience, name), float) or getattr(resilience, name).__doc__
