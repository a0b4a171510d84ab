"""The orchestrator's settings change again and again while keys are sent that come twice."""

import asyncio
import random
from collections import Counter
from typing import Any

import aiohttp

from tests.kit.provider import answer, provider
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.operator import Admin
from tests.story.orchestrated import INTENT, KEYS, orchestrated
from tests.story.steering import until

MODEL = "gpt-4o-mini"
_WORKERS = 6
_RELOADS = 6
QUEUED = {**INTENT, "deferrable": True, "priority": "low"}


class Asking:
    """Clients that send each key twice, the second time at once or a little later."""

    def __init__(self, client: aiohttp.ClientSession, port: int) -> None:
        self._client = client
        self._url = f"http://127.0.0.1:{port}/intents"
        self.over = asyncio.Event()
        self.workflows: dict[str, set[str]] = {}
        self.answers: Counter[int] = Counter()

    async def work(self, draw: random.Random) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            key = f"{draw.random()}"
            first = asyncio.create_task(self._ask(key))
            await asyncio.sleep(draw.choice((0.0, 0.02, 0.08)))
            await asyncio.gather(first, self._ask(key))

    async def _ask(self, key: str) -> None:
        intent = {**INTENT, "data": {"key": key}}
        code, body = await self.post(intent, {"Idempotency-Key": key})
        self.answers[code] += 1
        self.workflows.setdefault(key, set()).add(body["workflowId"])

    async def more(self, count: int) -> None:
        """Wait until so many more were answered."""
        enough = self.answers.total() + count
        await until(lambda: self.answers.total() >= enough, "more is answered")

    async def post(self, intent: Any, headers: dict[str, str]) -> tuple[int, Any]:
        async with self._client.post(self._url, json=intent, headers=headers) as told:
            return told.status, await told.json()


async def test_a_reload_under_load_loses_nothing_repeats_nothing_and_forgives_nobody() -> None:
    async with (
        provider() as there,
        EchoUpstream("legacy") as legacy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client,
    ):
        config = orchestrated(there, legacy, cache={"use": "never"})
        proxy = RunningProxy(config, env=KEYS)
        await asyncio.to_thread(proxy.start)
        try:
            admin, asking = Admin(proxy), Asking(client, proxy.port)
            there.stand(MODEL, answer(before=0.05))
            await _force(admin, {"mini": "forced_open", "east-mini": "forced_open"})
            code, queued = await asking.post(QUEUED, {})
            assert code == 202
            await _force(admin, {"east-mini": "closed"})
            await _reload_under_load(proxy, admin, asking)
            await _judge(admin, asking, there, str(queued["workflowId"]))
        finally:
            await asyncio.to_thread(proxy.__exit__, None, None, None)


async def _force(admin: Admin, modes: dict[str, str]) -> None:
    for name, mode in modes.items():
        path, wanted = "/plugins/orchestrator/deployments/force", {"deployment": name, "mode": mode}
        assert (await asyncio.to_thread(admin.ask, path, "POST", wanted))[0] == 200


async def _reload_under_load(proxy: RunningProxy, admin: Admin, asking: Asking) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(_WORKERS):
            group.create_task(asking.work(random.Random(number)))
        for turn in range(_RELOADS):
            proxy.config["plugins"]["orchestrator"]["max_tokens"] = 500 + turn
            await asyncio.to_thread(admin.reload_and_wait, proxy, proxy.config)
            await asking.more(2 * _WORKERS)
        asking.over.set()


async def _judge(admin: Admin, asking: Asking, there: Any, queued: str) -> None:
    assert asking.answers[200] >= _WORKERS * _RELOADS
    assert set(asking.answers) <= {200, 409}, asking.answers
    assert all(len(workflows) == 1 for workflows in asking.workflows.values())
    executed = Counter(entry.workflow for entry in there.log)
    assert [one for one, times in executed.items() if times > 1] == []
    # A breaker that was forgiven would have let its deployment be asked.
    assert {entry.dialect for entry in there.log} == {"azure"}
    _, text = await asyncio.to_thread(admin.ask, f"/plugins/orchestrator/workflows?id={queued}")
    assert b'"queued"' in text or b'"completed"' in text
    counted = await asyncio.to_thread(
        admin.metric,
        'crossfade_orchestrator_workflows_total{status="completed",type="content_planning"}',
    )
    assert counted is not None
    assert counted >= len(asking.workflows)
