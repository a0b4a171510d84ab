"""Walks a ramp: settle, bake, gate, and on to the next step; after the last one soak.

Nothing here raises a percentage but by the state machine's own rules (`proxy.core.ramp`); what
this adds is time and evidence. Time counts only as healthy observation: the brake has nothing
to say, requests came on both arms within the last minute, all replicas serve the same.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from proxy.api.judging import Question, Verdict
from proxy.controlplane.rollouts.braking import Change
from proxy.controlplane.rollouts.gates import StepCounts, alarm, closed
from proxy.controlplane.rollouts.questions import Look
from proxy.controlplane.rollouts.webhook import Webhooks
from proxy.core.commands import Baked, Command, Hold, Observe, Opened, Settled, Soaked, Start
from proxy.core.position import walks
from proxy.core.rollout_state import Phase, RolloutState, Standing
from proxy.pluginhost.judges import FAULT

__all__ = [
    "LONGEST_LOOK",
    "RAMP",
    "SAVE_EVERY",
    "Circumstances",
    "Ramping",
    "Waiting",
    "save_every",
]

RAMP = "ramp"
"""Who moves a rollout where the ramp does."""

SAVE_EVERY = 10.0
"""Seconds of healthy observation after which they are stored, at the latest: a crash costs them."""

_SAVES = 20
"""So often a phase is stored at least, lest a crash cost much of a short one."""

_SAVE_LEAST = 1.0
"""Seconds between two savings at least: there is one look each second, and a store for all."""

LONGEST_LOOK = 5.0
"""Two looks that are further apart than so many seconds count as if they were so far apart."""

_SETTLING = frozenset([Standing.SETTLE, Standing.PAUSED, Standing.HELD])


class Circumstances(NamedTuple):
    """What the ramp needs to know beside the look at the rollout itself."""

    segment: int
    """What the stretch of evidence is called; 0 where none is collected."""
    callers: tuple[int, int]
    """Requests with and without a key."""
    blocked: str = ""
    """What keeps all ramps where they are, in words."""
    behind: str = ""
    """How many replicas have not taken over the rollout's version, in words; empty if none."""
    verdict: Verdict | None = None
    """The brake's."""


class Waiting(NamedTuple):
    """What a ramp waits for."""

    words: tuple[str, ...] = ()
    remaining: float | None = None
    """Seconds of the phase that are left if all goes well."""


