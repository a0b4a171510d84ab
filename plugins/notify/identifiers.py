"""Ids of alerts."""

import re
import secrets

__all__ = ["alert_id", "is_alert_id"]

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def alert_id(now: float) -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7): in the order of time, not to be guessed.

    `now` in Unix seconds; of two within one millisecond, chance says which is first.
    """
    chance = secrets.randbits(74)
    high, low = chance >> 62, chance & (1 << 62) - 1
    bits = int(now * 1000) << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def is_alert_id(text: str) -> bool:
    """Tell whether it is one of ours, by its form."""
    return _ID.fullmatch(text) is not None
