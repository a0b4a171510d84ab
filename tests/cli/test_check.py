"""`crossfade check`: exit code, words, JSON."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from proxy.cli import check

GOOD = """\
listen: 127.0.0.1:8080
admin: {tokens: [{name: ops, role: admin, token: "${OPS_TOKEN}"}]}
upstreams: {legacy: {url: "http://127.0.0.1:3000"}}
routes:
  - {name: a, match: {path: /a}, upstream: legacy}
  - {name: b, match: {path: /b}, upstream: legacy}
"""


METER = """\
from proxy.api import Application, RouteName, Settings


class MeterSettings(Settings):
    routes: tuple[RouteName, ...] = ()


class Meter(Application):
    settings: MeterSettings
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def run_check(*arguments: str, env: dict[str, str] | None = None) -> Result:
    app = typer.Typer()
    app.command()(check.command)
    return CliRunner().invoke(app, arguments, env=env or {"OPS_TOKEN": "0123456789abcdef"})


def test_a_good_file_is_counted_and_exits_with_zero(path: Path) -> None:
    path.write_text(GOOD)
    result = run_check("--config", str(path))

    assert result.exit_code == 0
    assert result.stdout == f"{path}: ok (2 routes, 0 rollouts, 1 upstream, 1 listener)\n"


def test_a_wrong_file_has_all_its_problems_told_and_exits_with_two(path: Path) -> None:
    path.write_text(GOOD.replace("legacy}", "lgeacy}"))
    result = run_check("--config", str(path))

    lines = result.stderr.splitlines()
    assert result.exit_code == 2
    assert [line.split(": ")[0] for line in lines] == [f"{path}:5:44", f"{path}:6:44"]
    assert all("did you mean legacy?" in line for line in lines)


def test_a_file_that_is_not_there_exits_with_two(path: Path) -> None:
    result = run_check("--config", str(path))

    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_json_says_what_is_wrong_to_machines(path: Path) -> None:
    path.write_text(GOOD)
    result = run_check("--config", str(path), "--json", env={"OPS_TOKEN": "short"})

    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (2, False)
    assert [(p["line"], p["where"]) for p in report["problems"]] == [(2, "admin.tokens[0].token")]
    assert "short" not in result.output


def test_json_says_what_was_counted_to_machines(path: Path) -> None:
    path.write_text(GOOD)
    result = run_check("--config", str(path), "--json")

    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["routes"]) == (0, True, 2)


def test_what_only_compiling_finds_is_refused_as_a_reload_would(path: Path) -> None:
    path.write_text(
        GOOD
        + 'identity: {key: ["cookie:sid"]}\nrollouts: {r: {percentage: 5, whitelist: ["  "]}}\n'
    )
    result = run_check("--config", str(path))

    assert result.exit_code == 2
    assert str(path) in result.output
    assert "whitelist" in result.output


def test_plugins_are_counted_and_those_with_problems_told_with_the_rest(path: Path) -> None:
    folder = path.parent / "plugins"
    folder.mkdir()
    hello = folder / "hello.py"
    hello.write_text(
        "from proxy.api import Use, hook\n"
        "class Hello(Use):\n    @hook\n    def edit_response(self): ...\n"
    )
    path.write_text(GOOD.replace("upstream: legacy}", "upstream: legacy, plugins: [hello]}", 1))
    with path.open("a") as file:
        file.write("plugins: {path: plugins}\n")
    result = run_check("--config", str(path))
    assert result.stdout == f"{path}: ok (2 routes, 0 rollouts, 1 upstream, 1 plugin, 1 listener)\n"

    hello.write_text(hello.read_text().replace("edit_response", "edit_respond"))
    result = run_check("--config", str(path))
    assert result.exit_code == 2
    assert f"{hello}:4:" in result.stderr
    assert "did you mean edit_response?" in result.stderr


def test_a_plugin_that_names_a_route_that_is_not_there_is_told_where(path: Path) -> None:
    plugins = "plugins: {path: [plugins], meter: {routes: [b, bb]}}\n"
    path.write_text(GOOD + plugins)
    (path.parent / "plugins").mkdir()
    (path.parent / "plugins" / "meter.py").write_text(METER)
    result = run_check("--config", str(path))

    assert result.exit_code == 2
    assert result.stderr == (
        f'{path}:7:48: plugins.meter.routes[1]: said "bb"; wanted the name of a declared route: '
        "a, b; did you mean b?\n"
    )
