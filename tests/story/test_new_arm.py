"""The orchestrator behind the legacy campaign API: a real process, and a stand-in provider."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
from multidict import CIMultiDict

from tests.kit.provider import Provider, cut_after, hang_after, provider, status
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.operator import TRUSTED, Admin
from tests.story.orchestrated import CAMPAIGN, INTENT, KEYS, orchestrated
from tests.story.steering import until

BUSY = status(429, retry_after_ms=300)


class Stage(NamedTuple):
    """All that plays along."""

    proxy: RunningProxy
    there: Provider
    legacy: EchoUpstream
    client: aiohttp.ClientSession

    def states(self) -> dict[str, str]:
        """How each workflow stands."""
        _, text = Admin(self.proxy).ask("/plugins/orchestrator/workflows")
        return {one["workflowId"]: one["status"] for one in json.loads(text)["workflows"]}

    async def ask(
        self, path: str, body: Any, user: str = "user-1", **headers: str
    ) -> tuple[int, Any, CIMultiDict[str]]:
        """Post JSON; the status, the JSON and the headers that came back."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://127.0.0.1:{self.proxy.port}{path}"
        sent = {"X-User-Id": user, **named}
        async with self.client.post(url, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers.copy()


@asynccontextmanager
async def stage(*, percentage: float = 100, **settings: Any) -> AsyncIterator[Stage]:
    connector = aiohttp.TCPConnector(local_addr=(TRUSTED, 0), limit=0)
    async with (
        provider() as there,
        EchoUpstream("legacy") as legacy,
        aiohttp.ClientSession(connector=connector) as client,
    ):
        config = orchestrated(there, legacy, percentage=percentage, **settings)
        proxy = RunningProxy(config, env=KEYS)
        await asyncio.to_thread(proxy.start)
        try:
            yield Stage(proxy, there, legacy, client)
        finally:
            await asyncio.to_thread(proxy.__exit__, None, None, None)


async def test_a_legacy_campaign_is_answered_by_a_provider_in_legacy_words() -> None:
    async with stage() as on:
        status, body, headers = await on.ask("/api/campaigns", CAMPAIGN)
        assert status == 200
        assert body["status"] == "success"
        assert body["data"] == body["result"]
        assert set(body["data"]) == {"content", "platforms", "provider"}
        assert headers["X-API-Version"] == "v1-legacy-compatible"
        assert headers["X-Crossfade-Arm"] == "new"
        assert not any("workflow" in name.lower() for name in headers)
        assert [entry.ended for entry in on.there.log] == ["answered"]
        assert on.legacy.asked == 0


async def test_what_new_cannot_answer_legacy_answers() -> None:
    async with stage() as on:
        status, body, headers = await on.ask("/api/campaigns", {**CAMPAIGN, "action": "dance"})
        assert (status, body["by"]) == (200, "legacy")
        assert headers["X-Crossfade-Reason"] == "declined"
        assert on.there.log == []
        await on.there.down()
        status, body, headers = await on.ask("/api/campaigns", CAMPAIGN)
        assert (status, body["by"]) == (200, "legacy")
        assert headers["X-Crossfade-Reason"] == "failover"


async def test_what_may_wait_is_queued_and_done_when_the_provider_is_back() -> None:
    async with stage() as on:
        for dialect in ("azure", "openai"):
            on.there.stand("gpt-4o-mini", BUSY, dialect=dialect)
        code, body, _ = await on.ask("/intents", {**INTENT, "deferrable": True})
        assert (code, body["status"]) == (202, "queued")
        on.there.clear()
        await until(lambda: on.states() == {body["workflowId"]: "completed"}, "it is done")
        assert sum(entry.ended == "answered" for entry in on.there.log) == 1


async def test_why_tells_each_step_of_a_request() -> None:
    async with stage() as on:
        on.there.script("gpt-4o-mini", status(500))
        _, _, headers = await on.ask("/api/campaigns", CAMPAIGN)
        admin = Admin(on.proxy)
        code, text = await asyncio.to_thread(admin.ask, f"/v1/why/{headers['X-Request-Id']}")
        assert code == 200
        said = text.decode()
        for word in ("routed", "server", "fallback", "answered", "completed"):
            assert word in said
        assert "user-1" not in said


async def events(on: Stage, intent: dict[str, Any]) -> list[tuple[str, str]]:
    """The events of a stream, each with its name and data."""
    url = f"http://127.0.0.1:{on.proxy.port}/intents"
    async with on.client.post(url, json=intent) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        text = (await answer.read()).decode()
    found = []
    for block in text.replace("\r\n", "\n").strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", ""), lines["data"]))
    return found


STREAM = {**INTENT, "stream": True}


async def test_a_stream_is_passed_on_fails_over_unseen_and_says_when_it_is_cut() -> None:
    async with stage() as on:
        found = await events(on, STREAM)
        assert found[-1] == ("", "[DONE]")
        name, data = found[-2]
        assert name == "workflow"
        result = json.loads(data)
        told = [json.loads(data) for name, data in found[:-2] if not name]
        text = "".join(
            choice["delta"].get("content") or "" for one in told for choice in one["choices"]
        )
        assert (result["status"], result["content"]) == ("completed", text)
        assert result["tokens"] > 0
        assert not any(one.get("usage") for one in told)

        on.there.script("gpt-4o-mini", status(503))
        found = await events(on, STREAM)
        assert found[-1] == ("", "[DONE]")
        assert json.loads(found[-2][1])["fallbacks"] == 1

        on.there.script("gpt-4o-mini", cut_after(2))
        found = await events(on, STREAM)
        assert found[-1][0] == "error"
        assert json.loads(found[-1][1])["error"]["code"] == "provider_unavailable"
        assert ("", "[DONE]") not in found


async def test_a_client_that_leaves_a_stream_leaves_a_workflow_that_has_an_end() -> None:
    async with stage(timeout="500ms") as on:
        on.there.script("gpt-4o-mini", hang_after(2))
        url = f"http://127.0.0.1:{on.proxy.port}/intents"
        async with on.client.post(url, json=STREAM) as answer:
            await answer.content.readany()
        await until(lambda: set(on.states().values()) == {"failed"}, "it has ended")
        assert len(on.states()) == 1
        assert [entry.ended for entry in on.there.calls] == ["client left"]
