"""What is declared becomes what the hot path runs on."""

from typing import Any

import jwt
import pytest

from proxy.config.models import Config
from proxy.core.bucket import bucket
from proxy.core.decide import ROUTED, UNMATCHED, decide
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.match import Goal, Route, match
from proxy.core.reason import Arm, Reason
from proxy.dataplane.compile import (
    EndpointRoute,
    compile_identifier,
    compile_rollouts,
    compile_routes,
)

SECRET = "a secret that only the legacy system and the proxy know"
ARMS = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}


def declared(**sections: Any) -> Config:
    base: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "upstreams": {
            "legacy": {"url": "http://127.0.0.1:3000"},
            "new": {"url": "http://127.0.0.1:3001"},
        },
        "identity": {"key": ["cookie:sid"]},
    }
    return Config.model_validate(base | sections)


def rolled(lower: bool = False, **rollout: Any) -> Any:
    config = declared(identity={"key": ["cookie:sid"], "lower": lower}, rollouts={"r": rollout})
    return compile_rollouts(config)["r"]


def caller(key: bytes, **attributes: str) -> Identity:
    return Identity(key, "jwt:sub", verified=True, attributes=attributes)


def test_a_rollout_splits_by_its_salt_which_is_its_name_by_default() -> None:
    named, salted = rolled(percentage=50), rolled(percentage=50, salt="other")
    for key in (b"user-%d" % n for n in range(50)):
        assert named.bucket_of(key) == bucket(b"r", key)
        assert salted.bucket_of(key) == bucket(b"other", key)
    assert named.threshold == 50_000


def test_listed_keys_are_spelled_as_the_keys_of_requests() -> None:
    rollout = rolled(whitelist=["jose\u0301", 42, " ann "], blacklist=["Bob"])
    assert decide(rollout, caller("jos\u00e9".encode())).reason is Reason.WHITELIST
    assert decide(rollout, caller(b"42")).reason is Reason.WHITELIST
    assert decide(rollout, caller(b"ann")).reason is Reason.WHITELIST
    assert decide(rollout, caller(b"bob")).reason is Reason.REMAINDER
    lowered = rolled(lower=True, blacklist=["Bob"])
    assert decide(lowered, caller(b"bob")).reason is Reason.BLACKLIST


def test_conditions_are_lists_and_ranges() -> None:
    rollout = rolled(percentage=100, conditions={"tier": ["pro"], "age": {"min": 30, "max": 60}})
    assert decide(rollout, caller(b"a", tier="pro", age="45")).arm is Arm.NEW
    assert decide(rollout, caller(b"a", tier="pro", age="61")).reason is Reason.CONDITIONS
    assert decide(rollout, caller(b"a", tier="free", age="45")).reason is Reason.CONDITIONS


@pytest.mark.parametrize("answer", ["legacy", "new", "reject"])
def test_a_missing_key_gets_what_is_declared(answer: str) -> None:
    decision = decide(rolled(percentage=50, missing_key=answer), ANONYMOUS)
    assert decision.reason is Reason.MISSING_KEY
    assert (decision.arm is Arm.NEW, decision.rejected) == (answer == "new", answer == "reject")


def test_a_rollout_that_is_off_is_off() -> None:
    rollout = rolled(enabled=False, percentage=100, whitelist=["ann"])
    assert decide(rollout, caller(b"ann")).reason is Reason.DISABLED


def test_lists_that_cannot_be_used_are_refused_by_place_without_showing_a_key() -> None:
    with pytest.raises(ValueError, match=r"^rollouts\.r: whitelist\[1\] is no key"):
        rolled(whitelist=["ann", " "])
    with pytest.raises(ValueError, match=r"^rollouts\.r: 1 key\(s\)") as caught:
        rolled(whitelist=["jose\u0301"], blacklist=["jos\u00e9"])
    assert "jos" not in str(caught.value)


def routed(*routes: dict[str, Any]) -> Config:
    return declared(rollouts={"r": {"percentage": 100}}, routes=list(routes))


def take(
    config: Config, path: bytes, method: bytes = b"GET", host: bytes = b"a", **fields: bytes
) -> Route:
    headers = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return match(compile_routes(config), method, host, path, headers)


def test_a_route_leads_to_its_upstream_or_to_its_arms() -> None:
    config = routed(
        {"name": "one", "match": {"path": "/one"}, "upstream": "new"},
        {"name": "two", "match": {"path": "/two"}, "rollout": "r", "arms": ARMS},
    )
    one, two, rest = take(config, b"/one"), take(config, b"/two"), take(config, b"/three")
    assert (one.index, one.name, one.rollout, one.fixed) == (0, "one", None, ROUTED)
    assert dict(one.destinations) == {None: Goal("new")}
    assert (two.index, two.name, two.fixed) == (1, "two", None)
    assert two.rollout is not None
    assert dict(two.destinations) == {Arm.LEGACY: Goal("legacy"), Arm.NEW: Goal("new")}
    assert (rest.index, rest.name, rest.rollout, rest.fixed) == (2, "unmatched", None, UNMATCHED)
    assert dict(rest.destinations) == {None: Goal("legacy")}


