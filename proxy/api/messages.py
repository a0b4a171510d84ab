"""Messages: what the plugin that sends them leaves to whoever takes its place."""

from typing import Protocol

__all__ = ["Messages"]


class Messages(Protocol):
    """The service of the plugin that sends messages: who offered it last delivers.

    The others, of older configurations, stop. It is a type of the proxy's own, so that this holds
    over a reload of the plugin's code too, which makes all of the plugin's types anew.
    """

    raised: set[str]
    """The names of the alerts that were raised, while what they tell of lasts."""
