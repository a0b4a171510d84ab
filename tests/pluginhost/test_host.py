"""From prepare to close: what serves goes on whatever happens to what is to come."""

import asyncio
import gc
import threading
import weakref
from pathlib import Path

import pytest

from proxy.api import Application
from proxy.pluginhost.faults import FaultKey
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.wanted import Wanted
from proxy.settings.problems import ConfigError
from tests.kit.transport import turns
from tests.kit.waiting import until
from tests.pluginhost.hosting import (
    GREETER,
    WATCHER,
    Hosting,
    application,
    log_lines,
    module_of,
    use,
)


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    hosting.write("hello", GREETER)
    hosting.write("watch", WATCHER)
    return hosting


async def test_a_configuration_without_plugins_has_an_empty_set(hosting: Hosting) -> None:
    plugins = await hosting.host.prepare(Wanted())
    assert (plugins.chains, plugins.everywhere, plugins.destinations) == ({}, None, {})
    assert (plugins.endpoints, plugins.admin, plugins.reports()) == ((), (), ())
    await plugins.discard()
    assert hosting.host.sets == 0


async def test_a_package_of_several_files_is_a_plugin(hosting: Hosting) -> None:
    package = hosting.folder / "parted"
    package.mkdir()
    (package / "__init__.py").write_text("from .greeting import Greeter\n")
    (package / "greeting.py").write_text(f"from proxy.api import *\n{GREETER}")
    plugins = await hosting.prepare(use("parted", text="hi"))
    [step] = plugins.chains["campaigns"].edit_response
    assert step.call("request", "reply") == "hi"
    await plugins.release()
    assert hosting.modules() == 0


async def test_two_versions_of_a_plugin_serve_side_by_side(hosting: Hosting) -> None:
    first = await hosting.serve(use("hello"))
    hosting.write("hello", GREETER.replace('"hello"', '"good evening"'))
    second = await hosting.prepare(use("hello"), before=first)
    hosting.host.serve(second)
    said = [one.chains["campaigns"].edit_response[0].call(1, 2) for one in (first, second)]
    assert said == ["hello", "good evening"]
    assert hosting.modules() == 2
    await first.release()
    assert hosting.modules() == 1
    await hosting.host.close()


async def test_everything_wrong_with_all_plugins_is_told_at_once(hosting: Hosting) -> None:
    hosting.write("broken", "def nothing(:\n")
    problems = await hosting.refused(
        use("broken"), use("helo"), use("hello", tekst="x"), application("hello")
    )
    assert [problem.split(" ")[0] for problem in problems] == [
        "broken.py:3:13:",
        "config.yaml:1:1:",
        "config.yaml:1:1:",
        "config.yaml:1:1:",
    ]
    assert (hosting.host.codes, hosting.modules()) == (0, 0)


async def test_an_application_that_is_carried_over_outlives_the_set_it_began_in(
    hosting: Hosting,
) -> None:
    first = await hosting.serve(application("watch"))
    diary = module_of(first, "watch")["diary"]
    second = await hosting.prepare(application("watch"), use("hello"), before=first)
    await first.release()
    assert diary == ["watch begins"]
    await second.release()
    await second.release()
    assert diary == ["watch begins", "watch ends"]


async def test_a_discarded_set_ends_only_what_it_began(hosting: Hosting) -> None:
    serving = await hosting.serve(application("watch"))
    diary = module_of(serving, "watch")["diary"]
    hosting.write("other", WATCHER)
    trial = await hosting.prepare(application("watch"), application("other"), before=serving)
    other = module_of(trial, "other")["diary"]
    await trial.discard()
    assert (diary, other) == (["watch begins"], ["watch begins", "watch ends"])
    await hosting.host.close()


async def test_nothing_is_carried_over_from_a_set_that_has_ended(hosting: Hosting) -> None:
    first = await hosting.prepare(application("watch"))
    await first.release()
    second = await hosting.prepare(application("watch"), before=first)
    assert second.applications[0] is not first.applications[0]
    await hosting.host.close()


async def test_a_prepare_that_is_cancelled_undoes_what_it_did(hosting: Hosting) -> None:
    hosting.write("hang", WATCHER.replace("self.services = services", "await services.sleep(1e6)"))
    preparing = asyncio.create_task(
        hosting.prepare(application("watch"), application("hang"), use("hello"))
    )
    while hosting.host.codes < 3:  # noqa: ASYNC110 (a thread imports them)
        await asyncio.sleep(0)
    await turns()
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    await hosting.host.close()
    assert (hosting.host.codes, hosting.modules()) == (0, 0)


