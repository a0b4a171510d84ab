"""The plan that the options of `crossfade ramp` ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.ramp_plan import Wanted, plan_of, steps_of
from proxy.settings.values import UnfitError
from tests.cli.told import GATES, PLAN, step


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=50, unique=True))
def test_percentages_that_rise_are_read_as_they_are_written(thousandths: list[int]) -> None:
    wanted = [one / 1000 for one in sorted(thousandths)]
    assert list(steps_of(",".join(map(str, wanted)))) == wanted


@pytest.mark.parametrize(
    "text", ["", "5,", "five", "0,5", "5,101", "5,5", "25,5", "0.0001", "nan", "1e400", "-1"]
)
def test_anything_else_is_told_to_be_none(text: str) -> None:
    with pytest.raises(UnfitError, match="percentages that rise"):
        steps_of(text)


def test_a_plan_is_bounded() -> None:
    with pytest.raises(UnfitError):
        steps_of(",".join(str(n / 10) for n in range(1, 52)))


def test_what_is_not_wanted_otherwise_is_as_declared() -> None:
    assert plan_of(Wanted(), PLAN) == PLAN


def test_each_option_replaces_its_part_in_every_step() -> None:
    found = plan_of(Wanted((10.0, 100.0), 1.0, 2.0, 3.0, 4), PLAN)
    gates = {**GATES, "min_requests": 4}
    assert found == {
        "steps": [step(one, settle=1.0, bake=2.0, gates=gates) for one in (10.0, 100.0)],
        "soak": 3.0,
    }


def test_other_percentages_lose_no_gate() -> None:
    shown = {"steps": [step(5.0), step(50.0, gates={**GATES, "approval": False})], "soak": 60.0}
    found = plan_of(Wanted(steps=(1.0, 20.0, 60.0)), shown)
    assert [one["gates"]["approval"] for one in found["steps"]] == [True, True, False]
