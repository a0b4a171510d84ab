"""Callers decided again: who would change sides, and which changes are refused."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.models import Config
from proxy.controlplane.preview import (
    RolloutPreview,
    check_rebucket,
    check_renamed,
    preview,
)
from proxy.core.bucket import bucket
from proxy.core.decide import ROUTED
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.rollout_state import Declared, Mark, RolloutState
from proxy.dataplane.compile_rollouts import NOTHING
from proxy.dataplane.decided import Decided

SPLIT = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}


def config(rollouts: Mapping[str, Any], routes: Any = None, **more: Any) -> Config:
    """A configuration with these rollouts, by default each with a route of the same name."""
    if routes is None:
        routes = [
            {"name": name, "match": {"path": f"/{name}"}, "rollout": name, "arms": SPLIT}
            for name in rollouts
        ]
    upstreams = {name: {"url": "http://127.0.0.1:1"} for name in ("legacy", "new", "other")}
    return Config.model_validate(
        {
            "listen": "127.0.0.1:0",
            "upstreams": upstreams,
            "rollouts": rollouts,
            "routes": routes,
            **more,
        }
    )


def rolled(percentage: float, **more: Any) -> Config:
    identity = more.pop("identity", {})
    return config({"a": {"percentage": percentage, **more}}, identity=identity)


def caller(key: str, *, verified: bool = False, **attributes: str) -> Identity:
    return Identity(key.encode(), "cookie:sid", verified, attributes)


CALLERS = [("a", caller(f"user-{number}")) for number in range(400)]


def foreseen(
    callers: Iterable[tuple[str, Identity]],
    before: Config,
    after: Config,
    learned: Mapping[str, RolloutState] = NOTHING,
) -> tuple[RolloutPreview, ...]:
    decided = [
        Decided("", 0.0, "", rollout, who, ROUTED, 1, before, None) for rollout, who in callers
    ]
    return preview(decided, before, after, learned)


def only(found: tuple[RolloutPreview, ...]) -> RolloutPreview:
    assert len(found) == 1
    return found[0]


def moves(before: Config, after: Config) -> tuple[int, int]:
    found = only(foreseen(CALLERS, before, after))
    return found.to_new, found.to_legacy


def below(percentage: float, salt: str = "a") -> int:
    return sum(bucket(salt.encode(), key.key or b"") < percentage * 1000 for _, key in CALLERS)


def test_raising_the_percentage_moves_to_new_exactly_those_in_between() -> None:
    found = only(foreseen(CALLERS, rolled(10), rolled(30)))
    expected = below(30) - below(10)
    assert (found.seen, found.to_new, found.to_legacy) == (400, expected, 0)
    assert (found.share_to_new, found.share_to_legacy) == (expected / 4, 0)
    assert (found.rollout, found.then, found.rebucketed, found.note) == ("a", "a", False, "")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (rolled(50), rolled(20), (0, below(50) - below(20))),
        (rolled(50), rolled(50, enabled=False), (0, below(50))),
        (rolled(50, enabled=False), rolled(50), (below(50), 0)),
        (rolled(0), rolled(0, blacklist=["user-1"]), (0, 0)),
        (rolled(100), rolled(100, blacklist=["user-1"]), (0, 1)),
        (rolled(0), rolled(0, whitelist=["user-1"]), (0, 0)),
        (rolled(0), rolled(100, salt="another"), (400, 0)),
    ],
)
def test_each_change_is_foreseen_as_it_would_be_decided(
    before: Config, after: Config, expected: tuple[int, int]
) -> None:
    assert moves(before, after) == expected


def test_a_key_counts_once_however_often_it_came() -> None:
    assert only(foreseen(CALLERS * 3, rolled(10), rolled(30))).seen == 400


def test_the_last_that_is_known_of_a_caller_decides() -> None:
    seen = [("a", caller("u", verified=False)), ("a", caller("u", verified=True))]
    found = only(foreseen(seen, rolled(0), rolled(0, whitelist=["u"])))
    assert (found.seen, found.to_new) == (1, 1)


def test_callers_without_a_key_are_left_out() -> None:
    found = only(foreseen([("a", ANONYMOUS)], rolled(0), rolled(100)))
    assert (found.seen, found.share_to_new) == (0, 0)


def test_another_salt_is_told_as_another_split() -> None:
    found = only(foreseen(CALLERS, rolled(50), rolled(50, salt="another")))
    assert found.rebucketed
    assert found.to_new > 60
    assert found.to_legacy > 60


def test_a_route_that_is_given_another_rollout_takes_its_callers_along() -> None:
    after = config({"b": {"percentage": 50}}, [_route("b")])
    found = only(foreseen(CALLERS, rolled(50), after))
    assert (found.rollout, found.then, found.rebucketed) == ("a", "b", True)
    assert found.to_legacy > 60


def _route(rollout: str, name: str = "a", path: str = "/a") -> dict[str, Any]:
    return {"name": name, "match": {"path": path}, "rollout": rollout, "arms": SPLIT}


def test_a_route_and_a_rollout_that_were_renamed_are_found_by_what_they_take() -> None:
    after = config({"b": {"percentage": 50}}, [_route("b", name="b")])
    assert only(foreseen(CALLERS, rolled(50), after)).then == "b"


@pytest.mark.parametrize(
    ("upstream", "expected"), [("new", (400 - below(50), 0)), ("legacy", (0, below(50)))]
)
def test_a_route_that_ends_its_rollout_moves_everybody_to_that_side(
    upstream: str, expected: tuple[int, int]
) -> None:
    route = {"name": "a", "match": {"path": "/a"}, "upstream": upstream}
    found = only(foreseen(CALLERS, rolled(50), config({}, [route])))
    assert (found.to_new, found.to_legacy) == expected
    assert (found.then, found.rebucketed) == ("", False)


def test_a_route_that_leads_elsewhere_is_not_foreseen() -> None:
    route = {"name": "a", "match": {"path": "/a"}, "upstream": "other"}
    assert foreseen(CALLERS, rolled(50), config({}, [route])) == ()


def test_a_condition_about_which_nothing_is_known_yet_counts_as_if_it_held() -> None:
    found = only(foreseen(CALLERS, rolled(50), rolled(50, conditions={"tier": ["pro"]})))
    assert (found.to_new, found.to_legacy) == (0, 0)
    assert "nothing is known yet about tier" in found.note


def test_with_plugins_every_attribute_is_known() -> None:
    before = config({"a": {"percentage": 100}}, [_route("a") | {"plugins": ["headers"]}])
    after = config(
        {"a": {"percentage": 100, "conditions": {"tier": ["pro"]}}},
        [_route("a") | {"plugins": ["headers"]}],
    )
    seen = [("a", caller("u1", tier="pro")), ("a", caller("u2", tier="free"))]
    assert only(foreseen(seen, before, after)).to_legacy == 1


@pytest.mark.parametrize(
    ("plugin", "expected"), [("a_plugin", 400 - below(50)), ("b_plugin", None)]
)
def test_a_route_that_ends_with_a_plugin_is_known_by_the_plugins_name(
    plugin: str, expected: int | None
) -> None:
    arms = {"legacy": {"upstream": "legacy"}, "new": {"plugin": "a_plugin"}}
    before = config({"a": {"percentage": 50}}, [_route("a") | {"arms": arms}])
    after = config({}, [{"name": "a", "match": {"path": "/a"}, "plugin": plugin}])
    assert [one.to_new for one in foreseen(CALLERS, before, after)] == (
        [] if expected is None else [expected]
    )


def test_a_condition_that_was_asked_before_is_decided_by_what_is_known() -> None:
    seen = [("a", caller("u1", tier="pro")), ("a", caller("u2", tier="free"))]
    before = rolled(100, conditions={"tier": ["pro", "free"]})
    found = only(foreseen(seen, before, rolled(100, conditions={"tier": ["pro"]})))
    assert (found.to_legacy, found.note) == (1, "")


def test_keys_that_are_spelt_in_lower_case_from_now_on_are_decided_as_such() -> None:
    seen = [("a", caller("User-7"))]
    goes = bucket(b"a", b"user-7") < 50_000
    stays = bucket(b"a", b"User-7") < 50_000
    found = only(foreseen(seen, rolled(50), rolled(50, identity={"lower": True})))
    assert (found.to_new, found.to_legacy) == (goes > stays, stays > goes)
    assert found.rebucketed


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"lower": True}, {}, "identity.lower is taken back"),
        ({"key": ["cookie:sid"]}, {"key": ["cookie:uid"]}, "identity.key has changed"),
    ],
)
def test_what_cannot_be_foreseen_is_said(before: Any, after: Any, said: str) -> None:
    found = only(foreseen(CALLERS, rolled(50, identity=before), rolled(50, identity=after)))
    assert said in found.note


def test_what_is_known_of_callers_is_shown_nowhere() -> None:
    after = rolled(50, salt="another")
    found = foreseen(CALLERS, rolled(50), after)
    assert "user-" not in repr(found)
    assert "user-" not in repr(check_rebucket(rolled(50), after, found))


def test_another_salt_in_the_middle_of_a_rollout_is_a_problem_with_both_ways_out() -> None:
    before, after = rolled(20), rolled(25, salt="another")
    found = only(foreseen(CALLERS, before, after))
    (problem,) = check_rebucket(before, after, [found])
    assert problem.where == "rollouts.a.salt"
    assert "about 15 % of all keys would go from new back to legacy" in problem.hint
    assert f"of the 400 callers seen last, {found.to_legacy}" in problem.hint
    assert "Write salt: a to keep everybody" in problem.hint
    assert "rollouts.a.rebucket to true" in problem.hint
    assert "another salt than the one that serves" in problem.said


def test_a_salt_that_somebody_chose_is_not_shown() -> None:
    (problem,) = check_rebucket(rolled(20, salt="secret-1"), rolled(20, salt="secret-2"))
    assert "secret" not in str(problem)
    assert "the salt that a has had" in problem.hint


def test_another_name_for_a_rollout_is_another_salt() -> None:
    after = {"b": {"percentage": 50}}
    (problem,) = check_rebucket(rolled(50), config(after, [_route("b")]))
    assert problem.where == "rollouts.b.salt"
    assert "it is a by another name" in problem.said
    assert "Write salt: a to keep everybody" in problem.hint
    kept = config({"b": {"percentage": 50, "salt": "a"}}, [_route("b")])
    assert check_rebucket(rolled(50), kept) == []


def test_a_route_that_joins_a_rollout_which_serves_already_is_no_rebucketing() -> None:
    both = {"a": {"percentage": 50}, "b": {"percentage": 50}}
    before = config(both)
    after = config(both, [_route("b"), _route("b", name="b", path="/b")])
    assert check_rebucket(before, after) == []
    assert foreseen(CALLERS, before, after)[0].to_legacy > 60


@pytest.mark.parametrize(("before", "after"), [({}, {"lower": True}), ({"lower": True}, {})])
def test_another_spelling_of_keys_is_a_problem_of_the_identity(before: Any, after: Any) -> None:
    (problem,) = check_rebucket(rolled(50, identity=before), rolled(50, identity=after))
    assert problem.where == "identity.lower"
    assert "about 25 % of all keys" in problem.hint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rolled(20), rolled(25)),
        (rolled(20), rolled(25, salt="another", rebucket=True)),
        (rolled(0), rolled(25, salt="another")),
        (rolled(20), rolled(100, salt="another")),
        (rolled(100), rolled(50, salt="another")),
        (rolled(20), rolled(0, salt="another")),
        (rolled(20), rolled(25, salt="another", enabled=False)),
        (rolled(20, enabled=False), rolled(25, salt="another")),
    ],
)
def test_nothing_is_refused_where_no_hash_sends_anybody_back(before: Config, after: Config) -> None:
    assert check_rebucket(before, after) == []


def test_the_predicted_share_is_what_happens_to_many_keys() -> None:
    before, after = rolled(40), rolled(60, salt="another")
    many = [("a", caller(f"key {number}")) for number in range(4000)]
    found = only(foreseen(many, before, after))
    assert abs(found.share_to_legacy - 40 * (100 - 60) / 100) < 3


percentages = st.integers(0, 100_000).map(lambda thousandths: thousandths / 1000)
settings = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "salt": st.sampled_from(["a", "s1", "s2"]),
        "whitelist": st.just(["user-1", "user-2"]),
        "blacklist": st.just(["user-3"]),
        "missing_key": st.sampled_from(["legacy", "new"]),
        "rebucket": st.booleans(),
    },
)
some_callers = st.lists(
    st.tuples(
        st.just("a"),
        st.builds(
            Identity,
            st.one_of(st.none(), st.sampled_from([b"user-%d" % number for number in range(50)])),
            st.just("cookie:sid"),
            st.booleans(),
        ),
    ),
    max_size=60,
)


@given(some_callers, settings, percentages)
def test_the_same_configuration_moves_nobody(seen: Any, rollout: Any, percentage: float) -> None:
    same = rolled(percentage, **rollout)
    found = only(foreseen(seen, same, same))
    assert (found.to_new, found.to_legacy, found.rebucketed) == (0, 0, False)
    assert check_rebucket(same, same) == []


@given(some_callers, settings, percentages, percentages)
def test_raising_the_percentage_moves_nobody_back(
    seen: Any, rollout: Any, one: float, other: float
) -> None:
    before, after = rolled(min(one, other), **rollout), rolled(max(one, other), **rollout)
    assert only(foreseen(seen, before, after)).to_legacy == 0
    assert check_rebucket(before, after) == []


@given(some_callers, settings, settings, percentages, percentages)
def test_what_is_not_refused_sends_nobody_back_against_the_percentage(
    seen: Any, old: Any, new: Any, one: float, other: float
) -> None:
    lists = ("whitelist", "blacklist", "enabled", "missing_key")
    new = {k: v for k, v in new.items() if k not in (*lists, "rebucket")}
    new |= {k: v for k, v in old.items() if k in lists}
    before, after = rolled(min(one, other), **old), rolled(max(one, other), **new)
    refused = check_rebucket(before, after)
    assert refused or only(foreseen(seen, before, after)).to_legacy == 0


def test_what_was_learned_counts_and_not_what_was_declared() -> None:
    before, after = rolled(10), rolled(10, missing_key="new")
    learned = RolloutState("a", percentage=40, declared=Declared(percentage=10))
    assert only(foreseen(CALLERS, before, after, {"a": learned})).to_new == 0
    raised = only(foreseen(CALLERS, before, rolled(60), {"a": learned}))
    assert (raised.to_new, raised.to_legacy) == (below(60) - below(40), 0)


def test_another_salt_is_no_matter_while_everybody_is_on_legacy() -> None:
    before, after = rolled(10), rolled(10, salt="other")
    mark = Mark("ops", "a drill", 0.0)
    back = RolloutState("a", rolled_back=mark, declared=Declared(percentage=10))
    assert check_rebucket(before, after)
    assert not check_rebucket(before, after, learned={"a": back})


@pytest.mark.parametrize("mark", ["killed", "rolled_back"])
def test_another_name_does_not_free_a_rollout_of_what_keeps_it_on_legacy(mark: str) -> None:
    before = config({"old": {"percentage": 10, "salt": "s"}}, [_route("old")])
    after = config({"new": {"percentage": 10, "salt": "s"}}, [_route("new")])
    marks: dict[str, Any] = {mark: Mark("ops", "it fails", 1.0)}
    stopped = RolloutState("old", percentage=10.0, **marks)
    fresh = {"new": RolloutState("new")}
    [problem] = check_renamed(before, after, {"old": stopped}, fresh)
    assert "rollouts.new" in str(problem)
    assert f"old is {mark.replace('_', ' ')} by ops" in str(problem)
    at_zero = config({"new": {"percentage": 0, "salt": "s"}}, [_route("new")])
    assert check_renamed(before, at_zero, {"old": stopped}, fresh) == []
    assert check_renamed(before, before, {"old": stopped}, {"old": stopped}) == []
    assert check_renamed(before, after, {"old": RolloutState("old", percentage=10.0)}, fresh) == []
    held = {"new": RolloutState("new", rolled_back=Mark("ops", "it fails", 1.0))}
    assert check_renamed(before, after, {"old": stopped}, held) == []
