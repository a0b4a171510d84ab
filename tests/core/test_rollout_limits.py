"""A limit is the same for a file, for the admin API and for the command line."""

from pathlib import Path

import pytest
import typer
from pydantic import ValidationError

from proxy.cli.changes import stated
from proxy.cli.ramp_plan import steps_of
from proxy.config import ConfigError
from proxy.controlplane.admin.bodies import Reasoned
from proxy.controlplane.admin.rollout_bodies import PlanBody
from proxy.core.rollout_limits import (
    LONGEST_BAKE,
    LONGEST_SETTLE,
    LONGEST_STEP,
    MOST_REASON,
    MOST_STEPS,
)
from proxy.settings.values import UnfitError
from tests.config.writing import MINIMAL, load_text


def declared(folder: Path, ramp: str) -> None:
    load_text(
        folder, f"{MINIMAL}identity: {{key: ['cookie:sid']}}\nrollouts: {{a: {{ramp: {ramp}}}}}\n"
    )


def test_a_plan_has_so_many_steps_and_no_more(tmp_path: Path) -> None:
    steps = list(range(1, MOST_STEPS + 1))
    declared(tmp_path, f"{{steps: {steps}}}")
    steps_of(",".join(map(str, steps)))
    PlanBody.model_validate_json(f'{{"steps": [{_bodies(steps)}]}}')
    steps.append(MOST_STEPS + 1)
    with pytest.raises(ConfigError):
        declared(tmp_path, f"{{steps: {steps}}}")
    with pytest.raises(UnfitError):
        steps_of(",".join(map(str, steps)))
    with pytest.raises(ValidationError):
        PlanBody.model_validate_json(f'{{"steps": [{_bodies(steps)}]}}')


def _bodies(steps: list[int]) -> str:
    return ", ".join(f'{{"percentage": {step}}}' for step in steps)


@pytest.mark.parametrize(
    ("key", "longest"),
    [("settle", LONGEST_SETTLE), ("bake", LONGEST_BAKE), ("max_duration", LONGEST_STEP)],
)
def test_a_time_of_a_step_is_so_long_and_no_longer(
    tmp_path: Path, key: str, longest: float
) -> None:
    declared(tmp_path, f"{{{key}: {longest:.0f}s}}")
    PlanBody.model_validate_json(f'{{"steps": [{{"percentage": 5, "{key}": {longest}}}]}}')
    with pytest.raises(ConfigError):
        declared(tmp_path, f"{{{key}: {longest + 1:.0f}s}}")
    with pytest.raises(ValidationError):
        PlanBody.model_validate_json(f'{{"steps": [{{"percentage": 5, "{key}": {longest + 1}}}]}}')


def test_a_reason_has_so_many_letters_and_no_more() -> None:
    reason = "x" * MOST_REASON
    assert stated(reason) == Reasoned(reason=reason).reason
    with pytest.raises(typer.Exit):
        stated(f"{reason}x")
    with pytest.raises(ValidationError):
        Reasoned(reason=f"{reason}x")
