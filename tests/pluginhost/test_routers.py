"""What plugins answer themselves."""

from pathlib import Path

import pytest

from proxy.pluginhost.guard import Quarantine
from proxy.pluginhost.wanted import ApplicationWanted
from tests.pluginhost.hosting import Hosting, application

ANSWERING = """
class Where(Settings):
    path: str = "/hello"

class Answering(Application):
    settings: Where

    @hook
    def provide_endpoints(self, router):
        router.add("GET", self.settings.path, self.answer)

    @hook
    def provide_admin(self, router):
        router.add("GET", "/state", self.answer)
        router.add("POST", "/state", self.answer, role="admin")

    async def answer(self, request, body):
        return Reply(body=body)
"""


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    hosting.write("one", ANSWERING)
    hosting.write("two", ANSWERING)
    return hosting


async def test_endpoints_and_admin_answers_are_collected(hosting: Hosting) -> None:
    plugins = await hosting.prepare(application("one"), application("two", path="/other"))
    assert [one[:3] for one in plugins.endpoints] == [
        ("one", "GET", "/hello"),
        ("two", "GET", "/other"),
    ]
    assert [one[:4] for one in plugins.admin] == [
        ("one", "GET", "/state", "operator"),
        ("one", "POST", "/state", "admin"),
        ("two", "GET", "/state", "operator"),
        ("two", "POST", "/state", "admin"),
    ]
    step = plugins.endpoints[0].step
    assert (await step.call("request", b"body")).body == b"body"
    assert (step.waits, step.on_fault, step.guard.plugin) == (True, "refuse", "one")
    await hosting.host.close()


async def test_each_generation_is_asked_again(hosting: Hosting) -> None:
    first = await hosting.prepare(application("one"))
    second = await hosting.prepare(application("one"), before=first)
    assert second.applications == first.applications
    assert [one[:3] for one in second.endpoints] == [("one", "GET", "/hello")]
    await hosting.host.close()


async def test_a_quarantined_plugin_answers_nothing_until_it_is_released(
    hosting: Hosting,
) -> None:
    plugins = await hosting.prepare(application("one"))
    call = plugins.endpoints[0].step.call
    plugins.applications[0].guard.quarantined = "too many faults"
    with pytest.raises(Quarantine, match="plugin one is quarantined: too many faults"):
        await call("request", b"")
    assert plugins.release_quarantine("one") == ("one (application)",)
    assert (await call("request", b"")).body == b""
    await hosting.host.close()


async def test_one_path_cannot_be_answered_by_two_plugins(hosting: Hosting) -> None:
    [problem] = await hosting.refused(application("one"), application("two"))
    assert problem == (
        "two.py:12:1: plugin two: said provide_endpoints raised ValueError: GET /hello is "
        "answered by plugin one already; wanted provide_endpoints to succeed"
    )
    assert hosting.host.codes == 0


WRONG = {
    'router.add("get", "/x", self.answer)': "get is no method",
    'router.add("GET", "x", self.answer)': "x is no path",
    'router.add("GET", "/x?y", self.answer)': "/x?y is no path",
    'router.add("GET", "/x", len)': "what answers GET /x must be an async def",
    'router.add("GET", "/state", self.answer, role="root")': "root is no role",
    'router.add("GET", "/x", self.answer); router.add("GET", "/x", self.answer)': "there twice",
    "router.ad()": "raised AttributeError",
    "raise SystemExit(3)": "raised SystemExit",
}


@pytest.mark.parametrize("line", WRONG)
async def test_what_cannot_be_answered_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    hosting = Hosting(tmp_path)
    hosting.write("one", ANSWERING.replace('router.add("GET", "/state", self.answer)', line))
    named: ApplicationWanted = application("one")
    [problem] = await hosting.refused(named)
    assert problem.startswith("one.py:16:1: plugin one: said provide_admin raised")
    assert WRONG[line] in problem
    assert hosting.host.sets == 0


OTHERS = """
class Where(Settings):
    method: str

class Answering(Application):
    settings: Where

    @hook
    def provide_endpoints(self, router):
        router.add(self.settings.method, "/x", self.answer)

    async def answer(self, request, body):
        return Reply()
"""


async def test_what_takes_all_other_methods_comes_last_whoever_adds_it(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path)
    for name in ("one", "two"):
        hosting.write(name, OTHERS)
    wanted = application("one", method="*"), application("two", method="GET")
    plugins = await hosting.prepare(*wanted)
    assert [one[:3] for one in plugins.endpoints] == [("two", "GET", "/x"), ("one", "*", "/x")]
    await hosting.host.close()


async def test_only_one_plugin_takes_all_other_methods_of_a_path(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path)
    for name in ("one", "two"):
        hosting.write(name, OTHERS)
    wanted = application("one", method="*"), application("two", method="*")
    [problem] = await hosting.refused(*wanted)
    assert "* /x is answered by plugin one already" in problem
