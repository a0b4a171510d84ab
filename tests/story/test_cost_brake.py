"""New costs more than it may: everybody is back on legacy, and the audit says why."""

import asyncio
from typing import Any

import aiohttp

from tests.kit.provider import provider
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.operator import TRUSTED, Admin
from tests.story.orchestrated import CAMPAIGN, KEYS, orchestrated
from tests.story.steering import until

REQUESTS = 60
DEAR = [{"model": "gpt-4o-mini", "input": "400", "output": "2000"}]
"""US dollars for a million tokens: far more than legacy costs."""


def configured(config: dict[str, Any]) -> dict[str, Any]:
    """The same with a meter, prices and a brake on what new costs."""
    brake = {"every": "1s", "rollouts": {"hybrid": {"routes": ["campaigns"], "min_requests": 20}}}
    config["rollouts"]["hybrid"]["rollback"] = {"metrics": ["errors"]}
    config["plugins"]["cost_meter"] = {
        "journal": "memory://",
        "baseline": {"campaigns": "0.0125"},
        "prices": {"overlay": DEAR},
        "brake": brake,
    }
    return config


async def asked(client: aiohttp.ClientSession, port: int, number: int) -> str:
    """One campaign of a user of their own; by which arm it was answered."""
    headers = {"X-User-Id": f"user-{number}"}
    body = {**CAMPAIGN, "user_id": f"user-{number}"}
    url = f"http://127.0.0.1:{port}/api/campaigns"
    async with client.post(url, json=body, headers=headers) as answer:
        assert answer.status == 200
        return answer.headers["X-Crossfade-Arm"]


async def test_when_new_costs_too_much_everybody_is_back_on_legacy_and_the_audit_says_why() -> None:
    connector = aiohttp.TCPConnector(local_addr=(TRUSTED, 0), limit=0)
    async with (
        provider() as there,
        EchoUpstream("legacy") as legacy,
        aiohttp.ClientSession(connector=connector) as client,
    ):
        proxy = RunningProxy(configured(orchestrated(there, legacy, percentage=100)), env=KEYS)
        await asyncio.to_thread(proxy.start)
        try:
            arms = [await asked(client, proxy.port, number) for number in range(REQUESTS)]
            assert set(arms) == {"new"}
            admin = Admin(proxy)
            await until(lambda: admin.rollout("hybrid")["share"] == 0, "it is rolled back")
            assert await asked(client, proxy.port, 1) == "legacy"
            entries = await asyncio.to_thread(admin.audit, "hybrid")
        finally:
            await asyncio.to_thread(proxy.__exit__, None, None, None)
    brake = next(one for one in entries if one["action"] == "brake")
    assert "new costs too much" in brake["reason"]
    assert "1.5 times what it costs on legacy (baseline)" in brake["reason"]
    told = brake["evidence"]["cost"]
    assert told["requests"] == told["answered"] == REQUESTS
    assert float(told["usd_per_answer"]) > 0.01875 == float(told["allowed_usd_per_answer"])
    assert told["routes"] == ["campaigns"]
