"""Tells whether the same was said before: digests of what is asked for."""

from hashlib import blake2b
from typing import Final

import orjson

__all__ = ["REPLAYED", "digest"]

REPLAYED: Final = {"Idempotency-Replayed": "true"}
"""Stands in answers to requests that had been answered before, and have changed nothing."""


def digest(*parts: str | int | bool | None) -> str:
    """Return a digest that tells these apart from any others; nothing can be read in it."""
    said = orjson.dumps([[type(part).__name__, str(part)] for part in parts])
    return blake2b(said, digest_size=12).hexdigest()
