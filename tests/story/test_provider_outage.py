"""One of two providers fails under load: no client notices, and it is left alone meanwhile."""

from tests.kit.provider import status
from tests.story.outage import outage


async def test_an_outage_of_one_provider_is_seen_by_nobody_and_it_is_hardly_asked() -> None:
    seen = await outage(status(500), rate=60, sick_for=2.0)
    assert seen.asked > 50
    assert seen.failed == []
    # Ten failures in a row open its breaker; those under way then are not called back.
    assert 10 <= seen.until_open <= 20
    assert seen.while_open <= seen.probes_allowed
