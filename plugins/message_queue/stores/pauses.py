"""What can be paused, by its name."""

from typing import NamedTuple

from ..message import Priority

__all__ = ["Pause", "pause_of"]

_LONGEST = 256
"""Characters of a user's id, as in `Message.user`."""


class Pause(NamedTuple):
    """What is paused: a priority, or else a user, or else everything."""

    priority: Priority | None = None
    user: str = ""


def pause_of(what: str) -> Pause:
    """Read ``all``, ``priority:<name>`` or ``user:<id>``. Raises ValueError for anything else."""
    kind, _, name = what.partition(":")
    if what == "all":
        return Pause()
    if kind == "user" and 1 <= len(name) <= _LONGEST:
        return Pause(user=name)
    if kind == "priority" and name in Priority.__members__:
        return Pause(Priority[name])
    names = ", ".join(f"priority:{priority.name}" for priority in Priority)
    raise ValueError(f"what can be paused is all, {names}, or user:<id>")
