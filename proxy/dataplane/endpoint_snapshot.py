"""An endpoint as it is told of: a value for status, metrics and their schemas."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["EndpointSnapshot", "EndpointState"]

EndpointState = Literal["up", "down", "ejected"]


@dataclass(frozen=True, slots=True)
class EndpointSnapshot:
    """One endpoint of an upstream as it is right now.

    `down` was found by health checks, `ejected` by failing requests. `waiting`
    counts requests that wait for a connection; `connects` (connections opened)
    and `ejections` only ever grow.
    """

    upstream: str
    endpoint: str
    state: EndpointState
    outstanding: int
    idle: int
    waiting: int
    connects: int
    ejections: int
