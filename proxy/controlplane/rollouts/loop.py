"""The ramp loop: each second it looks at every rollout, brakes, and walks the ramps.

The replica that leads does so for the fleet, by what all replicas observed; while it is silent
another one brakes in its place. A replica that has lost the store brakes for itself, by what it
sees, and never goes up. All other replicas only tell what they see.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Config
from proxy.config.rollback import Rollback
from proxy.config.rollout import Rollout
from proxy.controlplane.rollouts.agreement import digest_of
from proxy.controlplane.rollouts.authority import Actor
from proxy.controlplane.rollouts.course import Course
from proxy.controlplane.rollouts.fleet import Fleet
from proxy.controlplane.rollouts.observing import observed, totals_of
from proxy.controlplane.rollouts.questions import (
    SHOWN_SECONDS,
    Look,
    Sight,
    first_slice,
    window_of,
)
from proxy.controlplane.rollouts.ramping import Circumstances
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.controlplane.rollouts.surroundings import Surroundings
from proxy.controlplane.rollouts.webhook import Webhooks
from proxy.core.commands import Brake, Command
from proxy.core.observations import Totals
from proxy.core.ramp import NotAllowedError, ordinal, stretch
from proxy.core.rollout_state import RolloutState
from proxy.core.window import Window
from proxy.stores.rollouts import ConflictError, FencedError, StoreLostError

__all__ = ["RampLoop", "rest"]

FOLLOWERS_LOOK = 5.0
"""Seconds between two looks of a replica that does not lead at what the fleet observed."""

AT_ONCE = 4
"""So many rollouts are looked at beside each other; then requests have their turn."""

BIG = 2000
"""Numbers of one rollout; more of them are made sense of beside the loop and not on it."""

_WHY_MOST = 1000
_log: FilteringBoundLogger = structlog.get_logger()


class RampLoop:
    """See the module. Everything happens on one loop of asyncio."""

    def __init__(
        self,
        surroundings: Surroundings,
        replica: str,
        wall_clock: Callable[[], float],
        *,
        interval: float = 1.0,
    ) -> None:
        """`replica` names this process and no other, not even itself before a restart.

        `wall_clock` gives Unix seconds, by the store's clock as far as that is known;
        `interval` is the time between two looks in seconds.
        """
        self._surroundings = surroundings
        self._wall_clock = wall_clock
        self._interval = interval
        self._fleet: Fleet | None = None
        if surroundings.fleet is not None:
            self._fleet = Fleet(surroundings.fleet, replica, sequence=int(wall_clock() * 1000))
        self._webhooks = Webhooks(surroundings.session)
        self._courses: dict[str, Course] = {}
        self._windows: dict[str, tuple[Window, int]] = {}
        """The window of each rollout, and the segment that it collects for."""
        self._served: tuple[Config, str] | None = None
        """The configuration that serves, and the digest of what it decides."""
        self._told: dict[str, str] = {}
        """What went wrong with a rollout the last time, if it did."""
        self._task: asyncio.Task[None] | None = None

    # life

    def start(self) -> None:
        """Look at everything each second from now on."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Look no more; store what is left to store, and let go of the lease."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._webhooks.close()
        if self.leads:
            for name, state in self._surroundings.rollouts.states().items():
                await self._safely(name, self._course(name).ramping.save, state)
        if self._fleet is not None:
            await self._fleet.leave()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            try:
                await self.look()
            except Exception as error:
                self._tell("", "ramp_loop_fault", type(error).__name__, exc_info=True)
            else:
                self._told.pop("", None)
            await asyncio.sleep(rest(self._interval, clock() - begun))

    # what others ask

    @property
    def leads(self) -> bool:
        """Whether this replica leads; always, where there is no other."""
        return self._fleet is None or bool(self._fleet.token)

    def report(self, name: str) -> RolloutReport:
        """Return what is known of a rollout beside its state."""
        course = self._courses.get(name) or self._new_course()
        waiting = course.ramping.waiting
        return RolloutReport(
            leader=self.leads,
            stale=bool(self._lost or self._surroundings.rollouts.degraded),
            remaining=waiting.remaining,
            waiting_for=waiting.words,
            verdict=course.verdict,
            evidence=course.evidence,
            observed=course.sight.shown,
        )

    # one look

    async def look(self) -> None:
        """Look at everything once, by the store's clock, and have requests counted by it, too."""
        self._surroundings.watch.adjust(self._surroundings.rollouts.ahead)
        await self.tick(self._wall_clock())

    async def tick(self, now: float) -> None:
        """Look at everything once; `now` in Unix seconds. A fault of one rollout stays its own."""
        rollouts, config = self._surroundings.rollouts, self._surroundings.config()
        states = rollouts.states()
        ours = self._digest(config, tuple(states))
        if self._fleet is not None:
            await self._fleet.look(ours, {name: one.version for name, one in states.items()})
        looks = [
            (name, self._look, state, config.rollouts[name], ours, now)
            for name, state in states.items()
            if name in config.rollouts
        ]
        for first in range(0, len(looks), AT_ONCE):
            await asyncio.gather(*(self._safely(*one) for one in looks[first : first + AT_ONCE]))
        self._forget(set(states))

    def _digest(self, config: Config, names: tuple[str, ...]) -> str:
        """Return the digest of what is served here, made anew only with another configuration."""
        if self._served is None or self._served[0] is not config:
            overrides = [self._surroundings.rollouts.overridden(name) for name in names]
            self._served = config, digest_of(config, overrides)
        return self._served[1]

    @property
    def _lost(self) -> str:
        return "" if self._fleet is None else self._fleet.lost

    @property
    def _stands_in(self) -> bool:
        return self._fleet is not None and self._fleet.stands_in

    async def _look(self, state: RolloutState, declared: Rollout, ours: str, now: float) -> None:
        name, course, settings = state.name, self._course(state.name), declared.rollback
        window = self._surroundings.watch.windows.get(name)
        if window is None:
            return
        totals = await self._totals(state, window, settings, course, now)
        if totals is not None:
            course.sight = await _sight(totals, now, window_of(settings))
        if not self.leads and not self._lost and not self._stands_in:
            course.follow()
            return
        look = Look(
            state,
            settings,
            course.sight,
            now,
            legacy_up=self._surroundings.legacy_up(name),
            local=bool(self._lost),
            leads=self.leads,
        )
        state = await course.brake(look)
        if look.local or not look.leads:
            course.ramping.pause()
        else:
            circumstances = self._circumstances(state, declared, ours, now)
            await course.ramp(look._replace(state=state), circumstances)

    async def _totals(
        self, state: RolloutState, window: Window, settings: Rollback, course: Course, now: float
    ) -> Totals | None:
        """Flush, begin the segment that is due, and return what there is to see.

        None where what was seen last is new enough.
        """
        name, fleet = state.name, self._fleet
        number, due = ordinal(state, now), stretch(state, now)
        longest = max(SHOWN_SECONDS, window_of(settings))
        since = first_slice(now, longest)
        known, segment = self._windows.get(name, (window, due))
        if known is not window and fleet is not None:
            fleet.restart(name)
        if fleet is not None and known is window:
            export = window.export(fleet.since(name, now))
            await fleet.flush(name, export, segment)
        if known is not window or segment != due or window.ordinal != number:
            window.begin(number)
        self._windows[name] = window, due
        window.tighten(now)
        if fleet is None or fleet.lost:
            return totals_of(window.export(since))
        looks_on = not self.leads and not self._stands_in
        if looks_on and not course.is_due(now, FOLLOWERS_LOOK):
            return None
        try:
            return await fleet.totals(name, due, since)
        except StoreLostError:
            return totals_of(window.export(since))

    def _circumstances(
        self, state: RolloutState, declared: Rollout, ours: str, now: float
    ) -> Circumstances:
        fleet = self._fleet
        blocked = behind = ""
        if fleet is not None:
            if late := fleet.behind(state.name, state.version):
                behind = f"{late} of {len(fleet.beats)} replicas are not at version {state.version}"
            if others := fleet.others(ours):
                blocked = f"{others} of {len(fleet.beats)} replicas serve another configuration"
        if not declared.enabled:
            blocked = "the configuration says `enabled: false`"
        if overridden := self._surroundings.rollouts.overridden(state.name):
            blocked = f"the environment: {overridden}"
        if degraded := self._surroundings.rollouts.degraded:
            blocked = f"the store: {degraded}"
        callers = self._surroundings.callers(state.name)
        return Circumstances(stretch(state, now), callers, blocked, behind)

    # what it does

    async def _change(
        self, state: RolloutState, command: Command, by: str, why: str
    ) -> RolloutState:
        # What leads back to legacy is right however the rollout stands meanwhile; all else is
        # founded on how it stood.
        expected = None if isinstance(command, Brake) else state.version
        if expected is not None and not self.leads:  # lost since the look began
            raise FencedError(f"another replica leads now; {state.name} is left as it is")
        return await self._surroundings.rollouts.change(
            state.name,
            command,
            Actor(by, "automation"),
            why[:_WHY_MOST],
            expected=expected,
            fence=0 if self._fleet is None else self._fleet.token,
        )

    async def _safely(
        self, name: str, do: Callable[..., Awaitable[object]], *arguments: object
    ) -> None:
        """Do something with one rollout; what goes wrong is logged when it is news."""
        try:
            await do(*arguments)
        except ConflictError:
            return  # somebody was faster; the next look sees how it stands
        except FencedError:
            if self._fleet is not None:
                self._fleet.follow()
            return
        except (NotAllowedError, StoreLostError) as error:
            self._tell(name, "ramp_waits", str(error))
        except Exception as error:
            self._tell(name, "ramp_fault", type(error).__name__, exc_info=True)
        else:
            self._told.pop(name, None)

    def _tell(self, name: str, event: str, problem: str, *, exc_info: bool = False) -> None:
        if self._told.get(name) != problem:
            self._told[name] = problem
            _log.warning(event, rollout=name, problem=problem, exc_info=exc_info)

    def _course(self, name: str) -> Course:
        course = self._courses.get(name)
        if course is None:
            course = self._courses[name] = self._new_course()
        return course

    def _new_course(self) -> Course:
        return Course(
            self._change, self._surroundings.judge, self._surroundings.alert, self._webhooks
        )

    def _forget(self, names: set[str]) -> None:
        for name in self._courses.keys() - names:
            del self._courses[name]
            self._windows.pop(name, None)
            self._webhooks.forget(name)
        if self._fleet is not None:
            self._fleet.forget(names)


def rest(interval: float, spent: float) -> float:
    """Return how long to wait after a look that took `spent` seconds, so that looks keep time.

    A store that is slow does not make them rarer than they must be; requests have their turn.
    """
    return max(interval - spent, interval / 10)


async def _sight(totals: Totals, now: float, window: float) -> Sight:
    numbers = len(totals.counts) + sum(map(len, totals.slices.values()))
    if numbers > BIG:
        return await asyncio.to_thread(_seen, totals, now, window)
    return _seen(totals, now, window)


def _seen(totals: Totals, now: float, window: float) -> Sight:
    shown = observed(totals, now, SHOWN_SECONDS)
    return Sight(shown, shown if window == SHOWN_SECONDS else observed(totals, now, window))
