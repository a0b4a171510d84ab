"""Calls to deployments of a stand-in, and clients that make them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from plugins.orchestrator.deciding.calls import Call
from plugins.orchestrator.deciding.deployment import Deployment, deployments_of
from plugins.orchestrator.providers.clients import Clients
from plugins.orchestrator.settings import Kind, OrchestratorSettings
from tests.kit.provider import Provider

KEY = "sk-nobody-may-see-this"
PROMPT = "the launch of our secret perfume"
MODEL = "gpt-4o-mini"
SCHEMA: Mapping[str, Any] = {
    "title": "Message",
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
    "additionalProperties": False,
}


def settings(
    kind: Kind = "openai",
    endpoint: str = "https://api.openai.com/v1",
    *,
    at: Mapping[str, Any] | None = None,
    **deployment: Any,
) -> OrchestratorSettings:
    """One provider, one deployment: `at` are further keys of the one, `deployment` of the other."""
    provider = {"kind": kind, "endpoint": endpoint, "key": KEY, **(at or {})}
    one = {"provider": "there", "model": MODEL, **deployment}
    return OrchestratorSettings.model_validate(
        {"providers": {"there": provider}, "deployments": {"one": one}}
    )


def deployment(said: OrchestratorSettings) -> Deployment:
    """The only one."""
    return deployments_of(said)[0]


def call(
    said: OrchestratorSettings, *, timeout: float = 10.0, structured: bool = False, **how: Any
) -> Call:
    """A call to the only deployment."""
    made = Call(
        deployment(said),
        ({"role": "system", "content": "Write."}, {"role": "user", "content": PROMPT}),
        SCHEMA if structured else None,
        200,
        None,
        {"x-request-id": "r-1", "x-crossfade-workflow-id": "wf_1", "x-attempt-id": "wf_1-1"},
        timeout,
    )
    return made._replace(**how)


def settings_at(there: Provider, kind: Kind = "openai", **at: Any) -> OrchestratorSettings:
    """The only deployment is at the stand-in; `at` are keys of the provider."""
    endpoint = there.url_azure if kind == "azure" else there.url_openai
    return settings(kind, endpoint, at=at)


@asynccontextmanager
async def clients(said: OrchestratorSettings) -> AsyncIterator[Clients]:
    """Clients that are closed in the end."""
    made = Clients(said)
    try:
        yield made
    finally:
        await made.close()
