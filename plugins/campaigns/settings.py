"""What an operator can say about the v2 API."""

from proxy.api import Duration, Settings, setting

__all__ = ["CampaignsSettings"]


class CampaignsSettings(Settings):
    """The whole plugin."""

    listeners: int = setting(
        default=100, ge=0, le=10_000, description="So many clients may listen to changes at a time."
    )
    listen_for: Duration = setting(
        default=300.0,
        ge=1,
        le=3600,
        description="Then a listener has to come again, as an EventSource does by itself.",
    )
