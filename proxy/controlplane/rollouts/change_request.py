"""One change as it is asked for, and what was asked for before."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from proxy.core.commands import Command
from proxy.core.rollout_state import Mark

__all__ = ["Actor", "ChangeRequest", "Keys", "UnknownRolloutError"]

_REMEMBERED = 1000


class Actor(NamedTuple):
    """Who asks for a change."""

    name: str
    role: str
    """``operator``, ``admin``, ``configuration`` or ``automation``."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """See the module; `name` is the rollout's."""

    name: str
    command: Command
    actor: Actor
    mark: Mark
    expected: int | None = None
    """The version that the caller has seen; None for whichever."""
    key: str = ""
    """The caller's idempotency key."""
    fence: int = 0

    @property
    def automatic(self) -> bool:
        """Whether no person asks: then it is founded on the state as it was, and on no other."""
        return self.actor.role == "automation"

    @property
    def of_operator(self) -> bool:
        """Whether a person asks, who may know more than this replica has read yet."""
        return self.actor.role in ("operator", "admin")


class UnknownRolloutError(Exception):
    """There is no rollout of this name; `known` are the names there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        """Keep both."""
        super().__init__(f"there is no rollout {name!r}")
        self.name = name
        self.known = known


class Keys:
    """The idempotency keys of the last changes made here, whether or not they are stored yet."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: OrderedDict[str, str] = OrderedDict()

    def seen(self, key: str) -> str:
        """Return the rollout that the key was used for; empty where it is new or none."""
        return self._seen.get(key, "") if key else ""

    def remember(self, key: str, rollout: str) -> None:
        """Remember a key; the oldest of too many is forgotten."""
        if key:
            self._seen[key] = rollout
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
