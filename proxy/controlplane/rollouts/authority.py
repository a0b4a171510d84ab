"""Who stands where: the states of all rollouts, and the only way to change one.

A change goes: find the state, let `proxy.core.ramp` say what it comes to, store it together
with its audit entry, put it in force, tell everybody. Toward legacy it is put in force
first and stored afterwards; away from legacy it is stored or refused.

Automation's restraints (rollback, hold, freeze, latch) are alerted here, and nowhere else.
"""

import asyncio
from collections.abc import Callable, Mapping
from uuid import uuid4

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Config
from proxy.controlplane.rollouts.alerts import alerts_of, store_found, store_lost
from proxy.controlplane.rollouts.change_request import (
    Actor,
    ChangeRequest,
    Keys,
    UnknownRolloutError,
)
from proxy.controlplane.rollouts.declarations import CONFIGURATION, Declarations
from proxy.controlplane.rollouts.direction import restrains
from proxy.controlplane.rollouts.effects import Effects, Telling
from proxy.controlplane.rollouts.events import Event, Events, Listener
from proxy.controlplane.rollouts.force import Force
from proxy.controlplane.rollouts.last_known import LastKnown
from proxy.controlplane.rollouts.overlay import Overlay
from proxy.controlplane.rollouts.saving import Saving, key_of_another
from proxy.controlplane.rollouts.states import States, Unsaved
from proxy.core.commands import Command
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import Mark, RolloutState
from proxy.stores.rollouts import AuditEntry, ConflictError, RolloutStore, StoreLostError

__all__ = ["Actor", "Effects", "Event", "Rollouts", "UnknownRolloutError"]

_STARTED = "Crossfade started"
_log: FilteringBoundLogger = structlog.get_logger()


