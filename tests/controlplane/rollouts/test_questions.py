"""What judges are asked, and which of their answers counts."""

import pytest

from proxy.api.judging import Observed, Scope, Seen, Verdict
from proxy.config.rollback import Absolute, Rollback
from proxy.controlplane.rollouts.questions import (
    NOTHING,
    Look,
    Sight,
    first_slice,
    window_of,
    worst,
)
from proxy.core.rollout_state import Mark, Phase, RolloutState, ScopedHold

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], None),
        (["pass", "hold"], "hold"),
        (["pause", "hold"], "pause"),
        (["fail", "pause"], "fail"),
        (["fail", "freeze", "pass"], "freeze"),
    ],
)
def test_the_worst_verdict_counts_and_a_sick_legacy_outvotes_a_failing_new(
    kinds: list[str], expected: str | None
) -> None:
    found = worst(Verdict(kind, "because") for kind in kinds)  # type: ignore[arg-type]
    assert (found and found.kind) == expected


def test_of_verdicts_that_are_as_bad_the_first_counts() -> None:
    found = worst([Verdict("fail", "first"), Verdict("fail", "second")])
    assert found == Verdict("fail", "first")


@pytest.mark.parametrize(
    ("legacy", "new", "share", "words"),
    [
        (1, 1, 0.5, ""),
        (0, 1, 0.5, "no requests on legacy within the last minute"),
        (0, 1, 1.0, ""),
        (1, 0, 0.0, ""),
        (1, 0, 1.0, "no requests on new within the last minute"),
        (0, 0, 0.5, "no requests on legacy and new within the last minute"),
    ],
)
def test_an_arm_is_silent_where_callers_are_due_and_none_came(
    legacy: int, new: int, share: float, words: str
) -> None:
    window = (Seen(requests=legacy), Seen(requests=new))
    sight = Sight({Scope(): Observed(window=window)}, {})
    assert sight.silent(share) == words


def test_before_anything_is_seen_everybody_is_empty() -> None:
    assert Sight({}, {}).everybody == Observed()


def test_a_question_is_about_what_is_in_force() -> None:
    killed = RolloutState("r", percentage=50, phase=Phase.BAKE, killed=Mark("ops", "no", 0.0))
    question = Look(killed, Rollback(), Sight({}, {}), NOW, legacy_up=False, local=True).question(
        "gate"
    )
    assert (question.kind, question.percentage, question.share) == ("gate", 50, 0)
    assert (question.legacy_up, question.local, question.now) == (False, True, NOW)


def test_a_question_names_the_scopes_that_are_held() -> None:
    hold = ScopedHold(Mark("brake", "it fails", 0.0), "pay", "acme")
    state = RolloutState("r", percentage=50, holds=(hold,))
    question = Look(state, Rollback(), NOTHING, NOW).question("brake")
    assert (question.held, question.observed) == ((Scope("pay", "acme"),), {Scope(): Observed()})


def test_the_window_is_that_of_the_absolute_bounds_or_the_last_minute() -> None:
    assert window_of(Rollback()) == 60
    assert (
        window_of(Rollback(absolute=Absolute.model_validate({"error_rate": 5, "window": "90s"})))
        == 90
    )
    assert first_slice(NOW, 60) == (NOW - 60) // 10
