"""`crossfade status` against a real admin listener."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from proxy.cli import status
from proxy.controlplane.draining import DrainingStatus
from proxy.controlplane.status import RolloutStatus
from tests.cli.asking import run, unused_address
from tests.controlplane.admin_view import (
    View,
    admin_serving,
    headers_report,
    serve_some,
    statsd_report,
)

SECRET = "the token of a viewer"
TOKENS = [{"name": "ops", "role": "viewer", "token": SECRET}]

CONFIG = """\
listen: 127.0.0.1:8080
upstreams: {{legacy: {{url: "http://127.0.0.1:3000"}}}}
{admin}
"""


@pytest.fixture
def view() -> View:
    view = View()
    serve_some(view.accounting)
    return view


def config_file(directory: Path, admin: str) -> Path:
    path = directory / "config.yaml"
    path.write_text(CONFIG.format(admin=admin))
    return path


async def test_a_ready_proxy_is_shown_with_what_it_serves_and_the_exit_code_is_0(
    view: View,
) -> None:
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert (ran.code, ran.err) == (0, "")
    for shown in ("serving", "1.2.3, up 1d 2h", "127.0.0.1:8080", "12.5 %", "ejected", "campaigns"):
        assert shown in ran.out
    assert "upstream_refused 1" in ran.out
    assert "(none matched)" in ran.out


async def test_a_proxy_that_drains_is_shown_and_the_exit_code_is_1(view: View) -> None:
    view.is_ready = (False, "draining")
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert ran.code == 1
    assert "draining" in ran.out


async def test_the_problems_of_a_refused_file_are_shown_as_they_are(view: View) -> None:
    view.problems = ("config.yaml:3:1 listen: [bold]wrong[/bold]",)
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert "config.yaml:3:1 listen: [bold]wrong[/bold]" in ran.out


async def test_a_rollback_is_not_called_a_refusal(view: View) -> None:
    view.problems, view.brought_back = ("generation 2 was brought back by ops",), True
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert "What serves is not what the file holds:" in ran.out
    assert "refused" not in ran.out.replace("upstream_refused", "")


async def test_each_rollout_is_shown_with_how_it_stands(
    view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = RolloutStatus("hybrid", enabled=True, percentage=25.0, standing="rolled_back")
    told = replace(view.status(), rollouts=(back,))
    monkeypatch.setattr(view, "status", lambda: told)
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert "rolled back" in ran.out


async def test_generations_that_drain_are_shown_beside_the_one_that_serves(view: View) -> None:
    view.draining = (DrainingStatus(1, 2, 1700000000.0), DrainingStatus(2, 1, 1700000001.0))
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert "3, draining 1 (2 in flight), 2 (1 in flight)" in ran.out


async def test_plugins_are_named_and_those_that_are_not_well_say_so(view: View) -> None:
    view.reports = (
        headers_report("11 faults in 12 calls"),
        statsd_report("no connection", ""),
    )
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert "headers, statsd" in ran.out
    assert "headers on campaigns as arm new is quarantined: 11 faults in 12 calls." in ran.out
    assert "The plugin statsd is not well: no connection" in ran.out


async def test_a_quarantined_application_is_told_once(view: View) -> None:
    view.reports = (statsd_report("quarantined: 10 faults", "10 faults"),)
    async with admin_serving(view) as url:
        ran = await run(status.command, "--admin", url)
    assert "statsd is quarantined: 10 faults." in ran.out
    assert "not well" not in ran.out


async def test_for_a_machine_it_is_the_json_of_the_admin_listener(view: View) -> None:
    async with admin_serving(view) as url:
        ran = await run(status.command, "--json", "--admin", url)
    assert ran.code == 0
    assert orjson.loads(ran.out)["endpoints"][1]["state"] == "ejected"


async def test_the_address_is_taken_from_the_configuration(view: View, tmp_path: Path) -> None:
    async with admin_serving(view) as url:
        listen = url.removeprefix("http://")
        path = config_file(tmp_path, f'admin: {{listen: "{listen}"}}')
        ran = await run(status.command, "--config", str(path))
    assert (ran.code, ran.err) == (0, "")


async def test_the_rest_of_the_configuration_may_be_wrong(view: View, tmp_path: Path) -> None:
    async with admin_serving(view) as url:
        listen = url.removeprefix("http://")
        path = config_file(tmp_path, f'admin: {{listen: "{listen}"}}\nrollouts: {{x: 5}}')
        ran = await run(status.command, "--config", str(path))
    assert (ran.code, ran.err) == (0, "")


async def test_an_address_without_a_scheme_will_do(view: View) -> None:
    async with admin_serving(view) as url:
        assert (await run(status.command, "--admin", url.removeprefix("http://"))).code == 0


async def test_the_token_of_the_environment_is_sent(view: View) -> None:
    async with admin_serving(view, TOKENS) as url:
        assert (await run(status.command, "--admin", url, token=SECRET)).code == 0


@pytest.mark.parametrize(("token", "said"), [(None, "is not set"), ("hunter2", "not one it knows")])
async def test_without_the_right_token_it_says_which_variable_to_set(
    view: View, token: str | None, said: str
) -> None:
    async with admin_serving(view, TOKENS) as url:
        ran = await run(status.command, "--admin", url, token=token)
    assert (ran.code, ran.out) == (1, "")
    assert "CROSSFADE_ADMIN_TOKEN" in ran.err
    assert said in ran.err
    assert "hunter2" not in ran.err


async def test_when_nothing_answers_it_says_where_and_what_to_do() -> None:
    address = unused_address()
    ran = await run(status.command, "--admin", address)
    assert ran.code == 1
    assert f"Nothing answers at http://{address}" in ran.err
    assert "crossfade serve" in ran.err


async def test_what_is_no_admin_listener_is_said_to_be_none() -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<html>")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    ran = await run(status.command, "--admin", f"{host}:{port}")
    await runner.cleanup()
    assert ran.code == 1
    assert "is not Crossfade's admin listener" in ran.err


@pytest.mark.parametrize("admin", ["ftp://127.0.0.1", "http://", "http://u:p@127.0.0.1", "a b:1:2"])
async def test_an_address_that_is_none_is_bad_usage(admin: str) -> None:
    ran = await run(status.command, "--admin", admin)
    assert ran.code == 2
    assert "--admin wants" in ran.err


async def test_a_configuration_without_admin_is_bad_usage(tmp_path: Path) -> None:
    ran = await run(status.command, "--config", str(config_file(tmp_path, "")))
    assert ran.code == 2
    assert "no admin section" in ran.err


async def test_a_configuration_that_cannot_be_read_is_bad_usage_with_its_problems(
    tmp_path: Path,
) -> None:
    path = config_file(tmp_path, "admin: {listen: nowhere}")
    ran = await run(status.command, "--config", str(path))
    assert ran.code == 2
    assert "admin.listen" in ran.err
    assert "--admin" in ran.err
