"""Takes what the file and the plugins hold, or once held, into service: one change at a time.

The road of a change: read, build, foresee whom it moves, make room for one more draining
generation, open listeners, swap by one assignment, tell the plugins, retire what served.
Whatever fails before the swap leaves everything as it was, with what was started ended.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.changes import Change, ChangeRefusedError
from proxy.api.events import Alert
from proxy.config import Config, ConfigError, load
from proxy.config.loading import parse
from proxy.controlplane.config_file import Rewrite
from proxy.controlplane.draining import Draining
from proxy.controlplane.generations import GenerationBuilder, discard, prepare, retire
from proxy.controlplane.history import Generations, HistoryEntry
from proxy.controlplane.listeners import ListenersError
from proxy.controlplane.material import Material, material_of, read
from proxy.controlplane.preview import RolloutPreview, check_rebucket, check_renamed, preview
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.controlplane.seen import Seen
from proxy.controlplane.status import ConfigStatus, ReloadOutcome
from proxy.dataplane.door import Door
from proxy.dataplane.generation import Generation
from proxy.pluginhost.host import PluginHost

__all__ = ["Parts", "Reloader"]

_log: FilteringBoundLogger = structlog.get_logger()
_T = TypeVar("_T")
_REFUSALS = (ConfigError, ListenersError, OSError, ValueError)
_STOPPING = "Crossfade is stopping; nothing is changed any more."
_MOST_ALERTED = 3


class _StoppedError(Exception):
    """The process ends; the change is given up."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a change is made with."""

    builder: GenerationBuilder
    host: PluginHost
    door: Door
    draining: Draining[Generation]
    take_over: Callable[[Generation], Awaitable[None]]
    """Puts a generation in force: the last step, which is done wholly or not at all."""
    follow: Callable[[Seen], None]
    """Is told what has been read, so that it is watched."""
    rollouts: Rollouts
    """Takes over what is declared anew."""


