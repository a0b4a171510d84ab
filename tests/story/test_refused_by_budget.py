"""A budget that refuses on the new arm is told in legacy words, and moves no rollout."""

import asyncio
import json
import tempfile
from collections import Counter
from typing import Any

from tests.kit.provider import Provider, answer, provider
from tests.kit.provider.steps import Tokens
from tests.kit.running import RunningProxy
from tests.story.echo import Caller, EchoUpstream, Reply
from tests.story.operator import TRUSTED, Admin
from tests.story.orchestrated import CAMPAIGN, KEYS, orchestrated
from tests.story.steering import until

REFUSALS = 200
ROLLBACK = {"metrics": ["errors", "client_errors"]}
BUDGET = {"limit": "0.50", "rolling": "24h", "actions": {1: "warn", 100: "reject"}}
PRICE = {"input": "2.50", "output": "50.00"}
CONTENT = "/api/content/generate"
SHAPES = {
    "/api/campaigns": {"status": "error", "message": "Budget exceeded", "data": None},
    CONTENT: {"success": False, "error": "Budget exceeded"},
}


def configured(there: Provider, legacy: EchoUpstream, folder: str) -> dict[str, Any]:
    """Half of the users on new, where little is paid for."""
    config = orchestrated(there, legacy, percentage=50)
    config["rollouts"]["hybrid"]["rollback"] = ROLLBACK
    plugins, routes = config["plugins"], config["routes"]
    for one in plugins["orchestrator"]["deployments"].values():
        one["price"] = PRICE
    plugins["cost_meter"] = {
        "journal": f"sqlite:{folder}/costs.db",
        "budgets": {"daily": BUDGET},
    }
    content = {**routes[0], "name": "content", "match": {"path": CONTENT, "methods": ["POST"]}}
    config["routes"] = [content, *routes]
    return config


async def refused(port: int) -> tuple[dict[tuple[str, int], Reply], Counter[int], int]:
    """Ask until so many were refused: the last answer of new by path and status, and counts."""
    caller = await Caller.open(port, TRUSTED)
    examples: dict[tuple[str, int], Reply] = {}
    new: Counter[int] = Counter()
    legacy = 0
    while new[429] < REFUSALS:
        for path in SHAPES:
            user = f"X-User-Id: user-{legacy + sum(new.values())}"
            said = json.dumps(CAMPAIGN).encode()
            reply = await caller.ask(path, user, method="POST", body=said)
            if reply.arm == "new":
                examples[path, reply.status] = reply
                new[reply.status] += 1
            else:
                assert reply.status == 200
                legacy += 1
    await caller.close()
    return examples, new, legacy


async def test_two_hundred_refusals_of_a_budget_do_not_move_the_rollout() -> None:
    with tempfile.TemporaryDirectory(prefix="crossfade-refused-") as folder:
        async with provider() as there, EchoUpstream("legacy") as legacy:
            there.stand("gpt-4o-mini", answer(tokens=Tokens(completion=1000)))
            proxy = RunningProxy(configured(there, legacy, folder), env=KEYS)
            await asyncio.to_thread(proxy.start)
            try:
                admin = Admin(proxy)
                examples, new, on_legacy = await refused(proxy.port)

                def all_is_seen() -> bool:
                    seen = admin.rollout("hybrid")
                    return seen["arms"]["legacy"]["requests"] >= on_legacy or not seen["share"]

                await until(all_is_seen, "the brake has seen all of it")
                found = await asyncio.to_thread(admin.rollout, "hybrid")
                entries = await asyncio.to_thread(admin.audit, "hybrid")
            finally:
                await asyncio.to_thread(proxy.__exit__, None, None, None)
    assert set(new) == {200, 429}
    for path, says in SHAPES.items():
        no, yes = examples[path, 429], examples[path, 200]
        assert json.loads(no.body) == says
        assert int(no.field("retry-after") or 0) > 0
        assert (yes.field("x-crossfade-budget") or "").startswith("daily; spent=")
    seen = found["arms"]["new"]
    assert (seen["requests"], seen["errors"], seen["client_errors"]) == (new[200], 0, 0)
    assert (found["share"], found["latched"]) == (50, False)
    assert [one for one in entries if one["action"] == "brake"] == []
