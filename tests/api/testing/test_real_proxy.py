"""A real proxy around a plugin, for tests of plugins: started, asked, edited, reloaded, ended."""

from pathlib import Path

import pytest

from proxy.api import Reply
from proxy.api.testing import ProxyError, real_proxy

GREETING = '''
"""Greets."""
from proxy.api import ReplyHead, Settings, Use, hook

class Greeting(Settings):
    text: str = "hello"

class Hello(Use):
    settings: Greeting

    @hook
    def edit_response(self, reply: ReplyHead) -> None:
        reply.headers.set("X-Greeting", self.settings.text)
'''

ROUTES = """
routes:
  - name: all
    match: {path: "/**"}
    upstream: legacy
    plugins: [{hello: {text: "${GREETING}"}}]
"""


async def test_a_plugin_serves_is_edited_and_broken_in_a_real_proxy() -> None:
    env = {"GREETING": "hi"}
    async with real_proxy(ROUTES, plugins={"hello": GREETING}, env=env) as proxy:
        answer = await proxy.post("/a%20b?q", json={"n": 1}, headers={"A": "1"})
        assert (answer.status, answer.headers.get("x-greeting")) == (200, "hi")
        assert answer.json()["path"] == "/a%20b"
        assert proxy.upstream.last.json() == {"n": 1}
        assert proxy.upstream.last.headers.get("A") == "1"
        assert "User-Agent" not in proxy.upstream.last.headers

        proxy.edit_plugin("hello", GREETING.replace("self.settings.text", '"good day"'))
        reloaded = await proxy.reload()
        assert (reloaded.done, reloaded.problems) == (True, ())
        assert (await proxy.get("/")).headers.get("X-Greeting") == "good day"

        proxy.edit_plugin("hello", GREETING.replace("edit_response", "edit_respons"))
        refused = await proxy.reload()
        assert not refused.done
        assert "did you mean edit_response?" in refused.problems[0]
        assert refused.generation == reloaded.generation
        assert (await proxy.get("/")).headers.get("X-Greeting") == "good day"
        assert await proxy.logged("reload_refused")

        proxy.edit_plugin("hello", GREETING)
        proxy.edit_config(ROUTES.replace("${GREETING}", "bye"))
        assert (await proxy.reload()).done
        assert (await proxy.get("/")).headers.get("X-Greeting") == "bye"


async def ask_and_fail(folders: list[Path]) -> None:
    async with real_proxy("") as proxy:
        folders.append(proxy.folder)
        proxy.upstream.reply_next(Reply(302, {"Location": "/b"}, "moved"), Reply(204))
        moved = await proxy.request("DELETE", "/", headers=[("A", "1"), ("A", "2")])
        assert (moved.status, moved.text, moved.headers.get("location")) == (302, "moved", "/b")
        assert proxy.upstream.last.headers.all("A") == ["1", "2"]
        assert (await proxy.get("/")).status == 204
        assert proxy.url.removeprefix("http://") in (await proxy.status())["listeners"]
        assert (await proxy.admin("/healthz")).json() == {"status": "ok"}
        assert (await proxy.admin("/nowhere")).status == 404
        raise ZeroDivisionError


async def test_an_error_in_the_test_is_told_with_the_log_and_nothing_stays() -> None:
    folders: list[Path] = []
    with pytest.raises(ZeroDivisionError) as error:
        await ask_and_fail(folders)
    assert '"event":"serving"' in error.value.__notes__[0]
    assert not folders[0].exists()


async def test_a_proxy_that_does_not_start_says_why() -> None:
    config = ROUTES.replace("hello:", "helo:").replace("${GREETING}", "a")
    with pytest.raises(ProxyError) as error:
        async with real_proxy(config, plugins={"hello": GREETING}):
            raise AssertionError("it was started")
    assert "did not start (it ended with exit code 2)" in str(error.value)
    assert "config.yaml:6:" in str(error.value)
    assert "did you mean hello?" in str(error.value)
