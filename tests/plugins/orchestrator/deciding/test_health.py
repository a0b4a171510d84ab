"""What the end of a call means for its deployment, and for those that share its credential."""

import pytest

from plugins.orchestrator.deciding.calls import Failure, FailureClass
from plugins.orchestrator.deciding.deployment import deployments_of
from plugins.orchestrator.deciding.health import LEFT_ALONE_SECONDS, MODES, Health, Trouble
from plugins.orchestrator.settings import OrchestratorSettings
from tests.plugins.orchestrator.deployed import settings

NOW = 1000.0
THREE = {
    "a": {"provider": "openai"},
    "b": {"provider": "openai", "model": "gpt-4o"},
    "c": {"provider": "second"},
}
QUICK = {"min_calls": 2, "connect_failures": 2, "open": "10s"}


def health(said: OrchestratorSettings | None = None, before: Health | None = None) -> Health:
    said = said or settings(THREE, breaker=QUICK)
    return Health(deployments_of(said), said.breaker, NOW, before)


def fail(
    tried: Health, name: str, kind: FailureClass, now: float = NOW, **more: float
) -> Trouble | None:
    permit = tried.permit(name, [name, "c"], now)
    assert permit is not None
    one = next(one for one in tried.learned.deployments.values() if one.name == name)
    return tried.failed(one, permit, Failure(kind, "401", **more), now, 0.5)  # type: ignore[arg-type]


def states(tried: Health, now: float = NOW) -> dict[str, str]:
    return {one.deployment: one.state for one in tried.standing(now)}


@pytest.mark.parametrize(
    "kind",
    [FailureClass.SERVER, FailureClass.TIMEOUT, FailureClass.MALFORMED, FailureClass.CUT],
)
def test_failures_of_the_provider_open_its_breaker(kind: FailureClass) -> None:
    tried = health()
    fail(tried, "a", kind)
    assert states(tried)["a"] == "closed"
    fail(tried, "a", kind)
    assert states(tried) == {"a": "open", "b": "closed", "c": "closed"}
    assert tried.permitted(["a", "c"], NOW) == ("c",)
    assert tried.open_until("a", NOW) == NOW + 10.0
    assert tried.why("a", NOW).startswith("open")


def test_connections_that_fail_in_a_row_open_it_before_there_are_many_calls() -> None:
    tried = health(settings(THREE, breaker={"connect_failures": 2}))
    fail(tried, "a", FailureClass.CONNECT)
    fail(tried, "a", FailureClass.CONNECT)
    assert states(tried)["a"] == "open"


@pytest.mark.parametrize(
    "kind",
    [
        FailureClass.CONFLICT,
        FailureClass.RATE_LIMITED,
        FailureClass.INVALID,
        FailureClass.CONTEXT_LENGTH,
        FailureClass.CONTENT_FILTER,
        FailureClass.DEADLINE,
        FailureClass.CANCELLED,
    ],
)
def test_what_is_no_failure_of_the_provider_never_opens_it(kind: FailureClass) -> None:
    tried = health()
    for second in range(0, 40, 2):
        assert fail(tried, "a", kind, NOW + second) is None
    assert states(tried, NOW + 41)["a"] == "closed"


@pytest.mark.parametrize(
    ("key", "value", "calls"),
    [
        ("min_calls", 3, 3),
        ("failures", 4, 4),
        ("connect_failures", 2, 2),
        ("failure_rate", 1, 4),
    ],
)
def test_each_setting_of_when_it_opens_is_obeyed(key: str, value: int, calls: int) -> None:
    others = {"min_calls": 1000, "failures": 1000, "connect_failures": 1000}
    if key == "failure_rate":
        others["min_calls"] = 4
    tried = health(settings(THREE, breaker={**others, key: value}))
    for _ in range(calls - 1):
        fail(tried, "a", FailureClass.CONNECT)
    assert states(tried)["a"] == "closed"
    fail(tried, "a", FailureClass.CONNECT)
    assert states(tried)["a"] == "open"


