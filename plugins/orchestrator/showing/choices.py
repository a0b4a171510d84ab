"""What other plugins can know of deployments and rules: the service `proxy.api.Deployments`."""

from proxy.api.deployments import Choices, Deployed

from ..deciding.deployment import Deployment, deployments_of
from ..deciding.rules import rules_of
from ..settings import OrchestratorSettings

__all__ = ["OfferedDeployments"]

_PLUGIN = "orchestrator"


class OfferedDeployments:
    """Reads one configuration. Implements `Deployments`."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        """What a configuration says does not change."""
        self._choices = _choices_of(settings)

    def choices(self) -> Choices:
        """Return how it chooses."""
        return self._choices


def _choices_of(settings: OrchestratorSettings) -> Choices:
    written, cache = settings.model_fields_set, settings.cache
    return Choices(
        plugin=_PLUGIN,
        deployments=tuple(map(_deployed, deployments_of(settings))),
        rules=tuple(
            rule.model_dump(mode="json", exclude_defaults=True) for rule in rules_of(settings)
        ),
        rules_written=bool(settings.rules),
        max_tokens=settings.max_tokens,
        max_tokens_written="max_tokens" in written,
        cache=cache.use,
        cache_written=(
            cache.model_dump(mode="json", exclude_unset=True) if "cache" in written else None
        ),
        cache_ttl=cache.ttl,
        cache_shared=cache.shared,
        hedges=settings.hedge.enabled,
        hedge_share=settings.hedge.share,
        hedges_written="enabled" in settings.hedge.model_fields_set,
    )


def _deployed(one: Deployment) -> Deployed:
    said, price = one.settings, one.price
    return Deployed(
        one.name,
        one.kind,
        one.model,
        said.zone,
        said.weight,
        said.context,
        None if price is None else price.rates,
        "weight" in said.model_fields_set,
    )