class Rollouts:
    """See the module. Everything happens on one loop."""

    degraded: str
    """Why the store cannot be used; empty while all is well."""

    ahead: float
    """By how many seconds the store's clock is ahead of ours, when it was looked at last."""

    def __init__(
        self,
        store: RolloutStore,
        effects: Effects,
        env: Mapping[str, str],
        wall_clock: Callable[[], float],
    ) -> None:
        """`store` is not opened yet; `wall_clock` tells Unix time in seconds."""
        self.degraded = ""
        self._store = store
        self._clock = wall_clock
        self.ahead = 0.0
        self._states = States()
        self._saving = Saving(store, self._states)
        self._events = Events(wall_clock)
        self._telling = Telling(effects, store, self._events)
        self._overlay = Overlay(env, wall_clock())
        self._force = Force(self._states, self._overlay, self._telling, self.now)
        self._declarations = Declarations(
            self._states, self._force, self._telling, self.now, self._change
        )
        self._keys = Keys()
        self._refreshing = asyncio.Lock()
        self._opened = self._closed = False
        self._hint: Callable[[], None] = _nothing
        self._copy = LastKnown(None)
        self._copied: Mapping[str, RolloutState] = {}

    # life

    async def open(self, config: Config) -> None:
        """Load what was learned, and reconcile it with what `config` declares.

        A store that cannot be reached at the start: the disk copy is used, or else what is
        declared with everybody on legacy. Raises ConfigError for a split that would change.
        """
        self._force.follow(config)
        self._copy = LastKnown.of(config.state)
        try:
            await self._load()
        except StoreLostError as error:
            self._states.stored.update(await asyncio.to_thread(self._copy.read))
            self._lost(error)
        self._telling.begin(self._states.stored)
        self.check(config)
        self._force.begin()
        await self.declare(config, _STARTED)

    async def close(self) -> None:
        """Store what is left to store, and let go of the store."""
        self._closed = True
        if self._opened:
            try:
                for name in list(self._states.unsaved):
                    await self._saving.unsaved(name)
            except Exception as error:  # the process ends, whatever the store says
                _log.error(
                    "changes_not_stored", reason=str(error), rollouts=[*self._states.unsaved]
                )
        await self._write_copy()
        self._events.close()
        await self._store.close()

    def on_hint(self, hint: Callable[[], None]) -> None:
        """Have `hint` called soon after another replica has stored something."""
        self._hint = hint

    # what is to be known

    def now(self) -> float:
        """Return Unix time in seconds by the store's clock, as well as it is known."""
        return self._clock() + self.ahead

    def states(self) -> Mapping[str, RolloutState]:
        """All rollouts of the configuration by name, with the environment's overrides."""
        return self._force.states_of(self._force.config)

    def states_of(self, config: Config) -> Mapping[str, RolloutState]:
        """All rollouts of another configuration; a new one has everybody on legacy still."""
        return self._force.states_of(config)

    def state(self, name: str) -> RolloutState:
        """One of them. Raises UnknownRolloutError."""
        self._check_known(name)
        return self._force.state(name)

    def _check_known(self, name: str) -> None:
        known = self._force.config.rollouts
        if name not in known:
            raise UnknownRolloutError(name, tuple(known))

    def overridden(self, name: str) -> str:
        """Return in words which variable of the environment overrides a rollout; empty if none."""
        return self._overlay.said(name)

    async def audit(
        self, *, rollout: str | None = None, before: str = "", limit: int = 100
    ) -> list[AuditEntry]:
        """The changes of all rollouts, or of one, the newest first. Raises StoreLostError."""
        if not self._opened:
            raise StoreLostError(self.degraded)
        return await self._store.audit(rollout=rollout, before=before, limit=limit)

    def listen(self) -> Listener:
        """Events from now on; a listener that is too slow misses the oldest (1,000 are kept)."""
        return self._events.listen()

    # changes

    async def change(
        self,
        name: str,
        command: Command,
        actor: Actor,
        why: str,
        *,
        expected: int | None = None,
        idempotency_key: str = "",
        fence: int = 0,
    ) -> RolloutState:
        """Do what `command` says, and return how the rollout stands afterwards.

        `expected` is the version that the caller has seen; None for whichever. The same
        `idempotency_key` again does nothing and returns the state. Raises
        UnknownRolloutError, NotAllowedError, ConflictError, StoreLostError (only for what
        leads away from legacy), FencedError.
        """
        self._check_known(name)
        used_for = self._keys.seen(idempotency_key)
        if used_for == name:
            return self.state(name)
        if used_for:
            raise key_of_another(used_for)
        mark = Mark(actor.name, why, self.now(), automatic=actor.role == "automation")
        asked = ChangeRequest(name, command, actor, mark, expected, idempotency_key, fence)
        await self._change(asked)
        self._keys.remember(idempotency_key, name)
        return self.state(name)

    async def _change(self, asked: ChangeRequest) -> None:
        name, before = asked.name, self._states.state(asked.name)
        try:
            await self._do(asked)
        finally:
            self._force.put(name)
            await self._force.tell(name, asked.actor.name, asked.mark.why)
        if asked.automatic:
            for alert in alerts_of(before, self._states.state(name)):
                self._telling.alert(alert)

    async def _do(self, asked: ChangeRequest) -> None:
        if asked.expected is not None:
            await self._check_version(asked)
        after = await self._foreseen(asked)
        before = self._states.state(asked.name)
        at_once = asked.expected is None or bool(self.degraded)
        if after == before and at_once:
            return
        if at_once and restrains(before, after):
            await self._restrain(asked, after)
        elif self.degraded:
            raise StoreLostError(self.degraded)
        else:
            await self._store_first(asked, after)

    async def _check_version(self, asked: ChangeRequest) -> None:
        """Raise ConflictError if the rollout is not at the version that the caller has seen."""
        current = self._states.state(asked.name)
        if asked.expected == current.version:
            return
        if self._store.shared and not self.degraded:
            await self.refresh()  # the caller may have read it from another replica
        current = self._states.state(asked.name)
        if asked.expected != current.version:
            raise ConflictError(current)

    async def _foreseen(self, asked: ChangeRequest) -> RolloutState:
        """Return what the change comes to by what is known here. Raises NotAllowedError.

        What a person asks and is refused or done already is looked up in the store first:
        this replica may not have read yet what the person goes by.
        """
        stale = asked.of_operator and self._store.shared and not self.degraded
        before = self._states.state(asked.name)
        try:
            after = apply(before, asked.command, asked.mark)
        except NotAllowedError:
            if not stale:
                raise
        else:
            if after != before or not stale:
                return after
        await self.refresh()
        return apply(self._states.state(asked.name), asked.command, asked.mark)

    async def _restrain(self, asked: ChangeRequest, after: RolloutState) -> None:
        """Put a change toward legacy in force, and store it if that is possible."""
        change = Unsaved(
            asked.command,
            asked.actor,
            asked.mark,
            self._states.state(asked.name),
            after if self._states.known(asked.name) else None,
            asked.key or uuid4().hex,
            asked.fence,
            asked=bool(asked.key),
            late=bool(self.degraded),
        )
        self._states.restrain(change)
        self._force.put(asked.name)
        self._force.tell_move(asked.name, asked.actor.name, asked.mark.why)
        if self.degraded:
            return
        try:
            await self._saving.unsaved(asked.name)
        except StoreLostError as error:
            self._lost(error)

    async def _store_first(self, asked: ChangeRequest, after: RolloutState) -> None:
        try:
            await self._saving.first(asked)
        except StoreLostError as error:
            self._lost(error)
            before = self._states.state(asked.name)
            if not restrains(before, after) or before.version != asked.expected:
                raise
            await self._restrain(asked, after)

    # the configuration

    def check(self, config: Config) -> None:
        """Raise ConfigError where `config` wants another store or another split than there is."""
        self._declarations.check(config)

    async def declare(self, config: Config, why: str, by: str = CONFIGURATION) -> None:
        """Take over what a reload has declared anew; never fails.

        What cannot be taken over, because it leads away from legacy and the store is lost,
        is taken over when the store is back.
        """
        await self._declarations.take_over(config, why, by)

    # the store

    async def refresh(self) -> None:
        """Take over what other replicas have stored; after an outage, store what was braked here.

        Never raises: what goes wrong is told in `degraded`.
        """
        if self._closed:
            return
        async with self._refreshing:
            try:
                await self._refresh()
            except StoreLostError as error:
                self._lost(error)
            except Exception as error:
                _log.exception("store_not_understood")
                self._lost(StoreLostError(f"{self._store.url}: {type(error).__name__}"))
        await self._write_copy()

    async def _refresh(self) -> None:
        for name in await self._load():
            self._force.put(name)
            await self._force.tell(name)
        for name in list(self._states.unsaved):
            await self._saving.unsaved(name)
            self._force.put(name)
            await self._force.tell(name)
        if self.degraded:
            await self._saving.writable()
            self._found()
        await self._declarations.catch_up()

    async def _load(self) -> list[str]:
        """Read the store; returns the rollouts that stand otherwise now. Raises StoreLostError."""
        if not self._opened:
            await self._store.open()
            self._store.watch(lambda: self._hint())
            self._opened = True
        self.ahead = await self._store.now() - self._clock()
        touched, first = dict(self._states.touched), not self._states.loaded
        others = self._states.take_all(await self._store.load(), touched)
        if first:
            self._telling.begin(self._states.stored)
        return list(self._force.config.rollouts) if first else others

    async def _write_copy(self) -> None:
        if self._states.loaded and self._copied != self._states.stored:
            self._copied = dict(self._states.stored)
            await asyncio.to_thread(self._copy.write, self._copied)

    def _found(self) -> None:
        self.degraded = ""
        # What was declared meanwhile may be there in part only.
        self._declarations.behind = True
        _log.warning("state_store_found", store=self._store.url)
        self._telling.alert(store_found(self._store.url))
        self._events.tell("store_found", {"store": self._store.url})

    def _lost(self, error: StoreLostError) -> None:
        if not self.degraded:
            self.degraded = str(error) or "the store cannot be reached"
            _log.error("state_store_lost", store=self._store.url, reason=self.degraded)
            self._telling.alert(store_lost(self._store.url, self.degraded))
            self._events.tell("store_lost", {"store": self._store.url, "reason": self.degraded})


def _nothing() -> None:
    pass
