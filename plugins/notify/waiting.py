"""How long to wait before something is tried again. Arithmetic; chance is passed in."""

from typing import Final

__all__ = ["LONGEST", "again_in"]

LONGEST: Final = 3600.0
"""Seconds between two tries, at most; where the other side asks for more, it gets that."""

_BASE: Final = 5.0


def again_in(tries: int, chance: float, asked: float | None = None) -> float:
    """Return the seconds to wait after so many tries, from 1: full jitter, growing.

    Anything from 0 to 5 x 2^(tries - 1), at most `LONGEST`, so that what failed together does not
    come back together; at least what the other side has `asked` for. `chance`: 0 <= c < 1.
    """
    jittered = chance * min(LONGEST, _BASE * 2.0 ** min(max(tries - 1, 0), 16))
    return max(jittered, asked or 0.0)
