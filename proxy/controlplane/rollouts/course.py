"""One rollout as the ramp loop follows it: what was seen of it last, its brake, its ramp."""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.api.events import Alert
from proxy.api.judging import Question, Verdict
from proxy.controlplane.rollouts.braking import Braking, Change, is_held
from proxy.controlplane.rollouts.questions import NOTHING, Look, worst
from proxy.controlplane.rollouts.ramping import Circumstances, Ramping
from proxy.controlplane.rollouts.webhook import Webhooks
from proxy.core.rollout_state import RolloutState

__all__ = ["Course"]


class Course:
    """See the module. Nothing here is stored."""

    def __init__(
        self,
        change: Change,
        judge: Callable[[Question], list[Verdict]],
        alert: Callable[[Alert], None],
        webhooks: Webhooks,
    ) -> None:
        """`change` gives commands as automation, `judge` asks all judges."""
        self.ramping = Ramping(change, judge, webhooks)
        self.sight = NOTHING
        """What was observed last."""
        self.verdict: Verdict | None = None
        """The brake's last one."""
        self._braking = Braking(change, alert)
        self._judge = judge
        self._seen: float | None = None

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What the brake's last verdict was founded on."""
        return {} if self.verdict is None else self.verdict.evidence

    def is_due(self, now: float, seconds: float) -> bool:
        """Tell whether the last time that this said yes is `seconds` ago or more."""
        if self._seen is not None and 0 <= now - self._seen < seconds:
            return False
        self._seen = now
        return True

    async def brake(self, look: Look) -> RolloutState:
        """Ask the judges, and do what they find; return how the rollout stands then.

        Nobody is asked where nobody is on new, or the brake is switched off. Raises what
        changing a rollout raises.
        """
        asked = look.state.share > 0 and look.settings.enabled
        self.verdict = (
            _news(look.state, worst(self._judge(look.question("brake")))) if asked else None
        )
        return await self._braking.act(look, self.verdict)

    async def ramp(self, look: Look, circumstances: Circumstances) -> None:
        """Go on with the ramp as far as it may. Raises what changing a rollout raises."""
        await self.ramping.walk(look, circumstances._replace(verdict=self.verdict), self.evidence)

    def follow(self) -> None:
        """Note that this replica only looks on: others judge."""
        self.verdict = None
        self.ramping.pause()


def _news(state: RolloutState, verdict: Verdict | None) -> Verdict | None:
    """Return the verdict, a hold in its place where all that it asks for is done already.

    The evidence against a scope outlives that its callers were sent back: it is looked at
    until the segment is over.
    """
    if verdict is None or verdict.kind != "fail" or not is_held(state, verdict.scope):
        return verdict
    return verdict._replace(kind="hold", why=f"{verdict.why} ({verdict.scope} is on legacy)")