def test_a_plugin_can_be_where_a_route_or_an_arm_leads() -> None:
    arms = {"legacy": {"upstream": "legacy"}, "new": {"plugin": "greeter", "timeout": "5s"}}
    config = routed(
        {"name": "one", "match": {"path": "/one"}, "plugin": {"greeter": {"text": "hi"}}},
        {"name": "two", "match": {"path": "/two"}, "rollout": "r", "arms": arms},
    )
    assert take(config, b"/one").destinations[None] == Goal(plugin="greeter", timeout=30.0)
    assert take(config, b"/two").destinations[Arm.NEW] == Goal(plugin="greeter", timeout=5.0)


def test_what_a_plugin_answers_itself_comes_before_all_routes() -> None:
    config = routed({"name": "all", "match": {"path": "/**"}, "upstream": "new"})
    table = compile_routes(config, endpoints=[EndpointRoute("plugin:p", "GET", "/own")])
    assert match(table, b"GET", b"a", b"/own", {}).name == "plugin:p"
    assert match(table, b"POST", b"a", b"/own", {}).name == "all"
    assert [route.index for route in table.routes] == [0, 1, 2]


def test_only_routes_whose_plugins_may_pin_the_arm_ask_them() -> None:
    route = {"match": {"path": "/**"}, "rollout": "r", "arms": ARMS}
    config = routed({"name": "one", **route}, {"name": "two", **route})
    one, two = compile_routes(config, assigned={"two"}).routes[:2]
    assert one.rollout is not None
    assert two.rollout is not None
    assert [rule.name for rule in one.rollout.rules] == ["percentage"]
    assert [rule.name for rule in two.rollout.rules] == ["assign", "percentage"]


def test_routes_share_the_rollouts_they_are_given() -> None:
    config = routed({"name": "two", "match": {"path": "/two"}, "rollout": "r", "arms": ARMS})
    rollouts = compile_rollouts(config)
    assert compile_routes(config, rollouts).routes[0].rollout is rollouts["r"]


def test_every_condition_of_a_match_is_compiled() -> None:
    asked = {
        "path": "/v1/**",
        "methods": ["POST", "PUT"],
        "host": "API.example.com",
        "headers": {"X-Api-Version": "2", "X-Debug": "*"},
    }
    config = routed({"name": "one", "match": asked, "upstream": "new"})
    path, host = b"/v1/x", b"api.EXAMPLE.com:8080"
    assert take(config, path, b"PUT", host, x_api_version=b"2", x_debug=b"").name == "one"
    for route in (
        take(config, b"/v2/x", b"PUT", host, x_api_version=b"2", x_debug=b""),
        take(config, path, b"GET", host, x_api_version=b"2", x_debug=b""),
        take(config, path, b"PUT", b"example.com", x_api_version=b"2", x_debug=b""),
        take(config, path, b"PUT", host, x_api_version=b"3", x_debug=b""),
        take(config, path, b"PUT", host, x_api_version=b"2"),
    ):
        assert route.name == "unmatched"


def test_a_pattern_that_cannot_be_compiled_is_refused_with_its_route() -> None:
    config = routed({"name": "one", "match": {"path": "/x"}, "upstream": "new"})
    route = config.routes[0]
    broken = route.model_copy(update={"match": route.match.model_copy(update={"path": "~("})})
    config = config.model_copy(update={"routes": (broken,)})
    with pytest.raises(ValueError, match=r"^routes\[0\] \(one\): .*not a regular expression"):
        compile_routes(config)


def test_the_identifier_looks_only_for_attributes_that_a_condition_asks_for() -> None:
    settings = {"key": ["jwt:sub"], "jwt": {"secret": SECRET}}
    plain = declared(identity=settings, rollouts={"r": {"percentage": 5}})
    choosy = declared(identity=settings, rollouts={"r": {"conditions": {"region": ["eu"]}}})
    token = jwt.encode({"sub": "u1", "tier": "pro"}, SECRET, "HS256").encode()
    fields = {b"authorization": b"Bearer " + token, b"x-region": b"eu"}
    assert dict(compile_identifier(plain).identify(fields, 0, trusted=False).attributes) == {}
    found = compile_identifier(choosy).identify(fields, 0, trusted=False)
    assert (found.key, dict(found.attributes)) == (b"u1", {"region": "eu"})
