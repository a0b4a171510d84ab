"""What the environment says of rollouts."""

import pytest

from proxy.config.overrides import Override, Overrides, overrides, variable

NAMES = ["hybrid-orchestrator", "checkout"]


def test_an_environment_that_says_nothing_overrides_nothing() -> None:
    env = {"PATH": "/bin", "HYBRID_ORCHESTRATOR_ENABLED": "", "OTHER_PERCENTAGE": "5"}

    assert overrides(env, NAMES) == Overrides()


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("hybrid-orchestrator", "HYBRID_ORCHESTRATOR"),
        ("v2.checkout_B", "V2_CHECKOUT_B"),
        ("7up", "7UP"),
    ],
)
def test_a_variable_is_called_like_the_rollout_in_upper_case(name: str, beginning: str) -> None:
    assert variable(name) == beginning


@pytest.mark.parametrize(
    ("text", "said"),
    [("true", True), ("FALSE", False), ("1", True), ("0", False), (" no ", False), ("on", True)],
)
def test_enabled_is_read_as_people_write_it(text: str, said: bool) -> None:
    env = {"HYBRID_ORCHESTRATOR_ENABLED": text}

    assert overrides(env, NAMES).rollouts == {"hybrid-orchestrator": Override(enabled=said)}


@pytest.mark.parametrize("text", ["0", "12.5", "100", "0.001"])
def test_a_percentage_is_a_number(text: str) -> None:
    found = overrides({"CHECKOUT_PERCENTAGE": text}, NAMES)

    assert found.rollouts == {"checkout": Override(percentage=float(text))}
    assert not found.problems


def test_both_variables_of_a_rollout_count() -> None:
    env = {"CHECKOUT_ENABLED": "true", "CHECKOUT_PERCENTAGE": "5"}

    assert overrides(env, NAMES).rollouts == {"checkout": Override(enabled=True, percentage=5.0)}


@pytest.mark.parametrize("text", ["101", "-1", "5%", "1e999", "nan", "0.0001", "1_0", "hunter2"])
def test_a_percentage_that_is_none_is_ignored_and_told_without_its_text(text: str) -> None:
    found = overrides({"CHECKOUT_PERCENTAGE": text}, NAMES)

    assert (found.kill, found.rollouts) == (False, {})
    assert found.problems == (
        (
            "the environment variable CHECKOUT_PERCENTAGE: said something else; wanted a number "
            "from 0 to 100 with at most three decimals; it is ignored"
        ),
    )


def test_an_enabled_that_is_neither_is_ignored_and_told() -> None:
    found = overrides({"CHECKOUT_ENABLED": "hunter2"}, NAMES)

    assert found.rollouts == {}
    assert found.problems == (
        (
            "the environment variable CHECKOUT_ENABLED: said something else; wanted true or false; "
            "it is ignored"
        ),
    )


@pytest.mark.parametrize(
    ("text", "kill"),
    [("1", True), ("yes", True), ("0", False), ("off", False), ("", False), (" ", False)],
)
def test_the_kill_switch_is_on_or_off(text: str, kill: bool) -> None:
    assert overrides({"CROSSFADE_KILL": text}, NAMES) == Overrides(kill=kill)


def test_a_kill_switch_that_is_neither_kills() -> None:
    found = overrides({"CROSSFADE_KILL": "ture"}, NAMES)

    assert found.kill
    assert found.problems == (
        (
            "the environment variable CROSSFADE_KILL: said something else; wanted true or false; "
            "everything is killed"
        ),
    )


def test_rollouts_whose_variables_are_the_same_are_overridden_together() -> None:
    found = overrides({"A_B_PERCENTAGE": "x", "A_B_ENABLED": "no"}, ["a-b", "a.b"])

    assert found.rollouts == {"a-b": Override(enabled=False), "a.b": Override(enabled=False)}
    assert len(found.problems) == 1
