"""A large backlog goes out as fast as the platform's limits allow, in fair turns, and no faster."""

from scripts.simulation.burst import Scenario, play

SHORT = Scenario("100 creators, 1 min", 100, 8, (1, 1, 1, 1), 60)


async def test_a_backlog_goes_out_as_fast_as_the_limits_allow_and_in_fair_turns() -> None:
    found = await play(SHORT, seed=4)
    assert found.wrong() == []
    assert found.share >= 0.95
    assert len(found.admitted) > 200
