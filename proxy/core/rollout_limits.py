"""How much a plan and a reason may hold, whoever asks: a file, the admin API, the command line.

Those of what is set by hand are in `proxy.core.by_hand`. Times are in seconds.
"""

from typing import Final

__all__ = ["LONGEST_BAKE", "LONGEST_SETTLE", "LONGEST_STEP", "MOST_REASON", "MOST_STEPS"]

MOST_STEPS: Final = 50
"""So many steps a plan has."""

LONGEST_SETTLE: Final = 3600.0
"""Of a step."""

LONGEST_BAKE: Final = 168 * 3600.0
"""Of a step, and of the soak after the last."""

LONGEST_STEP: Final = 720 * 3600.0
"""What `max_duration` of a step can be."""

MOST_REASON: Final = 500
"""So many letters the reason of a change has."""
