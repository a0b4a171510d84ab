"""Each restraint of automation is told once, in words that say what to do, and name no customer."""

from dataclasses import replace

import pytest

from proxy.controlplane.rollouts.alerts import alerts_of, store_found, store_lost
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold

STATE = RolloutState("fade", percentage=20.0)
MARK = Mark("auto_rollback", "new fails more.", 1.0, automatic=True)


@pytest.mark.parametrize(
    ("change", "name", "severity", "words"),
    [
        (
            {"rolled_back": MARK},
            "rollout_rolled_back",
            "critical",
            "crossfade rollouts start fade`",
        ),
        ({"latched": True}, "rollout_latched", "critical", "crossfade rollouts acknowledge fade`"),
        ({"frozen": MARK}, "rollout_frozen", "critical", "Legacy fails too: new fails more"),
        ({"held": MARK}, "rollout_held", "warning", "crossfade rollouts resume fade`"),
        ({"paused": MARK}, "rollout_held", "warning", "crossfade rollouts resume fade`"),
        (
            {"holds": (ScopedHold(MARK, route="orders"),)},
            "rollout_scope_rolled_back",
            "critical",
            "`crossfade rollouts release fade --route orders`",
        ),
        (
            {"holds": (ScopedHold(MARK, cohort="acme"),)},
            "rollout_scope_rolled_back",
            "critical",
            "`crossfade rollouts release fade --cohort VALUE`. `crossfade rollouts show fade`",
        ),
        (
            {"holds": (ScopedHold(MARK, route="orders", cohort="acme"),)},
            "rollout_scope_rolled_back",
            "critical",
            "The callers of one cohort on route orders are back",
        ),
    ],
    ids=str,
)
def test_a_restraint_is_told_once(
    change: dict[str, object], name: str, severity: str, words: str
) -> None:
    after = replace(STATE, **change)  # type: ignore[arg-type]
    [alert] = alerts_of(STATE, after)
    assert (alert.name, alert.subject, alert.severity) == (name, "fade", severity)
    assert words in alert.text
    assert "acme" not in alert.text
    assert ".." not in alert.text
    assert list(alerts_of(after, after)) == []
    assert list(alerts_of(after, STATE)) == []


def test_the_store_is_named_and_what_its_loss_means() -> None:
    lost = store_lost("redis://h:1", "redis://h:1: Connection closed by server.")
    assert (lost.name, lost.subject) == ("state_store_lost", "redis://h:1")
    assert "closed by server. Requests" in lost.text
    assert "nothing goes up" in lost.text
    assert store_found("redis://h:1").name == "state_store_found"
