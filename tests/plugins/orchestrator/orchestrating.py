"""An orchestrator alone, with a stand-in provider: its answers, and what it keeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson
import pytest

from plugins.orchestrator import Dispatch
from plugins.orchestrator.workflows.record import Workflow
from proxy.api import Reply, Request, Unserved
from proxy.api.testing import Isolated, isolated, request
from tests.kit.provider import Provider, provider

INTENT = {"type": "content_planning", "userId": "u1", "data": {"theme": "rain"}}
MODEL = "gpt-4o-mini"


class Orchestrating(NamedTuple):
    """The plugin and its provider."""

    plugin: Isolated
    there: Provider

    @property
    def parts(self) -> Any:
        return self.plugin.application.parts

    async def ask(self, body: Any = INTENT, **asking: Any) -> Reply:
        """The answer; raises Unserved where legacy may answer."""
        reply = await self.parts.serving.answer(asks(**asking), orjson.dumps(body))
        assert isinstance(reply, Reply)
        return reply

    async def unserved(self, body: Any = INTENT, **asking: Any) -> Any:
        """The JSON of the answer that legacy may take the place of."""
        with pytest.raises(Unserved) as raised:
            await self.ask(body, **asking)
        assert raised.value.failed
        return raised.value.reply.json()

    async def workflow(self, workflow_id: str) -> Workflow:
        found = await self.parts.store.get(workflow_id)
        assert isinstance(found, Workflow)
        return found

    async def landed(self) -> None:
        """Wait until nothing is under way."""
        under_way = tuple(self.parts.flights._tasks)
        if under_way:
            await asyncio.wait(under_way, timeout=10)


def asks(**asking: Any) -> Request:
    return request("POST", "/intents", **asking)


def with_key(key: str = "k1") -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


@asynccontextmanager
async def orchestrating(there: Provider | None = None, **more: Any) -> AsyncIterator[Orchestrating]:
    """Start an orchestrator with one deployment of each kind; `more` are further settings.

    In the end each call that a provider has seen was settled, once.
    """
    if there is None:
        async with provider() as fresh, orchestrating(fresh, **more) as made:
            yield made
        settled = [one.planned.attempt_id for one in made.plugin.services.settled]
        assert len(set(settled)) == len(settled)
        assert {call.attempt for call in fresh.calls} <= set(settled)
        return
    settings = {
        "providers": {
            "east": {"kind": "azure", "endpoint": there.url_azure, "key": "k-azure"},
            "openai": {"kind": "openai", "endpoint": there.url_openai, "key": "k-openai"},
        },
        "deployments": {
            "east-mini": {"provider": "east", "model": MODEL},
            "mini": {
                "provider": "openai",
                "model": MODEL,
                "price": {"input": "0.15", "output": "0.60"},
            },
        },
        **more,
    }
    async with isolated(Dispatch, application_settings=settings) as plugin:
        yield Orchestrating(plugin, there)
