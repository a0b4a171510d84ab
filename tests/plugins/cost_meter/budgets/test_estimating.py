"""How much is held back follows what others of the kind have cost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.budgets.estimating import Estimates
from tests.kit.properties import examples


def test_what_is_not_known_yet_is_held_back_whole() -> None:
    fresh = Estimates({})
    assert fresh.amount("kind", 1000, "strict") == 1000
    for _ in range(19):
        fresh.learn("kind", 1000, 1000, 100)
    assert fresh.amount("kind", 1000, "statistical") == 1000
    fresh.learn("kind", 1000, 1000, 100)
    assert fresh.amount("kind", 1000, "statistical") == 100
    assert fresh.amount("kind", 1000, "strict") == 1000
    assert fresh.amount("other", 1000, "statistical") == 1000


def test_estimates_that_were_too_low_are_raised_for_all_alike() -> None:
    learned = Estimates({})
    learned.learn("kind", 1000, 1000, 1500)
    assert learned.amount("kind", 10, "strict") == 15
    assert learned.beyond("kind", 10, "strict") == 500
    learned.learn("kind", 1000, 1500, 10**9)
    assert learned.amount("kind", 10, "strict") == 40


def test_what_was_long_ago_is_forgotten() -> None:
    learned = Estimates({})
    learned.learn("kind", 1000, 1000, 3000)
    for _ in range(200):
        learned.learn("kind", 1000, 1000, 500)
    assert learned.amount("kind", 1000, "strict") == 1000
    assert learned.beyond("kind", 1000, "strict") == 0


def test_what_costs_nothing_teaches_nothing() -> None:
    learned = Estimates({})
    learned.learn("kind", 0, 0, 5)
    assert learned.amount("kind", 0, "strict") == 0
    assert learned.amount("kind", 7, "strict") == 7


def test_only_so_many_kinds_are_remembered() -> None:
    state: dict[str, Any] = {}
    learned = Estimates(state)
    for number in range(3000):
        learned.learn(f"kind-{number}", 10, 10, 10)
    assert len(state["ratios"]) == 1000


@examples(100)
@given(st.lists(st.integers(0, 3000), min_size=20, max_size=200), st.integers(1, 10**12))
def test_what_is_held_back_covers_95_of_100(spent: list[int], estimate: int) -> None:
    learned = Estimates({})
    for one in spent:
        learned.learn("kind", 1000, 1000, one)
    held = learned.amount("kind", estimate, "statistical")
    covered = sum(one * estimate <= held * 1000 for one in spent)
    assert covered * 100 >= 95 * len(spent)
    assert learned.beyond("kind", estimate, "statistical") >= 0
    assert learned.amount("kind", estimate, "strict") >= max(estimate, held)
