"""`crossfade plugins` against a real admin listener."""

import orjson
import pytest

from proxy.cli.plugins import app
from proxy.controlplane.status import ReloadOutcome
from tests.cli.asking import run, unused_address
from tests.controlplane.admin_view import View, admin_serving, headers_report, statsd_report


@pytest.mark.parametrize("words", [(), ("list",)])
async def test_the_list_shows_each_plugin_and_where_it_is_used(words: tuple[str, ...]) -> None:
    async with admin_serving(View()) as url:
        ran = await run(app, *words, "--admin", url)
    assert (ran.code, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [
        ["plugin", "version", "from", "code", "hooks", "health"],
        ["headers", "2.1", "installed", "efefefefefef", "edit_request,", "edit_response", "well"],
        ["statsd", "-", "directory", "121212121212", "finished,", "health", "well"],
        ["plugin", "used", "on", "settings", "on_error", "calls", "faults", "last", "fault"],
        ["headers", "campaigns", "set:", '{"A":"b"}', "refuse", "7", "0", "-"],
        [
            *("headers", "campaigns", "as", "arm", "new", "-", "-", "5", "4"),
            *("dispatch:", "KeyError"),
        ],
        [
            *("statsd", "the", "whole", "process", "host:", "127.0.0.1", "-", "-", "2"),
            *("finished:", "OSError"),
        ],
    ]


async def test_what_is_quarantined_is_said_below_the_list() -> None:
    view = View()
    view.reports = (headers_report("11 faults in 12 calls"), statsd_report("ill", "10 faults"))
    async with admin_serving(view) as url:
        ran = await run(app, "--admin", url)
    assert ran.out.splitlines()[-2:] == [
        "headers on campaigns as arm new is quarantined: 11 faults in 12 calls.",
        "statsd is quarantined: 10 faults.",
    ]


async def test_a_proxy_without_plugins_says_so() -> None:
    view = View()
    view.reports = ()
    async with admin_serving(view) as url:
        ran = await run(app, "--admin", url)
    assert ran.out == "No plugin is in use.\n"


@pytest.mark.parametrize("words", [("--json",), ("list", "--json")])
async def test_the_list_for_a_machine_is_json(words: tuple[str, ...]) -> None:
    async with admin_serving(View()) as url:
        ran = await run(app, *words, "--admin", url)
    assert [one["name"] for one in orjson.loads(ran.out)["plugins"]] == ["headers", "statsd"]


async def test_options_before_a_command_are_not_passed_over() -> None:
    ran = await run(app, "--admin", unused_address(), "release")
    assert ran.code == 2
    assert "write the options behind `crossfade plugins release`" in ran.err


async def test_a_reload_of_the_plugins_tells_what_came_of_it() -> None:
    view = View()
    async with admin_serving(view) as url:
        ran = await run(app, "reload", "--admin", url)
        view.outcome = ReloadOutcome(False, False, 3, problems=("hello.py:3:1: wrong",))
        refused = await run(app, "reload", "--admin", url)
    assert "now serves (generation 4)" in ran.out
    assert refused.code == 1
    assert "hello.py:3:1: wrong" in refused.err


async def test_a_release_names_what_serves_again() -> None:
    view = View()
    async with admin_serving(view) as url:
        one = await run(app, "release", "headers", "--admin", url)
        every = await run(app, "release", "--json", "--admin", url)
        none = await run(app, "release", "statsd", "--admin", url)
    assert (one.code, one.out) == (0, "Released from quarantine: headers on route campaigns.\n")
    assert orjson.loads(every.out) == {"released": ["headers on route campaigns"]}
    assert (none.code, none.out) == (0, "Nothing was quarantined.\n")
    assert view.released == ["headers", None, "statsd"]


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_a_plugin_that_is_not_there_is_a_failure(words: tuple[str, ...]) -> None:
    async with admin_serving(View()) as url:
        ran = await run(app, "release", "haeders", "--admin", url, *words)
    assert ran.code == 1
    assert "did you mean headers?" in (ran.out if words else ran.err)
