"""What is declared becomes what the hot path runs on."""

from typing import Any

import jwt
import pytest

from proxy.config.models import Config
from proxy.core.decide import ROUTED, UNMATCHED
from proxy.core.match import Goal, Route, match
from proxy.core.reason import Arm
from proxy.core.rollout_state import Mark, RolloutState
from proxy.dataplane.compile import (
    EndpointRoute,
    compile_identifier,
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


def test_a_plugin_may_answer_all_methods_that_nothing_else_answers() -> None:
    config = routed({"name": "all", "match": {"path": "/**"}, "upstream": "new"})
    endpoints = [EndpointRoute("plugin:get", "GET", "/own"), EndpointRoute("plugin:*", "*", "/own")]
    table = compile_routes(config, endpoints=endpoints)
    found = [match(table, method, b"a", b"/own", {}).name for method in (b"GET", b"PATCH", b"X-Y")]
    assert found == ["plugin:get", "plugin:*", "plugin:*"]
    assert match(table, b"PATCH", b"a", b"/own/x", {}).name == "all"


def test_a_plugin_may_answer_all_that_is_below_a_path() -> None:
    config = routed({"name": "all", "match": {"path": "/**"}, "upstream": "new"})
    asked = ("/own/exact", "/own/**")
    endpoints = [EndpointRoute(f"plugin:{path}", "GET", path) for path in asked]
    table = compile_routes(config, endpoints=endpoints)
    found = [match(table, b"GET", b"a", path, {}).name for path in (b"/own/exact", b"/own/a/b")]
    assert found == ["plugin:/own/exact", "plugin:/own/**"]
    assert match(table, b"GET", b"a", b"/ownly", {}).name == "all"


def test_only_routes_whose_plugins_may_pin_the_arm_ask_them() -> None:
    route = {"match": {"path": "/**"}, "rollout": "r", "arms": ARMS}
    config = routed({"name": "one", **route}, {"name": "two", **route})
    one, two = compile_routes(config, assigned={"two"}).routes[:2]
    assert one.rollout is not None
    assert two.rollout is not None
    assert [rule.name for rule in one.rollout.rules] == ["percentage"]
    assert [rule.name for rule in two.rollout.rules] == ["assign", "percentage"]


def test_a_route_decides_by_what_was_learned_of_its_rollout() -> None:
    config = routed({"name": "two", "match": {"path": "/two"}, "rollout": "r", "arms": ARMS})
    killed = RolloutState("r", percentage=100, killed=Mark("ops", "a drill", 0))
    rollout = compile_routes(config, {"r": killed}).routes[0].rollout
    assert rollout is not None
    assert [rule.name for rule in rollout.rules] == ["killed"]


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
