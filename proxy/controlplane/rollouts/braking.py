"""What the brake's verdict does to a rollout: roll back, freeze, pause, or let go again.

Only restraints come from here, but for one: what was frozen thaws when legacy has been well for
half a minute. Whoever else has stopped the rollout is not overruled.
"""

from collections.abc import Awaitable, Callable

from proxy.api.events import Alert
from proxy.api.judging import Scope, Verdict
from proxy.controlplane.rollouts.questions import Look
from proxy.core.by_hand import LONGEST_OVERRIDE
from proxy.core.commands import Brake, Command, Freeze, Pause, Thaw
from proxy.core.position import walks
from proxy.core.rollout_state import Mark, Phase, RolloutState, ScopedHold

__all__ = ["WELL_SECONDS", "Braking", "Change", "is_held"]

WELL_SECONDS = 30.0
"""So long legacy must have been well before a frozen rollout thaws."""

Change = Callable[[RolloutState, Command, str, str], Awaitable[RolloutState]]
"""(state, command, by, why): give a command as automation; returns how it stands then."""


class Braking:
    """One rollout's brake."""

    def __init__(self, change: Change, alert: Callable[[Alert], None]) -> None:
        """`change` gives commands; `alert` tells what a person should know."""
        self._change = change
        self._alert = alert
        self._well_since: float | None = None
        self._overridden = 0.0
        """`unsafe_until` of the override that was told of."""

    async def act(self, look: Look, verdict: Verdict | None) -> RolloutState:
        """Do what the worst verdict asks for; return how the rollout stands then.

        Raises what changing a rollout raises.
        """
        state = look.state
        if verdict is None or verdict.kind != "freeze":
            state = await self._thawed(look)
        else:
            self._well_since = None
        if verdict is None:
            return state
        by, why = look.settings.judge, verdict.why
        if verdict.kind == "fail":
            return await self._fail(look, verdict)
        if look.local or not look.leads:
            return state  # enough to go back; all else is the leader's
        if verdict.kind == "freeze" and not state.frozen and state.phase is not Phase.COMPLETE:
            return await self._change(state, Freeze(), by, why)
        if verdict.kind == "pause" and walks(state):
            return await self._change(state, Pause(), by, why)
        return state

    async def _fail(self, look: Look, verdict: Verdict) -> RolloutState:
        state, by = look.state, look.settings.judge
        # An override that is longer than any may be comes of a clock that was put back.
        if 0 < state.unsafe_until - look.now <= LONGEST_OVERRIDE:
            self._tell_overridden(state, verdict)
            return state
        mark = Mark(by, verdict.why, look.now)
        scope = None if verdict.scope == Scope() else ScopedHold(mark, *verdict.scope)
        brake = Brake(scope, dict(verdict.evidence), look.settings.cooldown)
        return await self._change(state, brake, by, verdict.why)

    async def _thawed(self, look: Look) -> RolloutState:
        state, now = look.state, look.now
        # Without requests on legacy nothing says that it is well.
        legacy, _ = look.sight.everybody.window
        seen = legacy.requests > 0 or state.share >= 100
        leads = look.leads and not look.local
        if state.frozen is None or not leads or not look.legacy_up or not seen:
            self._well_since = None
            return state
        # A clock that was put back begins anew: what lies ahead has not been.
        self._well_since = now if self._well_since is None else min(self._well_since, now)
        if now - self._well_since < WELL_SECONDS:
            return state
        self._well_since = None
        why = f"legacy has been well for {WELL_SECONDS:g} s"
        return await self._change(state, Thaw(), look.settings.judge, why)

    def _tell_overridden(self, state: RolloutState, verdict: Verdict) -> None:
        if self._overridden == state.unsafe_until:
            return
        self._overridden = state.unsafe_until
        text = (
            f"The brake would roll back, and only watches because of an override: {verdict.why}. "
            f"Roll back by hand with `crossfade rollouts rollback {state.name}`."
        )
        self._alert(Alert("rollout_brake_overridden", state.name, text, "critical"))


def is_held(state: RolloutState, scope: Scope) -> bool:
    """Whether the callers of a scope are on legacy already."""
    if not state.share:
        return True
    holds = {(hold.route, hold.cohort) for hold in state.holds}
    return scope != Scope() and bool(holds & {scope, (scope.route, ""), ("", scope.cohort)})
