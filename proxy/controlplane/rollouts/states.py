"""The states as the store has them, and what is in force here before it could be stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from proxy.controlplane.rollouts.change_request import Actor
from proxy.controlplane.rollouts.direction import is_toward_legacy, restrains
from proxy.core.commands import Command
from proxy.core.ramp import NotAllowedError, apply, most_legacy
from proxy.core.rollout_state import Mark, RolloutState

__all__ = ["States", "Unsaved"]

_MOST_UNSAVED = 100
_UNKNOWN = "what was learned of it cannot be read, since the store cannot be reached"


@dataclass(slots=True)
class Unsaved:
    """A change toward legacy that is in force and not stored yet."""

    command: Command | None
    """None: to put back what the store has lost."""
    actor: Actor
    mark: Mark
    before: RolloutState
    after: RolloutState | None
    """None where nothing was known of the rollout: the command says it all."""
    key: str
    """The idempotency key, one of its own if the caller gave none."""
    fence: int = 0
    asked: bool = False
    """Whether the caller gave the key: then somebody else may have stored it."""
    late: bool = False
    """Whether it could not be stored at once."""

    def onto(self, state: RolloutState) -> RolloutState:
        """Return `state` with this change, whatever has become of it meanwhile."""
        if self.after is None:
            try:
                return apply(state, self.command, self.mark) if self.command else state
            except NotAllowedError:
                return state
        if replace(state, version=0) == replace(self.before, version=0):
            return replace(self.after, version=max(state.version, self.after.version))
        return most_legacy(state, self.after)


class States:
    """See the module. Plain data: no clock, no store."""

    def __init__(self) -> None:
        """Begin with nothing learned."""
        self.stored: dict[str, RolloutState] = {}
        self.unsaved: dict[str, list[Unsaved]] = {}
        self.touched: dict[str, int] = {}
        """How often each rollout was stored from here: tells whether a look is outdated."""
        self.loaded = False
        """Whether the store has been read, or a copy of it."""

    def state(self, name: str) -> RolloutState:
        """Return how a rollout stands here, without the environment's overrides."""
        state = self.base(name)
        for change in self.unsaved.get(name, ()):
            state = change.onto(state)
        return state

    def base(self, name: str) -> RolloutState:
        """Return a rollout as it is stored; one that is not as it begins."""
        return self.stored.get(name) or RolloutState(name)

    def in_force(self, name: str, now: float) -> RolloutState:
        """Return what callers meet: while nothing is known of a rollout, legacy for all."""
        state = self.state(name)
        if self.known(name) or state.killed:
            return state
        return replace(state, killed=Mark("crossfade", _UNKNOWN, now))

    def known(self, name: str) -> bool:
        """Whether what was learned of a rollout is known; before its first time nothing is."""
        return self.loaded or name in self.stored

    def keep(self, name: str, state: RolloutState) -> None:
        """Take note of what was stored from here."""
        self.stored[name] = state
        self.touched[name] = self.touched.get(name, 0) + 1

    def restrain(self, change: Unsaved) -> None:
        """Put a change toward legacy in force.

        Beyond a hundred of one rollout the last is stored for all that follow.
        """
        waiting = self.unsaved.setdefault(change.before.name, [])
        if len(waiting) < _MOST_UNSAVED:
            waiting.append(change)
        else:
            waiting[-1].after = change.after

    def drop(self, change: Unsaved) -> None:
        """Take a change off that is stored, or is not to be."""
        name = change.before.name
        left = [one for one in self.unsaved.get(name, ()) if one is not change]
        if left:
            self.unsaved[name] = left
        else:
            self.unsaved.pop(name, None)

    def take(self, state: RolloutState) -> bool:
        """Take over what the store has; returns whether it is another state than known.

        A version below the known one, or the same with callers on new who were not, comes
        of a store that has lost its data. It does not undo what is known here: that is
        merged again as a change that is not stored.
        """
        known = self.stored.get(state.name)
        if known == state:
            return False
        if known is not None and state.version == 0:
            self.forget(state.name)
            return True
        if known is not None and _lost(known, state):
            self._put_back(known, known)
        self.stored[state.name] = state
        return True

    def take_all(self, found: Mapping[str, RolloutState], touched: Mapping[str, int]) -> list[str]:
        """Take over all that the store has; returns the rollouts that stand otherwise now.

        `touched` is a copy from before the store was read: what was stored from here since
        is newer than what was read.
        """
        self.loaded = True
        same = {name for name in {*found, *self.stored} if self._untouched(name, touched)}
        taken = [name for name in sorted(same & found.keys()) if self.take(found[name])]
        lost = sorted(same & self.stored.keys() - found.keys())
        for name in lost:
            self.forget(name)
        return [*taken, *lost]

    def _untouched(self, name: str, touched: Mapping[str, int]) -> bool:
        return self.touched.get(name, 0) == touched.get(name, 0)

    def forget(self, name: str) -> None:
        """Take note that the store knows this rollout no more; it goes on as it stands here."""
        self._put_back(RolloutState(name), self.stored.pop(name))

    def _put_back(self, before: RolloutState, known: RolloutState) -> None:
        mark = Mark("crossfade", "the store had lost it", known.since)
        actor = Actor(mark.by, "automation")
        key = f"restore-{known.name}-{known.version}-{known.since}"
        self.unsaved.setdefault(known.name, []).insert(
            0, Unsaved(None, actor, mark, before, known, key, asked=True, late=True)
        )


def _lost(known: RolloutState, found: RolloutState) -> bool:
    if found.version == known.version:
        return restrains(found, known) or not is_toward_legacy(known, found)
    return found.version < known.version
