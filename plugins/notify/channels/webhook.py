"""A program of the operator's: JSON that is signed."""

from collections.abc import Callable
from typing import Any

import orjson

from proxy.api.endpoints import iso

from ..measuring import read_measured, shown_measured
from ..notice import Notice
from ..settings import WebhookSettings
from .channel import Told
from .posting import Posting
from .signing import SIGNATURE, signature_of

__all__ = ["Webhook"]


class Webhook:
    """One URL; each message has a list of alerts, which is most often of one."""

    kind = "webhook"

    def __init__(self, settings: WebhookSettings, timeout: float, now: Callable[[], float]) -> None:
        self._secret = settings.secret.get_secret_value()
        self._now = now
        self._posting = Posting(settings.url.get_secret_value(), timeout, now, (self._secret,))

    async def tell(self, told: Told) -> str:
        """Send a message. Raises NotToldError."""
        body = orjson.dumps(document_of(told))
        headers = {
            SIGNATURE: signature_of(self._secret, int(self._now()), body),
            "Idempotency-Key": told.key,
        }
        return await self._posting.post(body, headers)

    async def close(self) -> None:
        """Close all connections."""
        await self._posting.close()


def document_of(told: Told) -> dict[str, Any]:
    """Return what is sent."""
    return {
        "source": told.source,
        "alerts": [_alert(told, notice) for notice in told.notices],
    }


def _alert(told: Told, notice: Notice) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": notice.id,
        "action": told.action(notice),
        "key": notice.identity,
        "name": notice.name,
        "subject": notice.subject,
        "text": notice.text,
        "severity": notice.severity,
        "at": iso(notice.at),
    }
    measured = read_measured(notice.measured)
    if measured is not None:
        said |= {"measured": shown_measured(measured)}
    return said | ({"userId": notice.user} if notice.user else {})
