"""How the brake of a rollout is read."""

from pathlib import Path

from proxy.api.judging import METRICS
from proxy.config.models import Rollback, Rollout
from tests.config.writing import MINIMAL, load_text


def rollout(folder: Path, text: str) -> Rollout:
    """The rollout of a file in which it is written like this."""
    return load_text(folder, f"{MINIMAL}rollouts: {{a: {text}}}\n").rollouts["a"]


def test_a_rollout_has_the_brake_without_saying_so(tmp_path: Path) -> None:
    found = rollout(tmp_path, "{}")

    assert found.rollback == Rollback()
    assert (found.rollback.enabled, found.rollback.judge) == (True, "auto_rollback")


def test_the_brake_is_as_it_is_written(tmp_path: Path) -> None:
    found = rollout(
        tmp_path,
        "{rollback: {enabled: false, judge: mine, alpha: 0.5, metrics: [slow], scope: route, "
        "cooldown: 0s, absolute: {error_rate: 5, p95: 2s}}}",
    ).rollback

    assert (found.enabled, found.judge, found.alpha, found.metrics) == (
        False,
        "mine",
        0.5,
        ("slow",),
    )
    assert found.absolute is not None
    assert (found.absolute.error_rate, found.absolute.p95, found.absolute.window) == (
        5.0,
        2.0,
        300.0,
    )
    assert not found.absolute.rolls_back


def test_the_metrics_are_those_that_judges_know() -> None:
    assert Rollback().metrics == METRICS