class Reloader:
    """See the module; `status` tells what serves and what was refused."""

    def __init__(self, parts: Parts, env: Mapping[str, str], seen: Seen, material: Material):
        """Begin with the generation in force, which was made of `material`."""
        self._parts = parts
        self._env = env
        self._seen = seen
        self._serving = material
        self._in_file = material.digest
        self._alerted: tuple[str, ...] = ()
        self._turn = asyncio.Lock()
        self._work: asyncio.Task[Any] | None = None
        self._stopping = False
        self.history = Generations()
        self.status = ConfigStatus(str(seen.path), material.digest, time.time())
        self._keep("Crossfade started")

    async def stop(self) -> None:
        """Give up the change under way, if it still can be; nothing is changed afterwards."""
        self._stopping = True
        if self._work is not None:
            self._work.cancel()
        async with self._turn:
            pass

    async def reload(self, *, dry_run: bool, release: bool, file: str = "") -> ReloadOutcome:
        """Take what the file and the plugins hold now; see `AdminView.reload`."""
        async with self._turn:
            try:
                if dry_run:
                    return await self._try(file)
                return await self._reload(release=release)
            except _StoppedError:
                _log.warning("reload_refused", problems=(_STOPPING,))
                return self._outcome((_STOPPING,), dry_run=dry_run)
            except _REFUSALS as error:
                problems = _problems(error)
            return self._outcome(problems, dry_run=True) if dry_run else self._refused(problems)

    async def rollback(self, number: int, by: str) -> ReloadOutcome:
        """Take what generation `number` was made of; see `AdminView.rollback`."""
        async with self._turn:
            try:
                return await self._rollback(number, by)
            except _StoppedError:
                problems: tuple[str, ...] = (_STOPPING,)
            except _REFUSALS as error:
                problems = _problems(error)
            serving = self._parts.door.generation.number
            _log.error("rollback_refused", to=number, by=by, generation=serving, problems=problems)
            return self._outcome(problems)

    async def reconfigure(self, changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
        """Change the file and take it; see `Services.reconfigure`. Raises ChangeRefusedError."""
        async with self._turn:
            try:
                return await self._reconfigure(changes, _Reason(by, why, f"{why} (by {by})"))
            except _StoppedError:
                problems: tuple[str, ...] = (_STOPPING,)
            except ChangeRefusedError as error:
                problems = error.problems
            except _REFUSALS as error:
                problems = _problems(error)
            places = [change.place for change in changes]
            _log.error("reconfigure_refused", by=by, why=why, places=places, problems=problems)
            raise ChangeRefusedError(problems)

    # the roads

    async def _try(self, file: str) -> ReloadOutcome:
        """Go the whole road but for its last step; `file` is another one in the same folder."""
        path = self._seen.path.parent / file if file else self._seen.path
        material = await self._until_stopped(asyncio.to_thread(read, path, self._env))
        if material.digest == self._serving.digest:
            return self._outcome(dry_run=True)
        after, moves = await self._prepare(material)
        await discard(after)
        return replace(self._outcome(dry_run=True), changed=True, moves=moves)

    async def _reload(self, *, release: bool) -> ReloadOutcome:
        material = await self._until_stopped(self._read())
        # An event without other content does not undo what an operator brought back.
        known = not release and self.status.brought_back and material.digest == self._in_file
        changed = material.digest != self._serving.digest and not known
        moves: tuple[RolloutPreview, ...] = ()
        if changed:
            note = "; ".join(_differences(self._serving, material))
            reason = _Reason("configuration", "the configuration was changed", note)
            moves = await self._swap(material, reason)
        released = self.release_quarantine(None) if release and not changed else ()
        self._in_file = material.digest
        if not known:
            self._note_success(material, changed=changed)
        self._parts.door.accounting.reloaded(done=True)
        _log.info("reloaded", **self._told(moves), changed=changed)
        return replace(self._outcome(), changed=changed, moves=moves, released=released)

    async def _rollback(self, number: int, by: str) -> ReloadOutcome:
        kept = self.history.get(number)
        if kept is None:
            known = ", ".join(str(entry.number) for entry in self.history.entries())
            raise ValueError(f"generation {number} is not remembered; {known} are")
        material = kept.material
        if material.digest == self._serving.digest:
            return self._outcome()
        why = f"generation {number} was brought back"
        moves = await self._swap(material, _Reason(by, why, f"{why} by {by}"))
        self._note_success(material, changed=True)
        if material.digest != self._in_file:
            text = (
                f"{why} by an operator; {self.status.file} holds something else; reload to "
                "serve the file"
            )
            self.status = replace(self.status, stale=True, brought_back=True, problems=(text,))
        _log.warning("rolled_back", **self._told(moves), to=number, by=by)
        return replace(self._outcome(), changed=True, moves=moves)

    async def _reconfigure(
        self, changes: Sequence[Change], reason: "_Reason"
    ) -> tuple[Change, ...]:
        path = self._seen.path
        rewrite = await self._until_stopped(asyncio.to_thread(Rewrite, path, changes))
        now, then = await self._until_stopped(asyncio.to_thread(self._both, rewrite))
        if now.digest != self._serving.digest:
            said = f"{path} holds something else than what serves; reload it first"
            raise ChangeRefusedError([said])
        moves = await self._swap(then, reason, rewrite)
        self._follow(await asyncio.to_thread(Seen.at, path, then.config.plugins.path))
        self._in_file = then.digest
        self._note_success(then, changed=True)
        self._parts.door.accounting.reloaded(done=True)
        places = [change.place for change in changes]
        told = self._told(moves)
        _log.warning("reconfigured", **told, by=reason.by, why=reason.why, places=places)
        return rewrite.undo

    def _both(self, rewrite: Rewrite) -> tuple[Material, Material]:
        """Return what the file holds, and what it is to hold. Raises ConfigError."""
        now, then = (
            material_of(parse(content, self._seen.path, self._env))
            for content in (rewrite.before, rewrite.content)
        )
        return now, then

    def release_quarantine(self, plugin: str | None) -> tuple[str, ...]:
        """Let quarantined uses serve again; see `AdminView.release_quarantine`."""
        plugins = self._parts.door.generation.plugins
        released = () if plugins is None else plugins.release_quarantine(plugin)
        if released:
            _log.info("quarantine_released", plugins=released)
        return released

    # the steps

    async def _read(self) -> Material:
        """Read what there is now, off the loop; what has been looked at is watched."""
        seen = await asyncio.to_thread(self._seen.again)
        self._follow(seen)
        config = await asyncio.to_thread(load, seen.path, self._env)
        # The directories of a file that will be refused too: what it lacks may come.
        self._follow(await asyncio.to_thread(seen.beside, config.plugins.path))
        return await asyncio.to_thread(material_of, config)

    def _follow(self, seen: Seen) -> None:
        self._seen = seen
        self._parts.follow(seen)

    async def _prepare(self, material: Material) -> tuple[Generation, tuple[RolloutPreview, ...]]:
        """Build a generation that may serve, and foresee whom it moves."""
        parts, before = self._parts, self._parts.door.generation
        learned = parts.rollouts.states_of(material.config)
        work = prepare(parts.builder, parts.host, material, before, learned)
        after = await self._until_stopped(work)
        try:
            return after, await self._foresee(before.config, material.config)
        except BaseException:
            await discard(after)
            raise

    async def _swap(
        self, material: Material, reason: "_Reason", rewrite: Rewrite | None = None
    ) -> tuple[RolloutPreview, ...]:
        """Serve it; where it is a rewrite of the file, together with that or not at all."""
        parts, before = self._parts, self._parts.door.generation
        after, moves = await self._prepare(material)
        try:
            await self._until_stopped(parts.draining.make_room(before.limits.drain))
            if rewrite is not None:
                await asyncio.to_thread(rewrite.write)
            await parts.take_over(after)
        except BaseException:
            await discard(after)
            if rewrite is not None:
                await asyncio.to_thread(rewrite.put_back)
            raise
        retire(before, after)
        parts.draining.retire(before)
        self._serving = material
        self._keep(reason.note)
        await parts.rollouts.declare(after.config, reason.why, reason.by)
        return moves

    async def _foresee(self, before: Config, after: Config) -> tuple[RolloutPreview, ...]:
        """Return whom the change moves. Raises ConfigError if it may not."""
        rollouts = self._parts.rollouts
        decided, learned = tuple(self._parts.door.decided), rollouts.states()
        previews = await asyncio.to_thread(preview, decided, before, after, learned)
        problems = check_rebucket(before, after, previews, learned)
        problems += check_renamed(before, after, learned, rollouts.states_of(after))
        if problems:
            raise ConfigError(problems)
        rollouts.check(after)
        return previews

    async def _until_stopped(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Await `work`. Raises _StoppedError if the process ends meanwhile."""
        if self._stopping:
            work.close()
            raise _StoppedError
        self._work = task = asyncio.ensure_future(work)
        try:
            return await task
        except asyncio.CancelledError:
            if self._stopping and task.cancelled():
                raise _StoppedError from None
            raise
        finally:
            self._work = None

    # what came of it

    def _keep(self, note: str) -> None:
        number = self._parts.door.generation.number
        entry = HistoryEntry(number, self._serving.digest, time.time(), note)
        self.history.keep(entry, self._serving)

    def _note_success(self, material: Material, *, changed: bool) -> None:
        now = time.time() if changed else self.status.loaded_at
        self.status = ConfigStatus(self.status.file, material.digest, now)
        self._alerted = ()

    def _refused(self, problems: tuple[str, ...]) -> ReloadOutcome:
        self._parts.door.accounting.reloaded(done=False)
        self._in_file = ""  # whatever it holds next is something else
        self.status = replace(self.status, stale=True, problems=problems)
        outcome = self._outcome(problems)
        _log.error("reload_refused", generation=outcome.generation, problems=problems)
        if problems != self._alerted:
            self._alerted = problems
            self._parts.host.alert(_alert(self.status.file, problems))
        return outcome

    def _outcome(self, problems: tuple[str, ...] = (), *, dry_run: bool = False) -> ReloadOutcome:
        return ReloadOutcome(
            done=not problems,
            changed=False,
            generation=self._parts.door.generation.number,
            problems=problems,
            dry_run=dry_run,
        )

    def _told(self, moves: tuple[RolloutPreview, ...]) -> dict[str, Any]:
        told = {
            one.rollout: f"{one.to_new} to new and {one.to_legacy} to legacy of {one.seen} callers"
            for one in moves
            if one.to_new or one.to_legacy
        }
        return {"generation": self._parts.door.generation.number, "moves": told}


@dataclass(frozen=True, slots=True)
class _Reason:
    """Who changes something and why; `note` is for the history."""

    by: str
    why: str
    note: str


def _problems(error: Exception) -> tuple[str, ...]:
    if isinstance(error, ConfigError):
        return tuple(str(problem) for problem in error.problems)
    return (str(error),)


def _differences(before: Material, after: Material) -> Iterator[str]:
    """Yield in words what is other than before."""
    if before.config.digest != after.config.digest:
        yield "the configuration changed"
    old, new = before.sources, after.sources
    for name, source in new.items():
        if name in old and old[name].digest != source.digest:
            yield f"the plugin {name} changed"


def _alert(file: str, problems: tuple[str, ...]) -> Alert:
    shown = "; ".join(problems[:_MOST_ALERTED])
    more = len(problems) - _MOST_ALERTED
    beyond = f"; and {more} more" if more > 0 else ""
    text = f"The configuration was refused and the one before goes on serving: {shown}{beyond}"
    end = "" if text.endswith("?") else "."
    return Alert("config_refused", file, text + end)
