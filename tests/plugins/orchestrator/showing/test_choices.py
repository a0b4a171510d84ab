"""Other plugins see deployments and rules as the configuration has them, or would have them."""

import pytest

from plugins.orchestrator.settings import Rule
from plugins.orchestrator.showing.choices import OfferedDeployments
from proxy.api.deployments import Deployments
from tests.plugins.orchestrator.deployed import PRICE, settings
from tests.plugins.orchestrator.orchestrating import orchestrating


def test_what_the_configuration_says_is_shown() -> None:
    said = settings(
        {"mini": {"provider": "openai", "price": PRICE, "zone": "eu", "weight": 3}},
        rules=[{"types": ["content_planning"], "models": ["gpt-4o-mini"], "share": 5}],
        cache={"use": "always", "ttl": "60s", "shared": True},
        max_tokens=300,
        hedge={"enabled": True, "share": 0.1},
    )
    found = OfferedDeployments(said).choices()
    (one,) = found.deployments
    assert (one.name, one.provider, one.model, one.zone) == ("mini", "openai", "gpt-4o-mini", "eu")
    assert (one.weight, one.context) == (3, 128_000)
    assert one.declared is not None
    assert one.declared.output_text == 600_000_000
    assert found.rules_written
    assert found.rules == ({"types": ["content_planning"], "models": ["gpt-4o-mini"], "share": 5},)
    assert (found.max_tokens, found.max_tokens_written) == (300, True)
    assert (found.cache, found.cache_ttl, found.cache_shared) == ("always", 60.0, True)
    assert found.cache_written is not None
    assert (found.hedges, found.hedge_share) == (True, 0.1)


def test_what_it_does_not_say_is_told_as_not_written() -> None:
    found = OfferedDeployments(settings()).choices()
    assert not found.rules_written
    assert not found.max_tokens_written
    assert found.cache_written is None
    assert all(one.declared is None for one in found.deployments)
    assert [Rule.model_validate(rule) for rule in found.rules]


@pytest.mark.parametrize("locked", [False, True])
async def test_who_serves_offers_it_to_others(locked: bool) -> None:
    async with orchestrating(billing_lock=locked) as on:
        offered = on.plugin.services.shared(Deployments)
        assert offered is not None
        names = [one.name for one in offered.choices().deployments]
    assert names == (["mini"] if locked else ["east-mini", "mini"])
