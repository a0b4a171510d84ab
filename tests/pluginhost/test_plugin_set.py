"""What the data plane finds in a plugin set, before and after a quarantine."""

from pathlib import Path
from typing import Any

import pytest

from proxy.pluginhost.chains import Step
from proxy.pluginhost.guard import Quarantine
from proxy.pluginhost.plugin_set import PluginSet
from tests.pluginhost.hosting import GREETER, Hosting, application, use

ANSWERING = """
class Answering(Use):
    @hook
    async def dispatch(self):
        return Reply(201)

    @hook
    def edit_response(self):
        return "answering"
"""

WATCHING = """
class Watching(Application):
    @hook
    def finished(self):
        return "watching"
"""

GUARDING = """
class Guarding(Use):
    @hook
    def admit(self):
        return None

    @hook
    def finished(self):
        return "guarding"
"""


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    hosting.write("hello", GREETER)
    hosting.write("answer", ANSWERING)
    hosting.write("watching", WATCHING)
    hosting.write("guarding", GUARDING)
    return hosting


def called(steps: tuple[Step, ...]) -> list[Any]:
    return [step.call("request", "more") for step in steps]


def quarantine(plugins: PluginSet, number: int) -> None:
    """Let the use with this number fail until it is quarantined."""
    fail(plugins.instances.uses[number].guard)


def fail(guard: Any) -> None:
    while not guard.quarantined:
        guard.calls += 1
        guard.fault("admit", KeyError())


async def test_every_route_with_uses_has_chains_and_the_others_have_none(hosting: Hosting) -> None:
    plugins = await hosting.prepare(
        use("hello", "a", text="1"), use("hello", "a", text="2"), use("guarding", "b")
    )
    assert plugins.chains.keys() == {"a", "b"}
    assert called(plugins.chains["a"].edit_response) == ["2", "1"]
    assert called(plugins.chains["b"].admit) == [None]
    assert plugins.everywhere is None
    await hosting.host.close()


async def test_an_application_that_watches_is_told_on_every_route(hosting: Hosting) -> None:
    plugins = await hosting.prepare(application("watching"), use("guarding", "a"))
    assert called(plugins.chains["a"].finished) == ["guarding", "watching"]
    assert plugins.everywhere is not None
    assert called(plugins.everywhere.finished) == ["watching"]
    await hosting.host.close()


async def test_destinations_are_found_by_route_and_arm(hosting: Hosting) -> None:
    plugins = await hosting.prepare(
        use("answer", "a", destination=True),
        use("answer", "b", arm="new", destination=True),
        use("hello", "b"),
    )
    assert plugins.destinations.keys() == {("a", ""), ("b", "new")}
    assert (await plugins.destinations["a", ""].call("request", b"")).status == 201
    # On the way out the destination comes first.
    assert called(plugins.chains["b"].edit_response) == ["answering", "hello"]
    await hosting.host.close()


async def test_a_use_that_may_be_skipped_leaves_its_chain_in_quarantine(hosting: Hosting) -> None:
    plugins = await hosting.prepare(use("hello", text="1"), use("hello", text="2"))
    chains = plugins.chains["campaigns"]
    quarantine(plugins, 0)
    assert chains is plugins.chains["campaigns"]
    assert called(chains.edit_response) == ["2"]
    assert plugins.release_quarantine("hello") == ("hello on route campaigns",)
    assert called(chains.edit_response) == ["2", "1"]
    await hosting.host.close()


async def test_a_use_that_must_be_asked_refuses_in_quarantine(hosting: Hosting) -> None:
    plugins = await hosting.prepare(use("guarding"), use("answer", destination=True))
    quarantine(plugins, 0)
    quarantine(plugins, 1)
    chains = plugins.chains["campaigns"]
    with pytest.raises(Quarantine):
        called(chains.admit)
    with pytest.raises(Quarantine):
        await plugins.destinations["campaigns", ""].call("request", b"")
    assert (chains.finished, chains.edit_response) == ((), ())
    assert len(plugins.release_quarantine()) == 2
    assert called(chains.admit) == [None]
    assert (await plugins.destinations["campaigns", ""].call("request", b"")).status == 201
    await hosting.host.close()


async def test_a_quarantined_application_is_told_of_no_request(hosting: Hosting) -> None:
    plugins = await hosting.prepare(application("watching"), use("hello"))
    guard = plugins.applications[0].guard
    fail(guard)
    assert plugins.everywhere is not None
    assert (plugins.everywhere.finished, plugins.chains["campaigns"].finished) == ((), ())
    assert called(plugins.chains["campaigns"].edit_response) == ["hello"]
    assert plugins.release_quarantine("watching") == ("watching (application)",)
    assert called(plugins.everywhere.finished) == ["watching"]
    assert called(plugins.chains["campaigns"].finished) == ["watching"]
    await hosting.host.close()


async def test_a_quarantine_reaches_every_set_that_has_the_use(hosting: Hosting) -> None:
    first = await hosting.prepare(use("hello"))
    second = await hosting.prepare(use("hello"), use("guarding"), before=first)
    quarantine(second, 0)
    assert first.chains["campaigns"].edit_response == ()
    assert second.chains["campaigns"].edit_response == ()
    first.release_quarantine()
    assert called(second.chains["campaigns"].edit_response) == ["hello"]
    await hosting.host.close()


async def test_only_the_plugin_that_is_named_is_released(hosting: Hosting) -> None:
    plugins = await hosting.prepare(use("hello"), use("guarding"))
    quarantine(plugins, 0)
    quarantine(plugins, 1)
    assert plugins.release_quarantine("nobody") == ()
    assert plugins.release_quarantine("guarding") == ("guarding on route campaigns",)
    assert plugins.instances.uses[0].guard.quarantined
    await hosting.host.close()


async def test_the_digest_changes_with_any_plugin_in_reach(hosting: Hosting) -> None:
    first = await hosting.prepare(use("hello"))
    same = await hosting.prepare(use("hello"), before=first)
    hosting.write("watching", WATCHING, "# changed, and not in use")
    other = await hosting.prepare(use("hello"), before=same)
    assert first.digest == same.digest != other.digest
    await hosting.host.close()
