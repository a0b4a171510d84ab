"""PagerDuty: the Events API v2."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from proxy.api.endpoints import iso

from ..settings import PagerDutySettings
from .channel import Told
from .posting import Posting
from .wording import body_of, title_of

__all__ = ["PagerDuty"]

_SUMMARY: Final = 1024


class PagerDuty:
    """One service: an alert triggers an incident there, what resolves it resolves that."""

    kind = "pagerduty"

    def __init__(
        self, settings: PagerDutySettings, timeout: float, now: Callable[[], float]
    ) -> None:
        self._key = settings.routing_key.get_secret_value()
        self._posting = Posting(settings.endpoint, timeout, now, (self._key,))

    async def tell(self, told: Told) -> str:
        """Send an event; a test leaves no incident open. Raises NotToldError."""
        answer = await self._post(event_of(told))
        if told.test:
            over = tuple(notice._replace(resolves=True) for notice in told.notices)
            await self._post(event_of(told._replace(notices=over)))
        return answer

    async def _post(self, event: dict[str, Any]) -> str:
        return await self._posting.post(orjson.dumps({"routing_key": self._key, **event}), {})

    async def close(self) -> None:
        """Close all connections."""
        await self._posting.close()


def event_of(told: Told) -> dict[str, Any]:
    """Return the message in PagerDuty's words, without the key.

    The deduplication key is the alert's identity: its incident is one, however often it is sent.
    """
    first = told.notices[0]
    identity = f"summary:{told.key}"[:255] if told.summary else first.identity
    if first.resolves and not told.summary:
        return {"event_action": "resolve", "dedup_key": identity}
    return {
        "event_action": "trigger",
        "dedup_key": identity,
        "payload": {
            "summary": f"{title_of(told)}. {body_of(told)}"[:_SUMMARY],
            "source": told.source,
            "severity": told.worst,
            "timestamp": iso(first.at),
            "component": "" if told.summary else first.subject,
            "class": "summary" if told.summary else first.name,
            "custom_details": {"text": body_of(told)},
        },
    }
