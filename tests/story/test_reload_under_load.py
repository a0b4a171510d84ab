"""The promise of a reload: nobody notices, and nobody meets half of it."""

from tests.story.reloading import Reloading

CHANGES = 10


async def test_a_reload_under_load_fails_no_request_and_shows_no_mixed_view() -> None:
    found = await Reloading(CHANGES, rate=400, seed=1).run()
    assert found.failures == []
    assert found.mixed == []
    assert found.last_generation - found.first_generation == CHANGES
    assert min(found.by_version.values()) > 100, found.by_version
    assert found.requests >= 400
