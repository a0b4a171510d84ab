"""Where routes and arms lead; what is wrong is in golden/plugin-destinations.yaml as well."""

from itertools import combinations
from pathlib import Path

import pytest

from tests.config.writing import MINIMAL, load_text, problems_of

ROLLOUT = "rollouts: {fade: {}}\n"
ARMS = "arms: {legacy: {upstream: legacy}, new: {plugin: hello}}"
SIDES = {
    "upstream": "upstream: legacy",
    "plugin": "plugin: hello",
    "split": f"rollout: fade, {ARMS}",
}


def routed(*destinations: str) -> str:
    """A file with one route that has these destinations."""
    rest = "".join(f", {destination}" for destination in destinations)
    return f"{MINIMAL}{ROLLOUT}routes: [{{name: a, match: {{}}{rest}}}]\n"


@pytest.mark.parametrize("side", SIDES)
def test_any_one_destination_is_enough_for_a_route(tmp_path: Path, side: str) -> None:
    route = load_text(tmp_path, routed(SIDES[side])).routes[0]

    assert [route.upstream is not None, route.plugin is not None, route.arms is not None] == [
        side == name for name in SIDES
    ]


@pytest.mark.parametrize(
    "sides", [*combinations(SIDES, 0), *combinations(SIDES, 2), *combinations(SIDES, 3)]
)
def test_no_destination_and_several_are_one_problem_of_the_route(
    tmp_path: Path, sides: tuple[str, ...]
) -> None:
    (problem,) = problems_of(tmp_path, routed(*(SIDES[side] for side in sides)))

    assert (problem.where, problem.wanted) == (
        "routes[0]",
        "exactly one of upstream, plugin, or rollout and arms",
    )


@pytest.mark.parametrize(
    "arm", ["{}", "{upstream: legacy, plugin: hello}", "{timeout: 5s, upstream: legacy}"]
)
def test_an_arm_has_one_destination_and_a_timeout_for_a_plugin_alone(
    tmp_path: Path, arm: str
) -> None:
    text = routed(f"rollout: fade, {ARMS}").replace("{plugin: hello}", arm)
    (problem,) = problems_of(tmp_path, text)

    assert problem.where.startswith("routes[0].arms.new")
