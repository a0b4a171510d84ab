"""A replica's part in the fleet: it says that it lives, tells what it saw, and may lead.

One replica leads: it holds a lease with a token that grows with each holder, and every write
of the leader carries the token. Whoever loses the lease, or the store, leads no longer at once.

A leader that dies, or sleeps, is missed for as long as its lease lasts. Meanwhile one of the others
stands in: it brakes by what all have observed, and does nothing else.
"""

from collections.abc import Mapping

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.controlplane.rollouts.flushing import Flushing
from proxy.core.observations import Totals
from proxy.core.window import Export
from proxy.stores.rollouts import Beat, FleetStore, StoreLostError

__all__ = ["LEADERLESS", "Fleet"]

LEADERLESS = 2.0
"""Seconds without a word of the leader, after which another replica stands in for its brake."""

_log: FilteringBoundLogger = structlog.get_logger()


class Fleet:
    """See the module. Nothing here raises StoreLostError but `totals`."""

    def __init__(self, store: FleetStore, replica: str, sequence: int) -> None:
        """`replica` names this process and no other; `sequence` is where its flushes begin."""
        self.replica = replica
        self.token = 0
        """The lease's, while this replica leads; else 0."""
        self.beats: tuple[Beat, ...] = ()
        """All replicas that live, this one among them."""
        self.stands_in = False
        """Whether the leader is silent, and this replica brakes in its place."""
        self.lost = ""
        """Why the store cannot be used; empty while all is well."""
        self._store = store
        self._sequence = sequence
        self._flushing: dict[str, Flushing] = {}

    async def look(self, config: str, applied: Mapping[str, int]) -> None:
        """Say what is served here, see who else lives, and try to lead.

        `config` is the configuration's digest, `applied` the version of each rollout.
        """
        try:
            self.beats = tuple(await self._store.beat(Beat(self.replica, config, applied)))
            token = await self._store.lead(self.replica)
            unheard = 0.0 if token else await self._store.unheard()
        except StoreLostError as error:
            self._lose(error)
            return
        if bool(token) != bool(self.token):
            _log.info("leads" if token else "follows", replica=self.replica, token=token)
        self.token, self.lost = token, ""
        self._stand_in(unheard)

    def _stand_in(self, unheard: float) -> None:
        """Stand in for a leader that was not heard of for so many seconds, or do so no longer."""
        before, self.stands_in = self.stands_in, False
        if unheard > LEADERLESS:
            # Of those that speak still the first by name: each finds the same one.
            latest = max(beat.at for beat in self.beats)
            alive = [beat.replica for beat in self.beats if beat.at > latest - LEADERLESS]
            self.stands_in = min(alive) == self.replica
        if self.stands_in and not before:
            _log.warning("stands_in", replica=self.replica, unheard=round(unheard, 1))

    async def flush(self, name: str, export: Export, segment: int) -> None:
        """Send what a rollout's window has seen since it was last sent; see `Flushing`."""
        if self.lost:
            return
        flush = self._of(name).next(export, segment)
        if flush is None:
            return
        try:
            await self._store.add(self.replica, flush)
        except StoreLostError as error:
            self._lose(error)
        else:
            self._of(name).acknowledged()

    def since(self, name: str, now: float) -> int:
        """Return the first slice that a rollout's next flush needs."""
        return self._of(name).since(now)

    def restart(self, name: str) -> None:
        """Note that a rollout has another window."""
        self._of(name).restart()

    async def totals(self, name: str, segment: int, since: int) -> Totals:
        """Return what all replicas have observed. Raises StoreLostError."""
        try:
            return await self._store.totals(name, segment, since)
        except StoreLostError as error:
            self._lose(error)
            raise

    def others(self, config: str) -> int:
        """Return how many replicas serve another configuration."""
        return sum(beat.config != config for beat in self.beats)

    def behind(self, name: str, version: int) -> int:
        """Return how many replicas have not taken over this version of a rollout."""
        return sum(beat.applied.get(name, -1) < version for beat in self.beats)

    def follow(self) -> None:
        """Lead no longer: another replica does."""
        if self.token:
            _log.warning("follows", replica=self.replica, token=self.token)
        self.token = 0

    def forget(self, names: set[str]) -> None:
        """Forget all rollouts but these."""
        self._flushing = {name: one for name, one in self._flushing.items() if name in names}

    async def leave(self) -> None:
        """Say that this replica ends."""
        self.token = 0
        try:
            await self._store.leave(self.replica)
        except StoreLostError as error:
            self._lose(error)  # the lease runs out by itself

    def _of(self, name: str) -> Flushing:
        return self._flushing.setdefault(name, Flushing(name, self._sequence))

    def _lose(self, error: StoreLostError) -> None:
        if not self.lost:
            _log.warning("fleet_lost", replica=self.replica, error=str(error))
        self.token, self.lost, self.beats = 0, str(error) or "the store is lost", ()
        self.stands_in = False