def test_each_setting_of_how_it_comes_back_is_obeyed() -> None:
    tried = health(settings(THREE, breaker={**QUICK, "open": "4s", "open_most": "6s", "probes": 1}))
    for now, opened in ((NOW, 4.0), (NOW + 4.4, 6.0 / 1.1)):
        for _ in range(2):
            if tried.permitted(["a", "c"], now)[0] == "a":
                fail(tried, "a", FailureClass.SERVER, now)
        assert tried.open_until("a", now) == pytest.approx(now + opened)
    permit = tried.permit("a", ["a", "c"], NOW + 20)
    assert permit is not None
    tried.answered("a", permit, 0.1, NOW + 20, 0.5)
    assert states(tried, NOW + 20)["a"] == "closed"


def test_slow_answers_open_it_too() -> None:
    tried = health(settings(THREE, breaker={**QUICK, "slow": "2s"}))
    for seconds in (1.9, 2.1, 2.1, 2.1, 2.1):
        permit = tried.permit("a", ["a", "c"], NOW)
        assert permit is not None
        tried.answered("a", permit, seconds, NOW, 0.5)
    assert states(tried)["a"] == "open"


def test_a_rate_limit_leaves_it_alone_for_as_long_as_it_said() -> None:
    tried = health()
    fail(tried, "a", FailureClass.RATE_LIMITED, retry_after=7.0)
    assert tried.permitted(["a", "c"], NOW + 6.9) == ("c",)
    assert tried.permitted(["a", "c"], NOW + 7.0) == ("a", "c")
    (standing,) = [one for one in tried.standing(NOW) if one.throttled]
    assert standing.deployment == "a"
    assert "throttled" in standing.why


def test_a_rate_limit_without_a_time_leaves_it_alone_for_less_than_a_second() -> None:
    tried = health()
    fail(tried, "a", FailureClass.RATE_LIMITED)
    assert NOW < tried.throttled_until("a") <= NOW + 1.0


def test_a_credential_without_money_takes_all_of_its_deployments_along_for_five_minutes() -> None:
    tried = health()
    trouble = fail(tried, "a", FailureClass.QUOTA)
    assert trouble == Trouble("openai", "a", True, "401")
    assert states(tried) == {"a": "forced_open", "b": "forced_open", "c": "closed"}
    assert states(tried, NOW + LEFT_ALONE_SECONDS)["a"] == "half_open"


def test_a_wrong_key_leaves_its_deployment_alone_for_five_minutes_and_is_then_tried() -> None:
    tried = health()
    assert fail(tried, "a", FailureClass.AUTH) == Trouble("openai", "a", False, "401")
    before, after = NOW + LEFT_ALONE_SECONDS - 1, NOW + LEFT_ALONE_SECONDS
    assert states(tried, before) == {"a": "forced_open", "b": "closed", "c": "closed"}
    assert states(tried, after)["a"] == "half_open"
    for second in range(3):
        permit = tried.permit("a", ["a"], after + second)
        assert permit is not None
        tried.answered("a", permit, 0.1, after + second, 0.5)
    assert states(tried, after + 3)["a"] == "closed"


@pytest.mark.parametrize("kind", [FailureClass.AUTH, FailureClass.QUOTA])
def test_what_is_refused_when_it_is_tried_again_is_left_alone_and_told_again_once(
    kind: FailureClass,
) -> None:
    tried = health()
    assert fail(tried, "a", kind) is not None
    again = NOW + LEFT_ALONE_SECONDS
    one = tried.learned.deployments["a"]
    probes = [tried.permit("a", ["a"], again) for _ in range(3)]
    troubles = [
        tried.failed(one, permit, Failure(kind, "401"), again, 0.5) for permit in probes if permit
    ]
    assert [trouble is not None for trouble in troubles] == [True, False, False]
    assert states(tried, again + LEFT_ALONE_SECONDS - 1)["a"] == "forced_open"


def test_a_wrong_key_is_told_once_in_five_minutes_whatever_an_operator_does() -> None:
    tried = health()
    fail(tried, "a", FailureClass.AUTH)
    tried.force("a", "closed", NOW + 1)
    assert fail(tried, "a", FailureClass.AUTH, NOW + 1) is None
    tried.force("a", "closed", NOW + 301)
    assert fail(tried, "a", FailureClass.AUTH, NOW + 301) is not None


