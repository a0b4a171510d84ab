"""What the states reach: the hot path, plugins that watch, and those who listen."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from proxy.api.events import Alert, Move
from proxy.controlplane.rollouts.entries import entry_data
from proxy.controlplane.rollouts.events import Events
from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import AuditEntry, RolloutStore

__all__ = ["Effects", "Telling"]

_MOST_TOLD = 100


class Effects(NamedTuple):
    """What a change reaches."""

    steer: Callable[[RolloutState], None]
    """Puts a state in force on the hot path, at once."""
    moved: Callable[[Move], None]
    alert: Callable[[Alert], None]


class Telling:
    """Puts states in force, and tells each move, change and alert once."""

    def __init__(self, effects: Effects, store: RolloutStore, events: Events) -> None:
        """`store` is asked for the changes that others have made."""
        self.events = events
        self._effects = effects
        self._store = store
        self._shares: dict[str, float] = {}
        self._versions: dict[str, int] = {}
        self._turn = asyncio.Lock()

    def begin(self, states: Mapping[str, RolloutState]) -> None:
        """Take the stored `states` as told already."""
        self._versions = {name: state.version for name, state in states.items()}

    def settle(self, name: str, share: float) -> None:
        """Take the share (per cent) of a rollout as told already."""
        self._shares[name] = share

    def steer(self, state: RolloutState) -> None:
        """Put a state in force."""
        self._effects.steer(state)

    def move(self, name: str, share: float, by: str, why: str) -> None:
        """Tell plugins that the share of a rollout is another one, if it is."""
        before = self._shares.get(name, 0.0)
        self._shares[name] = share
        if before != share:
            self._effects.moved(Move(name, before, share, by, why))

    def vanished(self, known: Mapping[str, Any], by: str, why: str) -> None:
        """Tell plugins that the rollouts that are not `known` any more give nothing to new."""
        for name in [name for name in self._shares if name not in known]:
            self.move(name, 0.0, by, why)
            del self._shares[name]

    def alert(self, alert: Alert) -> None:
        """Tell a person, through the plugins and to all who listen."""
        self._effects.alert(alert)
        self.events.tell("alert", alert._asdict())

    async def news(self, state: RolloutState) -> AuditEntry | None:
        """Tell all who listen what was stored of a rollout since the last time, whoever did it.

        Returns the newest entry; None if there is nothing new. Raises StoreLostError; then the
        next time tells it.
        """
        async with self._turn:
            told = self._versions.get(state.name, 0)
            new = state.version - told
            if new < 0:  # the store has begun anew
                self._versions[state.name] = state.version
            if new <= 0:
                return None
            limit = min(new, _MOST_TOLD)
            found = await self._store.audit(rollout=state.name, limit=limit)
            entries = [one for one in found if one.version > told]
            self._versions[state.name] = max([state.version, *(one.version for one in entries)])
            for entry in reversed(entries):
                self.events.tell("rollout_changed", entry_data(entry))
            return entries[0] if entries else None
