"""How many retries there may be."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.retry_budget import RetryBudget
from tests.kit.properties import examples


def test_there_are_some_retries_a_second_however_few_requests_there_are() -> None:
    budget = RetryBudget(0.2, 2.0)
    assert budget.left(0.0) == 20
    assert [budget.take(0.0) for _ in range(21)] == [True] * 20 + [False]


def test_many_requests_allow_their_share_of_retries() -> None:
    budget = RetryBudget(0.2, 2.0)
    for _ in range(500):
        budget.request(3.0)
    assert budget.left(3.0) == 100


def test_what_was_taken_and_asked_is_forgotten_after_the_window() -> None:
    budget = RetryBudget(0.5, 0.1)
    for _ in range(10):
        budget.request(0.0)
    assert [budget.take(5.0) for _ in range(6)] == [True] * 5 + [False]
    assert budget.left(9.9) == 0
    assert budget.left(10.0) == 0, "the requests are gone, and one a window is left of taken five"
    assert budget.left(15.0) == 1


def test_a_share_of_nothing_and_no_least_number_is_no_retry_at_all() -> None:
    budget = RetryBudget(0.05, 0.0)
    assert not budget.take(0.0)
    for _ in range(19):
        budget.request(0.0)
    assert not budget.take(0.0)
    budget.request(0.0)
    assert budget.take(0.0)


@examples(200)
@given(
    st.floats(0, 1),
    st.floats(0, 5),
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0]), st.booleans()), max_size=80),
)
def test_in_no_window_more_is_taken_than_what_its_end_allows(
    share: float, least: float, steps: list[tuple[float, bool]]
) -> None:
    budget = RetryBudget(share, least)
    now = 0.0
    requests: list[float] = []
    taken: list[float] = []
    for passed, is_request in steps:
        now += passed
        if is_request:
            budget.request(now)
            requests.append(now)
        elif budget.take(now):
            taken.append(now)
            lately = [sum(at // 1 > now // 1 - 10 for at in each) for each in (requests, taken)]
            assert lately[1] <= max(share * lately[0], least * 10) + 1e-6
