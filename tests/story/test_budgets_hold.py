"""However many spend at however many proxies: no more than the budget, and none of it is lost."""

from tests.story.spending_together import spent, spent_until_killed


async def test_a_fleet_spends_its_budget_and_not_a_nano_dollar_more() -> None:
    found = await spent(limit="1.00", clients=60, seed=1, proxies=2)
    assert found.wrong == []
    assert 0 < found.billed == found.counted <= found.limit
    assert found.answered[429] == 60
    assert found.served_again == {200: 60}


async def test_a_proxy_that_is_killed_spends_nothing_unseen() -> None:
    found = await spent_until_killed(limit="2.00", clients=60, seed=1, proxies=2)
    assert found.wrong == []
    assert 0 < found.billed <= found.limit
    assert found.answered[0] > 0
