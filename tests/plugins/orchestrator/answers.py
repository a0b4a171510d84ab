"""What every place for answers has to do, as one machine for hypothesis and as examples."""

from plugins.orchestrator.cache import Cache
from plugins.orchestrator.settings import OrchestratorSettings
from proxy.api import WorkflowResult, WorkflowScore

TTL = 60.0
NOW = 1_800_000_000.0

SAID = {
    "providers": {"openai": {"kind": "openai", "key": "k" * 8}},
    "deployments": {"mini": {"provider": "openai", "model": "gpt-4o-mini"}},
}


def settings(**said: object) -> OrchestratorSettings:
    """The least that an orchestrator needs, and what is said besides."""
    return OrchestratorSettings.model_validate({**SAID, **said})


def result(content: str = "Hello.", **fields: object) -> WorkflowResult:
    """What a workflow has come to."""
    made: dict[str, object] = {
        "workflow_id": "wf_1",
        "status": "completed",
        "content": content,
        "full_result": {"content": content, "title": None, "hashtags": ["a"], "schedule": None},
        "provider": "azure",
        "model": "gpt-4o-mini-2024-07-18",
        "platforms": ("instagram",),
        "trace_id": "trace-1",
        "attempts": 2,
        "fallbacks": 1,
        "tokens": 321,
        "cost_nano_usd": 12345,
        "seconds": 1.5,
        "quality": WorkflowScore(score=0.5, reasons=("it is shorter than a sentence",)),
        "compliance": WorkflowScore(score=1.0),
    }
    return WorkflowResult.model_validate({**made, **fields})


async def kept(cache: Cache, key: str, now: float = NOW) -> str | None:
    """The text that is kept under a key."""
    found = await cache.get(key, now)
    return found.content if found else None
