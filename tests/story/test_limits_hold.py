"""However many proxies and clients there are: no window is exceeded, none refuses for nothing."""

from tests.story.driving_limits import driven
from tests.story.sharing_limits import shared


async def test_a_fleet_lets_through_exactly_what_the_limits_allow() -> None:
    found = await shared(seconds=1.5, clients=60, seed=3, proxies=2)
    assert found.wrong == []
    assert found.let_through > 0
    assert {"onlyfans-global", "everything"} <= found.violated.keys()


async def test_whoever_asks_when_it_is_told_to_gets_all_that_a_day_allows() -> None:
    # To the moment at which a day, an hour, a minute and a spacing open together, not before.
    found = await driven(days=26 / 24, users=1, seed=3)
    assert found.wrong == []
    assert found.sent == {"user-0": found.allowed}
    assert found.allowed > 500
