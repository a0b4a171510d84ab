"""Settings with deployments at several places, for tests of who is asked."""

from collections.abc import Mapping
from typing import Any

from plugins.orchestrator.deciding.deployment import Deployment
from plugins.orchestrator.settings import OrchestratorSettings

KEY = "sk-nobody-may-see-this"
PRICE = {"input": "0.15", "output": "0.60"}
LARGE_PRICE = {"input": "2.50", "cached_input": "1.25", "output": "10.00"}


def settings(
    deployments: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    azure: str = "https://there.openai.azure.com",
    openai: str = "https://api.openai.com/v1",
    at: Mapping[str, Any] | None = None,
    **more: Any,
) -> OrchestratorSettings:
    """Providers `azure`, `openai` and `second` (OpenAI again); `at` are further keys of each.

    `deployments`: name -> keys, among them `provider`; the model is gpt-4o-mini unless said.
    """
    further = {"key": KEY, **(at or {})}
    said = deployments or {"azure-mini": {"provider": "azure"}, "mini": {"provider": "openai"}}
    return OrchestratorSettings.model_validate(
        {
            "providers": {
                "azure": {"kind": "azure", "endpoint": azure, **further},
                "openai": {"kind": "openai", "endpoint": openai, **further},
                "second": {"kind": "openai", "endpoint": openai, **further},
            },
            "deployments": {name: {"model": "gpt-4o-mini", **keys} for name, keys in said.items()},
            **more,
        }
    )


def names(order: tuple[Deployment, ...]) -> list[str]:
    """The names of deployments."""
    return [one.name for one in order]
