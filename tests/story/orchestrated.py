"""Proxies whose new arm is the orchestrator, in front of a legacy app and a stand-in provider."""

from typing import Any

from tests.kit.provider import Provider
from tests.story.echo import EchoUpstream
from tests.story.operator import TRUSTED

KEYS = {"CROSSFADE_TEST_KEY": "sk-story"}
"""The environment that the configurations here want."""

CAMPAIGN = {
    "user_id": "user-1",
    "action": "content_planning",
    "platforms": ["instagram"],
    "payload": {"theme": "rain"},
}
INTENT = {"type": "content_planning", "userId": "user-1", "data": {"theme": "rain"}}


def orchestrator(there: Provider, timeout: str = "30s", **settings: Any) -> dict[str, Any]:
    """Settings with two deployments of one model, one for each dialect."""
    both = {"key": "${CROSSFADE_TEST_KEY}", "timeout": timeout}
    return {
        "providers": {
            "azure-east": {"kind": "azure", "endpoint": there.url_azure, **both},
            "openai": {"kind": "openai", "endpoint": there.url_openai, **both},
        },
        "deployments": {
            "east-mini": {"provider": "azure-east", "model": "gpt-4o-mini"},
            "mini": {"provider": "openai", "model": "gpt-4o-mini"},
        },
        **settings,
    }


def orchestrated(
    there: Provider, legacy: EchoUpstream, *, percentage: float = 100, **settings: Any
) -> dict[str, Any]:
    """A configuration: the legacy campaign path through the profile, and ``/intents`` as it is."""
    arms = {"legacy": {"upstream": "legacy"}, "new": {"plugin": "orchestrator", "timeout": "10s"}}
    return {
        "upstreams": {"legacy": {"url": legacy.url}},
        "identity": {"key": ["header:X-User-Id"], "trusted_proxies": [f"{TRUSTED}/32"]},
        "rollouts": {"hybrid": {"percentage": percentage}},
        "plugins": {"orchestrator": orchestrator(there, **settings)},
        "routes": [
            {
                "name": "campaigns",
                "match": {"path": "/api/campaigns", "methods": ["POST"]},
                "rollout": "hybrid",
                "arms": arms,
                "plugins": [{"transform": {"profile": "huntaze-campaigns"}}],
            },
            {"name": "intents", "match": {"path": "/intents"}, "plugin": "orchestrator"},
            {"name": "rest", "match": {"path": "/**"}, "upstream": "legacy"},
        ],
    }
