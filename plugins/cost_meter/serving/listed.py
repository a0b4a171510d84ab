"""The list of alerts, which is another plugin's."""

from proxy.api import Services
from proxy.api.alerts import AlertsList

from .declining import unavailable

__all__ = ["alerts_list"]


def alerts_list(services: Services) -> AlertsList:
    """Return who keeps alerts and tells of them. Raises DeclinedError with 503 without any."""
    found = services.shared(AlertsList)
    if found is None:
        raise unavailable("Nobody keeps alerts here: the plugin notify is not configured")
    return found
