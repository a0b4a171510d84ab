"""Whether campaigns can be executed: told without asking a provider, or naming a place."""

import asyncio

import pytest

from plugins.campaigns.health import LOOK_EVERY, Checks, health_of
from plugins.campaigns.paths import HEALTH
from proxy.api.workflows import ProviderHealth
from tests.plugins.campaigns.asked import answer, asks, campaigns
from tests.plugins.campaigns.stub import READY, InMemory


def standing(provider: str, state: str = "closed", *, throttled: bool = False) -> ProviderHealth:
    return ProviderHealth(f"{provider}-4o", provider, state, throttled, "the key is wrong")


HEALTHS: dict[str, tuple[str, tuple[ProviderHealth, ...], str, dict[str, str]]] = {
    "all is well": (
        "",
        READY,
        "healthy",
        {"azureProvider": "healthy", "openaiProvider": "healthy"},
    ),
    "one provider cannot be asked": (
        "",
        (standing("azure", "open"), standing("openai")),
        "degraded",
        {"azureProvider": "unhealthy", "orchestrator": "degraded"},
    ),
    "one deployment of two cannot be asked": (
        "",
        (standing("azure", "forced_open"), standing("azure")),
        "degraded",
        {"azureProvider": "degraded"},
    ),
    "a breaker tries": (
        "",
        (standing("azure", "half_open"),),
        "degraded",
        {"azureProvider": "degraded"},
    ),
    "a provider asked to be left alone": (
        "",
        (standing("azure", throttled=True), standing("openai")),
        "degraded",
        {"azureProvider": "unhealthy"},
    ),
    "no provider can be asked": (
        "",
        (standing("azure", "open"), standing("openai", "forced_open")),
        "unhealthy",
        {"orchestrator": "unhealthy"},
    ),
    "breakers that only count": ("", (standing("azure", "metrics_only"),), "healthy", {}),
    "there are no providers": ("", (), "unhealthy", {"orchestrator": "unhealthy"}),
    "the store is lost": (
        "dynamodb://table: no answer",
        READY,
        "unhealthy",
        {"database": "unhealthy", "orchestrator": "healthy"},
    ),
}


@pytest.mark.parametrize("what", HEALTHS)
def test_health_follows_from_the_store_and_the_breakers(what: str) -> None:
    store, providers, status, checks = HEALTHS[what]
    found = health_of("now", store, providers)
    assert found.status == status
    assert {name: found.checks[name].status for name in checks} == checks
    assert "table" not in str(found)
    assert "key" not in str(found)


def test_without_an_orchestrator_that_is_what_is_said() -> None:
    found = health_of("now")
    assert (found.status, list(found.checks)) == ("unhealthy", ["orchestrator"])
    assert found.checks["orchestrator"].message == "No orchestrator is running"


async def test_the_store_is_looked_at_once_a_second_however_many_ask() -> None:
    memory, now = InMemory(), 100.0
    checks = Checks(lambda: now)
    assert await asyncio.gather(*(checks.store(memory) for _ in range(9))) == [""] * 9
    memory.broken = "gone"
    assert (await checks.store(memory), memory.looks) == ("", 1)
    now += LOOK_EVERY
    assert (await checks.store(memory), memory.looks) == ("gone", 2)
    assert await checks.store(InMemory()) == "", "another orchestrator is another store"


async def test_anybody_may_ask_for_the_health() -> None:
    memory = InMemory()
    async with campaigns(memory) as plugin:
        reply = await answer(plugin, asks(HEALTH, user=None))
        assert (reply.status, reply.json()["status"]) == (200, "healthy")
        assert reply.json()["timestamp"] == "2025-06-15T15:06:40.000Z"
        memory.providers = (standing("azure", "open"), standing("openai"))
        reply = await answer(plugin, asks(HEALTH, user=None))
        assert (reply.status, reply.json()["status"]) == (200, "degraded")
        memory.providers = ()
        reply = await answer(plugin, asks(HEALTH, user=None))
        assert (reply.status, reply.json()["status"]) == (503, "unhealthy")
    async with campaigns() as plugin:
        reply = await answer(plugin, asks(HEALTH, user=None))
        assert reply.status == 503
        assert list(reply.json()["checks"]) == ["orchestrator"]
