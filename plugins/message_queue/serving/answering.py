"""What the v2 API answers to whoever sends a message."""

import math

from proxy.api import Reply

from ..message import State
from .showing import ShownOne, limit_headers, shown
from .taking import Taken
from .writing import reply_of

__all__ = ["sent_reply"]

_STATUSES: dict[State, int] = {"sent": 200, "cancelled": 409, "dead": 422}
"""All others are 202: more may come of it."""


def sent_reply(taken: Taken, seconds: float) -> Reply:
    """Return the answer for a message that was taken, now or before; `seconds` it took."""
    record = taken.record
    status = _STATUSES.get(record.state, 202)
    headers = limit_headers(taken.seen)
    headers["X-Provider"] = "direct" if taken.direct else "queued"
    headers["X-Processing-Time"] = f"{round(seconds * 1000)}ms"
    if not taken.created:
        headers["Idempotency-Replayed"] = "true"
    delay = taken.seen.delay(record)
    if delay is not None and math.isfinite(delay):
        headers["Retry-After"] = str(max(1, math.ceil(delay)))
    document = ShownOne(success=status < 400, data=shown(record, taken.seen))
    return reply_of(document, status, headers)
