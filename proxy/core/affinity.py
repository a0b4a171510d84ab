"""Write affinity: who has just changed something reads it where it was written.

Pins belong to a process and are bounded; the oldest go first.
"""

from proxy.core.reason import Arm

__all__ = ["PINS_MOST", "WriteAffinity"]

PINS_MOST = 100_000
"""So many callers are remembered per rollout."""


class WriteAffinity:
    """Where callers have written last, and until when they read there."""

    __slots__ = ("_pins", "seconds")

    def __init__(self, seconds: float) -> None:
        """`seconds`: how long a write keeps its caller's reads."""
        self.seconds = seconds
        self._pins: dict[bytes, tuple[Arm, float]] = {}

    def wrote(self, key: bytes, arm: Arm, now: float) -> None:
        """Note that a request that may have changed something was answered by `arm`."""
        pins = self._pins
        pins.pop(key, None)  # so that the order is that of the last writes
        pins[key] = (arm, now + self.seconds)
        if len(pins) > PINS_MOST:
            del pins[next(iter(pins))]

    def arm_of(self, key: bytes, now: float) -> Arm | None:
        """Return where the caller reads; None if that is not pinned."""
        pin = self._pins.get(key)
        if pin is None:
            return None
        if pin[1] > now:
            return pin[0]
        del self._pins[key]
        return None
