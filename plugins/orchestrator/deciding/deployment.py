"""A deployment as the rest of the plugin knows it: one model at one place, under one name."""

from decimal import Decimal
from typing import NamedTuple

from proxy.api.spending import PriceKey

from ..prices import Prices
from ..settings import DeploymentSettings, Kind, OrchestratorSettings, ProviderSettings

__all__ = ["Deployment", "deployments_of"]


class Deployment(NamedTuple):
    """One model at one provider; `name` is the key of its breaker, metrics and attempts."""

    name: str
    provider: str
    """The key of `providers`: a credential and an endpoint, whose fate they share."""
    kind: Kind
    model: str
    settings: DeploymentSettings
    at: ProviderSettings

    @property
    def price(self) -> Prices | None:
        """The prices, if they are declared."""
        return self.settings.price

    def priced(self, at: float) -> PriceKey:
        """Return all that its price depends on at this time, in Unix seconds, but the tier."""
        price = self.settings.price
        declared = None if price is None else price.rates
        zone = self.settings.zone
        return PriceKey(self.kind, self.model, self.name, zone, declared=declared, at=at)

    @property
    def rough_price(self) -> Decimal | None:
        """US dollars for a million tokens in and a quarter as many out: good enough to compare."""
        price = self.settings.price
        return None if price is None else Decimal(price.input) + Decimal(price.output) / 4


def deployments_of(settings: OrchestratorSettings) -> tuple[Deployment, ...]:
    """Return the deployments that may be asked, in the order of the configuration."""
    found = []
    for name, one in settings.deployments.items():
        at = settings.providers[one.provider]
        if not (settings.billing_lock and at.kind == "azure"):
            found.append(Deployment(name, one.provider, at.kind, one.model, one, at))
    return tuple(found)