async def test_an_import_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path, import_seconds=0.002)
    go = threading.Event()
    threading.crossfade_test = go  # type: ignore[attr-defined]
    hosting.write("slow", "import threading\nthreading.crossfade_test.wait()\n", GREETER)
    try:
        problems = await hosting.refused(use("slow"))
    finally:
        go.set()
        del threading.crossfade_test  # type: ignore[attr-defined]
    assert problems == [
        (
            "plugins:1:1: plugins slow: said code that is not read and imported within 0.002 s; "
            "wanted modules that are imported in time; do in startup what takes long, and nothing "
            "while a module is imported"
        )
    ]

    def forgotten() -> bool:
        names = {one.name for one in threading.enumerate()}
        return not hosting.modules() and "crossfade-plugins" not in names

    await until(forgotten, "what was imported too late is forgotten")
    assert hosting.host.codes == 0


async def test_the_log_of_faults_outlives_a_reload(hosting: Hosting) -> None:
    first = await hosting.serve(use("hello"))
    first.instances.uses[0].guard.fault("edit_response", KeyError())
    hosting.write("hello", GREETER, "# changed")
    second = await hosting.prepare(use("hello"), before=first)
    second.instances.uses[0].guard.fault("edit_response", KeyError())
    key = FaultKey("hello", "campaigns", "edit_response")
    assert hosting.host.faults.counts() == {key: 2}
    await hosting.host.close()


async def test_a_metric_goes_on_over_a_reload_of_the_code(hosting: Hosting) -> None:
    counting = WATCHER.replace(
        "self.services = services", 'services.counter("starts", "Says.").add()'
    )
    hosting.write("watch", counting)
    first = await hosting.serve(application("watch"))
    hosting.write("watch", counting, "# changed")
    second = await hosting.prepare(application("watch"), before=first)
    await first.release()
    assert hosting.registry.get_sample_value("crossfade_watch_starts_total") == 2
    await second.release()
    assert hosting.registry.get_sample_value("crossfade_watch_starts_total") is None


async def test_nothing_is_left_of_what_has_ended(hosting: Hosting) -> None:
    plugins = await hosting.serve(application("watch"), use("hello"))
    [use_made], [started] = plugins.instances.uses, plugins.applications
    ghosts = [weakref.ref(one) for one in (type(use_made.use), type(started.application))]
    await plugins.release()
    del plugins, use_made, started
    gc.collect()
    gc.collect()
    assert [ghost() for ghost in ghosts] == [None, None]


async def test_nothing_is_left_of_what_was_refused(hosting: Hosting) -> None:
    hosting.write("broken", WATCHER.replace("self.services = services", "raise OSError"))
    wanted = hosting.wanted(application("broken"))
    with pytest.raises(ConfigError) as refused:
        await hosting.host.prepare(wanted)
    gc.collect()
    gc.collect()
    left = [one for one in Application.__subclasses__() if "broken" in one.__module__]
    assert (len(refused.value.problems), left) == (1, [])


def test_a_rehearsal_needs_no_loop_starts_nothing_and_leaves_nothing(hosting: Hosting) -> None:
    hosting.host.rehearse(hosting.wanted(application("watch"), use("hello")))
    assert (hosting.host.codes, hosting.modules()) == (0, 0)
    with pytest.raises(ConfigError, match="tekst"):
        hosting.host.rehearse(hosting.wanted(use("hello", tekst="x")))
    assert (hosting.host.codes, hosting.modules()) == (0, 0)


async def test_a_rehearsal_beside_what_serves_changes_nothing(hosting: Hosting) -> None:
    plugins = await hosting.serve(application("watch"), use("hello"))
    hosting.host.rehearse(hosting.wanted(application("watch", name="w"), use("hello")))
    assert module_of(plugins, "watch")["diary"] == ["watch begins"]
    assert (hosting.host.codes, hosting.modules()) == (2, 2)
    await hosting.host.close()


async def test_the_environment_asks_for_traces(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSFADE_TRACE_HOOKS", "1")
    host = PluginHost(hosting.registry)
    with log_lines() as lines:
        await host.prepare(hosting.wanted(application("watch")))
        await host.close()
    assert [(line["hook"], line["result"]) for line in lines] == [
        ("startup", "none"),
        ("shutdown", "none"),
    ]


async def test_closing_ends_every_set(hosting: Hosting) -> None:
    first = await hosting.serve(application("watch"))
    diary = module_of(first, "watch")["diary"]
    await hosting.prepare(application("watch"), use("hello"), before=first)
    await hosting.host.close()
    assert diary == ["watch begins", "watch ends"]
    assert (hosting.host.sets, hosting.host.codes, hosting.modules()) == (0, 0, 0)
