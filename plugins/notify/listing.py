"""The list of alerts, as other plugins see it, too."""

from collections.abc import Mapping
from typing import Final

from proxy.api import Alert
from proxy.api.alerts import AlertsList, AlertView, ChannelView

from .choosing import chosen
from .identifiers import is_alert_id
from .notice import SEVERITIES, notice_of
from .settings import ChannelSettings
from .store import Filter, NotifyStore

__all__ = ["LISTED_MOST", "Listing"]

LISTED_MOST: Final = 1000
_BY: Final = 256


class Listing(AlertsList):
    """See `proxy.api.alerts.AlertsList`."""

    def __init__(self, store: NotifyStore, channels: Mapping[str, ChannelSettings]) -> None:
        self._store = store
        self._channels = channels

    async def list(
        self,
        user: str | None,
        severity: str | None = None,
        acknowledged: bool | None = None,  # noqa: FBT001 (as the protocol has it)
        since: float | None = None,
        limit: int = 100,
    ) -> tuple[AlertView, ...]:
        """Return the newest first. Raises ValueError for a severity that is none."""
        if severity is not None and severity not in SEVERITIES:
            raise ValueError(f"one of {', '.join(SEVERITIES)}")
        which = Filter(user, severity, acknowledged, since)
        return await self._store.list(which, max(1, min(limit, LISTED_MOST)))

    async def acknowledge(
        self, alert_id: str, by: str, user: str | None = None
    ) -> AlertView | None:
        """Note that `by` knows of an alert."""
        if not is_alert_id(alert_id):
            return None
        return await self._store.acknowledge(alert_id, by[:_BY], user)

    def channels(self, alert: Alert) -> tuple[ChannelView, ...]:
        """Return who would be told of it."""
        found = chosen(notice_of(alert._replace(resolves=False), "", 0.0), self._channels)
        return tuple(ChannelView(one.channel, self._channels[one.channel].kind) for one in found)
