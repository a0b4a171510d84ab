"""How a ramp is read, and what is walked of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.models import Ramp
from proxy.config.ramp import Hours, read_hours
from proxy.core.rollout_state import DEFAULT_PLAN, Gates, Plan, Step, TimeWindow, Webhook
from proxy.settings.values import UnfitError
from tests.config.writing import MINIMAL, load_text

WITH_KEY = MINIMAL + "identity: {key: ['cookie:sid']}\n"


def plan(folder: Path, ramp: str) -> Plan:
    """The plan of a file with this ramp."""
    text = f"{WITH_KEY}rollouts: {{a: {{ramp: {ramp}}}}}\n"
    section = load_text(folder, text).rollouts["a"].ramp
    assert section is not None
    return section.plan


def test_an_empty_ramp_is_the_plan_that_is_walked_where_nothing_is_said(tmp_path: Path) -> None:
    assert plan(tmp_path, "{}") == DEFAULT_PLAN == Ramp().plan


def test_a_step_has_what_the_ramp_has_and_what_it_says_itself(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        "{settle: 1s, bake: 2s, min_requests: 3, max_duration: 4s, soak: 5s, steps: "
        "[0.5, {percentage: 1, settle: 6s, bake: 7s, min_requests: 8, max_duration: 13s}]}",
    )

    assert found == Plan(
        (
            Step(0.5, 1.0, 2.0, 4.0, Gates(min_requests=3)),
            Step(1.0, 6.0, 7.0, 13.0, Gates(min_requests=8)),
        ),
        soak=5.0,
    )


def test_a_step_changes_only_those_gates_that_it_names(tmp_path: Path) -> None:
    first, second, third = plan(
        tmp_path,
        "{gates: {metrics: false, webhook: {url: 'http://a:1/go?step'}, "
        "window: {days: [fri, mon], hours: '22:00-06:30', zone: Europe/Paris}}, steps: "
        "[1, {percentage: 2, gates: {approval: true, webhook: null, metrics: null}}, "
        "{percentage: 3, gates: {metrics: true, window: null}}]}",
    ).steps
    webhook = Webhook("http://a:1/go?step", 5.0)
    window = TimeWindow(("fri", "mon"), 22 * 60, 6 * 60 + 30, "Europe/Paris")

    assert first.gates == Gates(metrics=False, webhook=webhook, window=window)
    assert second.gates == Gates(metrics=False, approval=True, window=window)
    assert third.gates == Gates(metrics=True, webhook=webhook)


def test_a_window_without_anything_is_always_open(tmp_path: Path) -> None:
    [step] = plan(tmp_path, "{steps: [1], gates: {window: {}}}").steps

    assert step.gates.window == TimeWindow()


@given(st.integers(0, 1439), st.integers(1, 1440))
def test_hours_are_read_as_they_are_written(begins: int, ends: int) -> None:
    hours = Hours(begins, ends)
    if begins == ends:
        with pytest.raises(UnfitError):
            read_hours(str(hours))
    else:
        assert read_hours(str(hours)) == hours


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("09:00-09:00", "an end that is not the begin"),
        ("24:00-06:00", "a begin before 24:00"),
        ("22:00-00:00", "an end after 00:00"),
    ],
)
def test_hours_in_which_there_is_no_time_are_told_why(text: str, wanted: str) -> None:
    with pytest.raises(UnfitError, match=wanted):
        read_hours(text)


@pytest.mark.parametrize("text", ["", "-", "9:00-17:00", "09:00", "09:00-1700", "0\uff19:00-17:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UnfitError):
        read_hours(text)
