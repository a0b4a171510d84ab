"""Every hook is documented with its signature, called, and used by a shipped plugin."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from proxy.api import Alert, Move, Observed, Question, Scope, Verdict
from proxy.api.hookspecs import HOOKS
from proxy.config.rollback import Rollback
from scripts.plugin_pages import signature
from scripts.reference_pages import FOLDER
from tests.kit.plugged import GET, OK, plugged
from tests.kit.transport import on_memory_loop, turns
from tests.pluginhost.test_spending import ATTEMPT, ENTRY

ROOT = Path(__file__).resolve().parents[2]

EVERY = """
class Everything(Application):
    called = []
    @hook
    async def startup(self, services): self.called.append("startup")
    @hook
    async def shutdown(self): self.called.append("shutdown")
    @hook
    def provide_endpoints(self, router): self.called.append("provide_endpoints")
    @hook
    def provide_admin(self, router): self.called.append("provide_admin")
    @hook
    def health(self): self.called.append("health"); return ""
    @hook
    async def explain(self, request_id): self.called.append("explain"); return ()
    @hook
    def judge(self, question): self.called.append("judge"); return Verdict("pass", "")
    @hook
    def rollout_moved(self, move): self.called.append("rollout_moved")
    @hook
    def alert_raised(self, alert): self.called.append("alert_raised")
    @hook
    async def spend_planned(self, attempt): self.called.append("spend_planned")
    @hook
    def spend_settled(self, entry): self.called.append("spend_settled")

class EveryUse(Use):
    application: Everything
    @hook
    def admit(self, request): self.application.called.append("admit")
    @hook
    def assign(self, request, arms): self.application.called.append("assign"); return "new"
    @hook
    def edit_request(self, request, outgoing): self.application.called.append("edit_request")
    @hook
    async def rewrite_request(self, request, body):
        self.application.called.append("rewrite_request")
        return body
    @hook
    async def rewrite_response(self, request, reply):
        self.application.called.append("rewrite_response")
        return reply
    @hook
    def edit_response(self, request, reply): self.application.called.append("edit_response")
    @hook
    def finished(self, request, outcome): self.application.called.append("finished")
"""


ANSWERING = """
class Answering(Use):
    @hook
    async def dispatch(self, request, body): return Reply(200, body="dispatch")
"""

QUESTION = Question(
    kind="brake",
    rollout="r",
    percentage=5.0,
    share=0.05,
    segment=1,
    settings=Rollback(judge="every"),
    observed={Scope(): Observed()},
    now=1_750_000_000.0,
)


@cache
def shipped() -> dict[str, set[str]]:
    """The hooks of each shipped plugin, by what their files say."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                ast.unparse(mark) == "hook" for mark in node.decorator_list
            ):
                found.setdefault(path.parent.name, set()).add(node.name)
    return found


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    page = (FOLDER / "hooks.md").read_text("utf-8")
    assert f"\n## {hook}\n\n```text\n{signature(HOOKS[hook])}\n```\n" in page


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_used_by_a_shipped_plugin(hook: str) -> None:
    assert hook in set().union(*shipped().values())


@on_memory_loop
async def test_each_hook_is_called_in_the_life_of_a_proxy() -> None:
    arms = {"legacy": {"upstream": "legacy"}, "new": {"plugin": "answering"}}
    through = {"name": "through", "match": {"path": "/a"}, "upstream": "legacy"}
    split = {"name": "split", "match": {"path": "/**"}, "rollout": "r", "arms": arms}
    routes = [{**through, "plugins": ["every"]}, {**split, "plugins": ["every"]}]
    called: list[str]
    async with plugged(
        {"every": EVERY, "answering": ANSWERING}, routes=routes, rollouts={"r": {}}
    ) as inside:
        made: Any = inside.generation.plugins
        host: Any = made._owner
        called = made.applications[0].application.called
        _, upstream = await inside.ask(GET)
        upstream.peer_sends(OK)
        await turns()
        client = inside.connect()
        client.peer_sends(GET.replace(b"/a", b"/b"))
        await turns()
        called.append(client.sent().rpartition(b"\r\n")[2].decode())
        made.reports()
        assert await host.explain("r-1") == ()
        assert host.judge(QUESTION) == [Verdict("pass", "")]
        host.moved(Move("r", 0, 5, "test", "because"))
        host.alert(Alert("test", "r", "Something."))
        assert (await host._around.spending.plan(ATTEMPT)).allowed
        host._around.spending.settle(ENTRY)

    # Commands, and what they call, have a process of their own: tests/cli.
    assert set(HOOKS) - set(called) == {"migrate", "provide_commands"}
    assert (called[0], called[-1]) == ("startup", "shutdown")
