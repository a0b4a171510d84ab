"""What `crossfade explain` says about plugins."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from proxy.cli.explain import command
from tests.cli.plugged import write_config

PINNED = """
class Pinned(Use):
    @hook
    def assign(self, request, arms):
        return request.cookie("arm") or request.headers.get("X-Arm")
    @hook
    def edit_request(self, outgoing): ...
"""
STARTED = """
class Whole(Application):
    @hook
    async def startup(self, services): self.now = services.now
    @hook
    def provide_endpoints(self, router): router.add("GET", "/own", self.answer)
    async def answer(self, request, body): return Reply()

class Part(Use):
    application: Whole
    @hook
    def assign(self): return self.application.now() and None
    @hook
    def admit(self): return None
"""
ANSWERING = """
class Answering(Use):
    @hook
    async def dispatch(self): return Reply()
"""
UNSAYING = """
class Whole(Application):
    @hook
    def provide_endpoints(self, router): router.add("GET", self.path, None)
"""
PLUGINS = {"pinned": PINNED, "started": STARTED, "answering": ANSWERING}
REST = """
identity: {key: ["cookie:sid"]}
rollouts: {r: {percentage: 0, blacklist: [bad]}}
plugins: {path: plugins}
routes:
  - name: all
    match: {path: "/**"}
    rollout: r
    arms: {legacy: {upstream: legacy}, new: {plugin: answering}}
    plugins: [started, {pinned: {on_error: skip}}]
"""
app = typer.Typer()
app.command()(command)


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_config(tmp_path, PLUGINS, REST))


def explained(config: str, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["--config", config, *words])
    return result.exit_code, result.output


def asked(config: str, *words: str) -> dict[str, Any]:
    code, output = explained(config, "--json", *words)
    assert code == 0, output
    answer: dict[str, Any] = json.loads(output)
    return answer


def assign_of(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer["rules"] if one["rule"] == "assign")
    return found


def test_the_uses_of_the_route_are_listed_in_the_order_of_requests(config: str) -> None:
    uses = asked(config, "GET", "/x")["plugins"]
    assert [(one["plugin"], one["hooks"], one["on_error"], one["arm"]) for one in uses] == [
        ("started", ["assign", "admit"], None, None),
        ("pinned", ["assign", "edit_request"], "skip", None),
        ("answering", ["dispatch"], None, "new"),
    ]


@pytest.mark.parametrize(
    "words", [("-H", "Cookie: arm=new"), ("-H", "X-Arm: new", "-H", "Host: a.example")]
)
def test_a_plugin_is_asked_for_the_arm_with_the_headers_of_the_question(
    config: str, words: tuple[str, ...]
) -> None:
    answer = asked(config, *words, "GET", "/x?y=z")
    assert (answer["arm"], answer["reason"]) == ("new", "assigned")
    assert (answer["upstream"], answer["plugin"]) == (None, "answering")
    assert assign_of(answer) == {
        "rule": "assign",
        "hit": True,
        "saw": "started cannot be asked without being started; pinned pins new",
    }


def test_a_plugin_that_pins_nothing_leaves_it_to_the_rules(config: str) -> None:
    answer = asked(config, "--user", "u", "GET", "/x")
    assert (answer["arm"], answer["reason"]) == ("legacy", "remainder")
    assert assign_of(answer)["saw"].endswith("pinned pins nothing")


def test_the_blacklist_comes_before_any_plugin(config: str) -> None:
    answer = asked(config, "--user", "bad", "-H", "X-Arm: new", "GET", "/x")
    assert (answer["arm"], answer["reason"]) == ("legacy", "blacklist")


def test_a_plugin_that_fails_sends_the_request_to_legacy(config: str) -> None:
    answer = asked(config, "-H", "X-Arm: sideways", "GET", "/x")
    assert (answer["arm"], answer["reason"]) == ("legacy", "error")
    assert assign_of(answer)["hit"]


def test_a_path_of_a_plugins_own_is_answered_before_the_routes(config: str) -> None:
    answer = asked(config, "GET", "/own")
    assert (answer["arm"], answer["reason"], answer["plugin"]) == (None, "answered", "started")


def test_a_person_reads_the_same(config: str) -> None:
    lines = explained(config, "-H", "X-Arm: new", "GET", "/x")[1].splitlines()
    for line in [
        "  started              on the way    assign, admit",
        "  pinned               on the way    assign, edit_request",
        "  answering            as arm new    dispatch",
        "  plugin     answering",
        "  A plugin with the hook admit may answer before there is a decision.",
    ]:
        assert line in lines


def test_a_plugin_that_cannot_say_what_it_answers_is_named(tmp_path: Path) -> None:
    rest = REST.replace("{path: plugins}", "{path: plugins, unsaying: {}}")
    config = str(write_config(tmp_path, PLUGINS | {"unsaying": UNSAYING}, rest))
    answer = asked(config, "GET", "/x")
    assert len(answer["unknown"]) == 1
    assert "provide_endpoints raised AttributeError" in answer["unknown"][0]
    assert "Not known without starting the plugin" in explained(config, "GET", "/x")[1]


@pytest.mark.parametrize("header", ["Host: a b", "X-Arm: ne\x00w", "X Arm: new"])
def test_what_no_request_can_be_like_is_bad_usage(config: str, header: str) -> None:
    code, output = explained(config, "-H", header, "GET", "/x")
    assert code == 2
    assert "no request can be like that" in output


def test_a_plugin_with_a_problem_is_a_configuration_that_cannot_be_used(tmp_path: Path) -> None:
    config = str(write_config(tmp_path, PLUGINS | {"pinned": "class Pinned(Use): ..."}, REST))
    code, output = explained(config, "GET", "/x")
    assert code == 2
    assert "pinned.py" in output
