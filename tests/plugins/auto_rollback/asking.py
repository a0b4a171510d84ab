"""Questions to the brake, as the ramp loop puts them."""

from collections.abc import Mapping
from typing import Any

from plugins.auto_rollback import AutoRollback
from proxy.api import Evidence, Observed, Question, Scope, Seen, Settings, Verdict
from proxy.config.rollback import Rollback

EVERYBODY = Scope()
Pair = tuple[Seen, Seen]
_SEGMENT = (Seen(19_000), Seen(1000))
_RECENT = (Seen(380, 4), Seen(20))
_WINDOW = (Seen(), Seen())


def evidence(active: float, errors: int = 0, **other: int) -> Evidence:
    """Keys of one arm: how many were seen, and how many of them met what."""
    return Evidence(active, {"errors": errors, "slow": 0, "client_errors": 0, **other})


def seen(
    legacy: Evidence | None = None,
    new: Evidence | None = None,
    *,
    segment: Pair = _SEGMENT,
    recent: Pair = _RECENT,
    window: Pair = _WINDOW,
) -> Observed:
    """What was observed of one scope; without arguments nothing is wrong with it."""
    keys = (legacy or evidence(3800, 190), new or evidence(200, 10))
    return Observed(segment=segment, recent=recent, window=window, evidence=keys)


WELL = seen()
WORSE = seen(new=evidence(200, 40))
COLLAPSED = seen(new=evidence(200, 30), recent=(Seen(380, 4), Seen(20, 10)))
HARDLY_SEEN = seen(evidence(200, 1), evidence(4), segment=(Seen(200), Seen(5)))


def question(
    observed: Observed | Mapping[Scope, Observed] = WELL,
    kind: Any = "brake",
    *,
    share: float = 0.05,
    segment: int = 1,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Question:
    """A question, by default about a rollout at 5 % that is well, with the settings' defaults."""
    by_scope = {EVERYBODY: observed} if isinstance(observed, Observed) else observed
    return Question(
        kind=kind,
        rollout="campaigns",
        percentage=100 * share,
        share=share,
        segment=segment,
        settings=Rollback.model_validate(settings or {}),
        observed=by_scope,
        now=1_750_000_000.0,
        **more,
    )


def judged(*args: Any, **kwargs: Any) -> Verdict:
    """The plugin's verdict on such a question."""
    verdict = AutoRollback(Settings()).judge(question(*args, **kwargs))
    assert verdict is not None
    return verdict