class Ramping:
    """One rollout's ramp. What is here is known to this process alone; the rest is stored."""

    def __init__(
        self, change: Change, judge: Callable[[Question], list[Verdict]], webhooks: Webhooks
    ) -> None:
        """`change` gives commands, `judge` asks all judges."""
        self._change = change
        self._judge = judge
        self._webhooks = webhooks
        self._counts = StepCounts()
        self._phase: tuple[object, ...] = ()
        self._agreed: float | None = None
        """When all replicas were first seen to have applied this phase."""
        self._unsaved = 0.0
        """Healthy seconds of this phase that are not stored yet."""
        self._looked: float | None = None
        self._step: tuple[int, float] = (-1, 0.0)
        """The step, and when it was seen to begin."""
        self.waiting = Waiting()

    async def walk(
        self, look: Look, circumstances: Circumstances, evidence: Mapping[str, Any]
    ) -> None:
        """Go on as far as the rollout may; `waiting` tells what for if not.

        Raises what changing a rollout raises.
        """
        self._enter(look, circumstances)
        seconds = self._since_last_look(look.now)
        self.waiting = Waiting((circumstances.blocked,)) if circumstances.blocked else Waiting()
        state = look.state
        if state.phase is Phase.SETTLE and state.standing in _SETTLING:
            # Whoever has stopped the ramp, and whatever blocks it: the brake wants evidence.
            await self._settle(look, circumstances)
        elif circumstances.blocked:
            return
        elif state.standing is Standing.ROLLED_BACK:
            await self._resume(look)
        elif walks(state) and await self._held(look, circumstances):
            return
        elif state.standing in (Standing.BAKE, Standing.SOAK):
            await self._observe(look, circumstances, seconds)
        elif state.standing is Standing.GATE:
            await self._gate(look, evidence)

    async def save(self, state: RolloutState) -> RolloutState:
        """Store the healthy seconds that are not stored yet. Raises what changing one raises."""
        if not self._unsaved or self._phase != _phase(state):
            return state
        seconds, self._unsaved = self._unsaved, 0.0
        return await self._change(state, Observe(seconds), RAMP, "healthy observation")

    def pause(self) -> None:
        """Note that the ramp is not walked from here for a while: that time is nobody's."""
        self._looked = None
        self._agreed = None
        self._unsaved = 0.0
        self.waiting = Waiting()

    def _enter(self, look: Look, circumstances: Circumstances) -> None:
        """Notice that another phase or step has begun."""
        state = look.state
        if _phase(state) != self._phase:
            self._phase, self._agreed, self._unsaved = _phase(state), None, 0.0
            if state.phase is not Phase.GATE:
                self._webhooks.forget(state.name)
        if state.step != self._step[0] or state.current is None:
            self._step = state.step, state.since
        observed = look.sight.everybody
        self._counts.see(state, circumstances.segment, observed, circumstances.callers)

    def _since_last_look(self, now: float) -> float:
        before, self._looked = self._looked, now
        return 0.0 if before is None else min(max(now - before, 0.0), LONGEST_LOOK)

    async def _held(self, look: Look, circumstances: Circumstances) -> bool:
        """Hold the ramp where it cannot go on by itself; tell whether it was."""
        state = look.state
        why = alarm(look, self._counts, circumstances.callers)
        longest = 0.0 if state.current is None else state.current.max_duration
        self._step = state.step, min(self._step[1], look.now)
        lasted = look.now - self._step[1]
        if not why and state.phase is not Phase.SOAK and 0 < longest <= lasted:
            why = f"step {state.step + 1} is not over after {lasted:.0f} s of {longest:g} s at most"
        if not why:
            return False
        self._counts.restart(circumstances.callers)
        self._step = state.step, look.now
        await self._change(state, Hold(), RAMP, why)
        return True

    async def _settle(self, look: Look, circumstances: Circumstances) -> None:
        state, now = look.state, look.now
        settle = 0.0 if state.current is None else state.current.settle
        if self._agreed is None and circumstances.behind:
            self.waiting = Waiting((circumstances.behind,))
            return
        # A clock that was put back begins anew, lest settling last as long as it was put back.
        self._agreed = now if self._agreed is None else min(self._agreed, now)
        remaining = self._agreed + settle - now
        self.waiting = Waiting(remaining=max(remaining, 0.0))
        if remaining <= 0:
            await self._change(state, Settled(), RAMP, "all replicas have settled")

    async def _observe(self, look: Look, circumstances: Circumstances, seconds: float) -> None:
        state = look.state
        baking = state.phase is Phase.BAKE
        longest = _lasts(state)
        unhealthy = _unhealthy(look, circumstances.verdict)
        if not unhealthy:
            self._unsaved += seconds
        remaining = max(longest - state.healthy - self._unsaved, 0.0)
        self.waiting = Waiting((unhealthy,) if unhealthy else (), remaining)
        if unhealthy:
            return
        if remaining <= 0 or self._unsaved >= save_every(longest):
            state = await self.save(state)
        if remaining <= 0:
            done: Command = Baked() if baking else Soaked()
            await self._change(state, done, RAMP, f"{longest:g} s of healthy observation")

    async def _gate(self, look: Look, evidence: Mapping[str, Any]) -> None:
        state, step = look.state, look.state.current
        if step is None:
            return
        words = tuple(closed(look, step, self._counts, self._judge, self._webhooks, evidence))
        self.waiting = Waiting(words)
        if not words:
            await self._change(state, Opened(), RAMP, "all gates are open")

    async def _resume(self, look: Look) -> None:
        """Begin again after the brake's rollback, if the configuration wants that."""
        state = look.state
        by_brake = state.rolled_back is not None and state.rolled_back.automatic
        if not look.settings.auto_resume or not by_brake or state.latched:
            return
        if state.plan is None and state.declared.plan is None:
            return
        if look.now < state.cooldown_until:
            self.waiting = Waiting(("the cooldown",), state.cooldown_until - look.now)
            return
        await self._change(state, Start(state.plan), RAMP, "the cooldown is over")


def save_every(lasts: float) -> float:
    """Return after how many healthy seconds of a phase that asks for `lasts` they are stored."""
    return max(min(SAVE_EVERY, lasts / _SAVES), _SAVE_LEAST)


def _unhealthy(look: Look, verdict: Verdict | None) -> str:
    """Return why the time does not count, in words; empty if it does.

    A brake that has too little to judge by holds; then it counts that requests come at all.
    One that has failed holds too, and nothing counts.
    """
    if verdict is not None and (verdict.kind not in ("pass", "hold") or FAULT in verdict.evidence):
        return f"the brake: {verdict.why}"
    return look.sight.silent(look.state.share / 100)


def _lasts(state: RolloutState) -> float:
    """Return the healthy seconds that the phase asks for."""
    if state.phase is Phase.SOAK:
        return 0.0 if state.plan is None else state.plan.soak
    return 0.0 if state.current is None else state.current.bake


def _phase(state: RolloutState) -> tuple[object, ...]:
    return state.phase, state.step, state.since
