"""What a chain is asked for a workflow that has had attempts before."""

from typing import Any

import pytest

from tests.kit.provider import Provider, provider
from tests.plugins.orchestrator.orchestrating import MODEL, Orchestrating, orchestrating
from tests.plugins.orchestrator.records import attempt, workflow


def in_zones(there: Provider, *zones: str) -> dict[str, Any]:
    """Settings with a deployment in each of these zones, the first one the preferred one."""
    at = {"kind": "openai", "endpoint": there.url_openai, "key": "k"}
    prices = [str(number + 1) for number in range(len(zones))]
    return {
        "providers": {"openai": at},
        "score": "cost",
        "deployments": {
            zone: {
                "provider": "openai",
                "model": MODEL,
                "zone": zone,
                "price": {"input": price, "output": price},
            }
            for zone, price in zip(zones, prices, strict=True)
        },
    }


async def goes_on(on: Orchestrating, *before: str) -> list[str]:
    """Where a workflow is asked that has failed there before and is taken up again."""
    attempts = tuple(
        attempt(number, state="failed", deployment=name) for number, name in enumerate(before, 1)
    )
    left = workflow(status="queued", due=1.0, expires=2e12, attempts=attempts)
    assert await on.parts.store.create(left) is None
    await on.parts.resumer.look()
    await on.landed()
    kept = await on.workflow(left.id)
    return [one.deployment for one in kept.attempts[len(before) :]]


@pytest.mark.parametrize(
    ("before", "then"),
    [((), ["us"]), (("eu",), ["eu"]), (("global", "eu"), ["us"]), (("gone",), ["us"])],
)
async def test_what_began_in_a_zone_stays_there_also_when_it_is_taken_up_again(
    before: tuple[str, ...], then: list[str]
) -> None:
    async with (
        provider() as there,
        orchestrating(there, **in_zones(there, "us", "eu", "global")) as on,
    ):
        assert await goes_on(on, *before) == then
