"""The list of alerts: what the plugin that tells people of them lets others show.

Ask for it by ``services.shared(AlertsList)``, whenever it is needed.
"""

from typing import Final, NamedTuple, Protocol

from proxy.api.events import Alert, Measured

__all__ = ["IN_APP", "AlertView", "AlertsList", "ChannelView"]

IN_APP: Final = "in_app"
"""What the list is called where channels are named: all alerts are in it."""


class ChannelView(NamedTuple):
    """A channel by which people are told."""

    name: str
    """As the operator calls it."""
    kind: str
    """``slack``, ``email``, ``pagerduty`` or ``webhook``."""


class AlertView(NamedTuple):
    """An alert as it stands: raised at least once, perhaps over, perhaps seen by somebody."""

    id: str
    """A UUIDv7: ids are in the order in which the alerts were first raised."""
    name: str
    subject: str
    text: str
    """What was said when it was raised last."""
    severity: str
    """``info``, ``warning`` or ``critical``."""
    user: str
    """Whose it is; empty: everybody's."""
    at: float
    """Unix seconds when it was first raised."""
    last_at: float
    """Unix seconds when it was raised last."""
    times: int
    """How often it was raised."""
    ended_at: float | None
    """Unix seconds when it was over; None while it lasts, as far as is known."""
    ended: str
    """``resolved``: what was wrong is over; ``replaced``: there is a newer one; else empty."""
    acknowledged_at: float | None
    """Unix seconds when somebody has said that they know; None if nobody has."""
    acknowledged_by: str
    """Who has; empty if nobody has."""
    measured: Measured | None = None
    """What was compared when it was raised last, if it is about an amount."""


class AlertsList(Protocol):
    """The newest alerts, of the fleet where it shares a store, else of this process."""

    async def list(
        self,
        user: str | None,
        severity: str | None = None,
        acknowledged: bool | None = None,  # noqa: FBT001 (one filter of several)
        since: float | None = None,
        limit: int = 100,
    ) -> tuple[AlertView, ...]:
        """Return the newest first, at most `limit` (1000 at most).

        `user`: only those that are this user's; None: all. `severity`: that very one.
        `acknowledged`: whether somebody knows of it; None: both. `since`: first raised at this
        Unix time or later. Raises StoreError.
        """

    async def acknowledge(
        self, alert_id: str, by: str, user: str | None = None
    ) -> AlertView | None:
        """Note that `by` knows of an alert; who was first stays. None if there is none.

        `user`: only if it is this user's. Raises StoreError.
        """

    def channels(self, alert: Alert) -> tuple[ChannelView, ...]:
        """Return who would be told if it were raised now and named no channels of its own."""
