"""Ids of messages."""

import re
import secrets

__all__ = ["MessageIds", "is_message_id", "message_id"]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_CHANCE = 74
_STEP = 40


class MessageIds:
    """Makes ids: UUIDv7 (RFC 9562 section 5.7), sorted by time and not to be guessed.

    Those of one millisecond are in the order in which they were made (section 6.2, method 2): of
    two messages that are due at once, the first goes first.
    """

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, now: float) -> str:
        """Return a new id; `now` in Unix seconds."""
        at = int(now * 1000)
        value = at << _CHANCE | secrets.randbits(_CHANCE)
        following = self._last + 1 + secrets.randbits(_STEP)
        if at == self._last >> _CHANCE == following >> _CHANCE:
            value = following
        self._last = value
        return _written(value)


message_id = MessageIds()
"""The ids of this process."""


def is_message_id(text: str) -> bool:
    """Tell whether it is one of ours, by its form."""
    return _ID.fullmatch(text) is not None


def _written(value: int) -> str:
    """Return 48 bits of time and 74 of chance as a UUID: version and kind stand between them."""
    high, low = value >> 62, value & (1 << 62) - 1
    bits = (high >> 12) << 80 | 0x7 << 76 | (high & 0xFFF) << 64 | 0x2 << 62 | low
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
