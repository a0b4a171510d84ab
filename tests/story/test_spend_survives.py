"""What is spent is written exactly once, whatever happens to the processes that spend it."""

from tests.story.metering_spend import Spending


def test_each_attempt_of_the_bill_is_in_one_ledger_once_though_proxies_are_killed() -> None:
    with Spending(seed=11, proxies=2) as spending:
        found = spending.spend(attempts=100, kills=2, seconds=60)
    assert found.wrong == []
    assert found.kills == 2
    assert found.billed >= 100
