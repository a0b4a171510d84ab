"""What a decision comes to without the store that all replicas share: arithmetic only."""

from functools import lru_cache
from typing import Final, Literal

from ..claims import NEVER, Claim, Counted, Reading, Window

__all__ = ["Way", "decided", "has_share", "own", "share", "way_of"]

Way = Literal["local", "open", "closed"]

_STRICTNESS: Final[tuple[Way, ...]] = ("closed", "local", "open")


def way_of(claims: tuple[Claim, ...]) -> Way:
    """Return the strictest way that one of the claims wants; without claims, ``open``."""
    wanted = {claim.on_store_error for claim in claims}
    return next((way for way in _STRICTNESS if way in wanted), "open")


def own(claims: tuple[Claim, ...], replicas: int) -> tuple[Claim, ...]:
    """Return the claims that are counted in this process, against its share of each limit."""
    return tuple(
        claim._replace(windows=share(claim.windows, replicas))
        for claim in claims
        if claim.on_store_error == "local"
    )


@lru_cache(maxsize=4096)
def share(windows: tuple[Window, ...], replicas: int) -> tuple[Window, ...]:
    """Return what one of so many replicas may do: rounded down, but of each window one unit."""
    return tuple(
        window._replace(
            limit=max(1, window.limit // replicas), burst=max(1, window.burst // replicas)
        )
        for window in windows
    )


def has_share(claims: tuple[Claim, ...], replicas: int) -> bool:
    """Return whether there is anything in this replica's share of what it counts itself."""
    return all(
        min(window.limit, window.burst) >= replicas
        for claim in claims
        if claim.on_store_error == "local"
        for window in claim.windows
    )


def decided(claims: tuple[Claim, ...], counted: Counted, replicas: int, again: int) -> Counted:
    """Return the answer to a decision of which `counted` are the claims of `own`.

    `again` is in how many microseconds the store may be there: what waits for more than
    its share waits for that, and so does what is closed.
    """
    way = way_of(claims)
    admitted = way != "closed" and counted.admitted and has_share(claims, replicas)
    local = iter(counted.readings)
    readings = []
    for claim in claims:
        if claim.on_store_error == "open":
            readings.append(tuple(Reading(window.burst, 0, 0) for window in claim.windows))
        elif claim.on_store_error == "closed":
            readings.append(tuple(_shut(claim, window, again) for window in claim.windows))
        else:
            pairs = zip(claim.windows, next(local), strict=True)
            readings.append(tuple(_shared(claim, *pair, replicas, again) for pair in pairs))
    return Counted(admitted, tuple(readings), way)


def _shared(claim: Claim, window: Window, reading: Reading, replicas: int, again: int) -> Reading:
    """Return a reading of a share for those who know the limit."""
    if min(window.limit, window.burst) < replicas:
        return _shut(claim, window, again)
    if reading.wait == NEVER and claim.cost <= window.burst:
        return reading._replace(wait=again)
    return reading


def _shut(claim: Claim, window: Window, again: int) -> Reading:
    return Reading(0, again, NEVER if claim.cost > window.burst else again)
