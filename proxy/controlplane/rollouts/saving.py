"""Storing: what is asked before it is in force, and what is in force already."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from proxy.controlplane.rollouts.change_request import ChangeRequest
from proxy.controlplane.rollouts.entries import entry_of
from proxy.controlplane.rollouts.states import States, Unsaved
from proxy.core.commands import Brake, Declare, Observe
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import ConflictError, FencedError, RolloutStore, StoreLostError

__all__ = ["Saving", "key_of_another"]

_ATTEMPTS = 8
"""So often others may be faster before a change is given up."""
_STUBBORN = 100
"""The same for what is in force already."""


def key_of_another(rollout: str) -> NotAllowedError:
    """Return the error for an idempotency key that was used for the rollout of that name."""
    return NotAllowedError(
        f"this idempotency key was used for a change of {rollout}",
        "use a new key for each change; repeat one only to ask again for the same change",
    )


class Saving:
    """One rollout's changes are stored one after the other."""

    def __init__(self, store: RolloutStore, states: States) -> None:
        """`states` is kept in step with `store`."""
        self._store = store
        self._states = states
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def first(self, asked: ChangeRequest) -> bool:
        """Store a change that is not in force yet; returns whether anything has changed.

        Raises NotAllowedError, ConflictError, FencedError, StoreLostError.
        """
        async with self._turns[asked.name]:
            for _ in range(_ATTEMPTS):
                await self._unsaved(asked.name)
                if await self._done(asked.key, asked.name):
                    return False
                before = self._states.state(asked.name)
                if asked.expected is not None and asked.expected != before.version:
                    raise ConflictError(before)
                after = apply(before, asked.command, asked.mark)
                if after == before:
                    return False
                try:
                    await self._save(asked, before, after)
                except ConflictError as conflict:
                    self._states.take(conflict.current)
                    if asked.expected is not None or asked.automatic:
                        raise
                else:
                    return True
            raise ConflictError(self._states.state(asked.name))

    async def unsaved(self, name: str) -> None:
        """Store what is in force already. Raises FencedError, StoreLostError."""
        async with self._turns[name]:
            await self._unsaved(name)

    async def writable(self) -> None:
        """Store once more what is stored: a store that can only be read is lost still.

        Raises StoreLostError.
        """
        for state in list(self._states.stored.values())[:1]:
            with suppress(ConflictError):
                await self._store.save(state, state.version, None)

    async def _save(self, asked: ChangeRequest, before: RolloutState, after: RolloutState) -> None:
        entry = None
        if not isinstance(asked.command, Observe):
            entry = entry_of(
                before,
                after,
                asked.command,
                asked.actor,
                asked.mark.why,
                at=asked.mark.at,
                idempotency_key=asked.key,
            )
        saved = await self._store.save(after, before.version, entry, asked.fence)
        self._states.keep(asked.name, saved)

    async def _unsaved(self, name: str) -> None:
        while waiting := self._states.unsaved.get(name):
            await self._keep(name, waiting[0])

    async def _keep(self, name: str, change: Unsaved) -> None:
        """Store what is in force, whatever others have stored meanwhile."""
        try:
            for _ in range(_STUBBORN):
                if await self._kept(name, change):
                    return
            raise StoreLostError(f"the store does not take a change of {name}, try as one may")
        except StoreLostError:
            for one in self._states.unsaved.get(name, ()):
                one.late = True
            raise
        except (FencedError, NotAllowedError):
            self._states.drop(change)
            raise

    async def _kept(self, name: str, change: Unsaved) -> bool:
        """Try once; returns false where somebody else was faster."""
        # It may have been stored by another replica, or by an attempt whose answer was lost.
        if (change.asked or change.late) and await self._done(change.key, name):
            self._states.drop(change)
            return True
        before = self._states.base(name)
        command = change.command
        if isinstance(command, Declare) and command.declared == before.declared:
            self._states.drop(change)  # another replica has read the same file
            return True
        if not change.late and isinstance(command, Brake) and before.rolled_back:
            self._states.drop(change)  # another replica has braked for the same reason
            return True
        after = change.onto(before)
        entry = entry_of(
            before,
            after,
            command,
            change.actor,
            change.mark.why,
            at=change.mark.at,
            idempotency_key=change.key,
            late=change.late,
        )
        # A lease that was lost with the store says nothing against what was right then.
        fence = 0 if change.late else change.fence
        try:
            saved = await self._store.save(after, before.version, entry, fence)
        except ConflictError as conflict:
            self._states.take(conflict.current)
            return False
        self._states.drop(change)
        self._states.keep(name, saved)
        return True

    async def _done(self, key: str, name: str) -> bool:
        """Whether a change with this key is stored. Raises NotAllowedError, StoreLostError."""
        found = await self._store.find(key) if key else None
        if found is not None and found.rollout != name:
            raise key_of_another(found.rollout)
        if found is not None:
            current = (await self._store.load()).get(name)
            if current is not None:
                self._states.take(current)
        return found is not None
