"""Crossfade: fades HTTP traffic from a legacy system to its replacement."""

from proxy.compiled import choose

__version__ = "0.1.0"

HOT_PATH = choose()
"""What the hot path runs from: "compiled", "source", or "outdated" (source as well)."""