def test_what_an_operator_has_forced_closed_stays_closed() -> None:
    tried = health()
    tried.force("a", "forced_closed", NOW)
    fail(tried, "a", FailureClass.AUTH)
    fail(tried, "a", FailureClass.QUOTA)
    assert states(tried)["a"] == "forced_closed"


def test_metrics_only_tells_and_counts_and_leaves_nobody_alone() -> None:
    tried = health(settings(THREE, breaker={**QUICK, "mode": "metrics_only"}))
    assert fail(tried, "a", FailureClass.AUTH) is not None
    for _ in range(2):
        fail(tried, "a", FailureClass.SERVER)
    assert states(tried)["a"] == "metrics_only"
    assert tried.openings("a") == 1
    assert tried.permitted(["a"], NOW) == ("a",)
    tried.force("a", "forced_open", NOW)
    tried.force("a", "closed", NOW)
    assert states(tried)["a"] == "metrics_only"


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "closed"])
def test_an_operator_can_force_each_mode_and_take_it_back(mode: str) -> None:
    tried = health()
    tried.force("a", mode, NOW)
    assert states(tried)["a"] == mode
    assert (tried.why("a", NOW) != "") == (mode == "forced_open")
    tried.force("a", "closed", NOW)
    assert states(tried)["a"] == "closed"


@pytest.mark.parametrize(
    ("name", "mode", "says"),
    [("d", "closed", "there are: a, b, c"), ("a", "ajar", "forced_open, forced_closed")],
)
def test_what_there_is_none_of_cannot_be_forced(name: str, mode: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        health().force(name, mode, NOW)


def test_times_of_streams_and_of_whole_answers_are_kept_apart() -> None:
    tried = health()
    for stream, seconds in ((True, 0.2), (False, 4.0)):
        permit = tried.permit("a", ["a"], NOW)
        assert permit is not None
        tried.answered("a", permit, seconds, NOW, 0.5, stream=stream)
    assert tried.latency(NOW, stream=True)("a") == 0.2
    assert tried.latency(NOW, stream=False)("a") == 4.0
    assert tried.latency(NOW, stream=False)("b") is None


def test_a_reload_forgives_nobody_but_who_has_moved() -> None:
    before = health()
    for name in ("a", "c"):
        fail(before, name, FailureClass.AUTH)
    moved = {**THREE, "c": {"provider": "second", "model": "gpt-4o"}}
    after = health(settings(moved, breaker=QUICK), before)
    assert states(after) == {"a": "forced_open", "b": "closed", "c": "closed"}
    assert fail(after, "c", FailureClass.AUTH) is not None


def test_a_reload_with_other_rules_for_breakers_counts_afresh_and_keeps_its_word() -> None:
    before = health()
    for _ in range(2):
        fail(before, "a", FailureClass.SERVER)
    fail(before, "b", FailureClass.RATE_LIMITED, retry_after=60.0)
    before.force("c", "forced_open", NOW)
    after = health(settings(THREE), before)
    assert states(after) == {"a": "closed", "b": "closed", "c": "forced_open"}
    assert after.throttled_until("b") == NOW + 60.0
    assert after.why("c", NOW) == "forced open: an operator said so"


def test_a_wrong_key_is_still_wrong_after_other_rules_for_breakers_and_not_told_again() -> None:
    before = health()
    fail(before, "a", FailureClass.AUTH)
    after = health(settings(THREE), before)
    assert after.open_until("a", NOW) == NOW + LEFT_ALONE_SECONDS
    after.force("a", "closed", NOW)
    assert fail(after, "a", FailureClass.AUTH) is None


def test_who_has_moved_has_not_asked_us_to_wait() -> None:
    before = health()
    fail(before, "a", FailureClass.RATE_LIMITED, retry_after=60.0)
    moved = {**THREE, "a": {"provider": "openai", "model": "gpt-4o"}}
    after = health(settings(moved, breaker=QUICK), before)
    assert after.permitted(["a"], NOW) == ("a",)


def test_who_was_gone_in_between_begins_afresh() -> None:
    before = health()
    fail(before, "a", FailureClass.AUTH)
    without = {name: one for name, one in THREE.items() if name != "a"}
    between = health(settings(without, breaker=QUICK), before)
    after = health(settings(THREE, breaker=QUICK), between)
    assert states(after)["a"] == "closed"
