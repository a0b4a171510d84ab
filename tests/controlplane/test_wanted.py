"""The host is told of every plugin that a configuration names, and where it stands."""

from pathlib import Path

import pytest

from proxy.api import Settings
from proxy.config import ConfigError
from proxy.controlplane.wanted import wanted
from tests.config.writing import MINIMAL, load_text
from tests.controlplane.changing import CONFIG, changing

FULL = """\
identity: {key: ["cookie:sid"]}
rollouts: {fade: {percentage: 5}}
plugins:
  path: [plugins]
  statsd: {port: 8125}
routes:
  - name: campaigns
    match: {path: /api/campaigns}
    rollout: fade
    arms: {legacy: {upstream: legacy}, new: {plugin: {orchestrator: {model: m}}}}
    plugins:
      - access_control
      - headers: {on_error: refuse, text: x}
  - name: gone
    match: {path: /old/**}
    plugin: {static_reply: {status: 410}}
"""


class Text(Settings):
    text: str = "nothing"


class Whole(Settings):
    text: int = 0


def test_every_use_is_wanted_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    config = load_text(tmp_path, MINIMAL + FULL)
    found = wanted(config)
    assert [tuple(use)[:-1] for use in found.uses] == [
        ("access_control", "campaigns", "", False, ""),
        ("headers", "campaigns", "", False, "refuse"),
        ("orchestrator", "campaigns", "new", True, ""),
        ("static_reply", "gone", "", True, ""),
    ]
    assert [one.plugin for one in found.applications] == ["statsd"]
    assert found.paths == (tmp_path / "plugins",)


def test_settings_are_read_without_what_is_the_proxys(tmp_path: Path) -> None:
    bare, headers, *_ = wanted(load_text(tmp_path, MINIMAL + FULL)).uses
    assert headers.place.read(Text) == Text(text="x")
    assert bare.place.read(Text) == Text()


def test_a_problem_of_settings_is_told_at_its_place_in_the_file(tmp_path: Path) -> None:
    headers = wanted(load_text(tmp_path, MINIMAL + FULL)).uses[1]
    with pytest.raises(ConfigError) as caught:
        headers.place.read(Whole)
    [problem] = caught.value.problems
    line = (MINIMAL + FULL).splitlines().index("      - headers: {on_error: refuse, text: x}") + 1
    assert (problem.file, problem.line) == (str(tmp_path / "config.yaml"), line)
    assert problem.where == "routes[0].plugins[1].headers.text"


def test_a_problem_of_the_plugin_itself_points_at_its_name(tmp_path: Path) -> None:
    found = wanted(load_text(tmp_path, MINIMAL + FULL))
    problem = found.uses[1].place.problem("no such plugin", "a plugin", "write one")
    assert (problem.column, problem.said, problem.hint) == (9, "no such plugin", "write one")
    application = found.applications[0].place.problem("said", "wanted")
    assert application.where == "plugins.statsd"


def test_a_configuration_without_plugins_wants_none(tmp_path: Path) -> None:
    found = wanted(load_text(tmp_path, MINIMAL))
    assert (found.paths, found.applications, found.uses) == ((), (), ())
    assert found.plugins == frozenset()


JUDGED = """\
identity: {key: ["cookie:sid"]}
rollouts:
  first: {rollback: {alpha: 0.05}}
  second: {rollback: {judge: my_judge}}
  unbraked: {rollback: {enabled: false, judge: never}}
  unused: {rollback: {judge: nobody}}
routes:
  - &route
    name: first
    match: {path: /first}
    rollout: first
    arms: {legacy: {upstream: legacy}, new: {upstream: legacy}}
  - {<<: *route, name: second, rollout: second}
  - {<<: *route, name: unbraked, rollout: unbraked}
"""


def test_the_judge_of_each_braked_rollout_that_a_route_uses_is_wanted(tmp_path: Path) -> None:
    found = wanted(load_text(tmp_path, MINIMAL + JUDGED))
    assert [judge.plugin for judge in found.judges] == ["auto_rollback", "my_judge"]
    assert found.plugins == {"auto_rollback", "my_judge"}
    assert found.applications == ()


def test_a_judge_with_settings_of_its_own_is_asked_for_by_them_first(tmp_path: Path) -> None:
    text = MINIMAL + JUDGED + "plugins: {auto_rollback: {text: mine}}\n"
    first, *others = (one for one in wanted(load_text(tmp_path, text)).named)
    assert (first.plugin, first.place.problem("", "").where) == (
        "auto_rollback",
        "plugins.auto_rollback",
    )
    assert [one.plugin for one in others] == ["auto_rollback", "my_judge"]


def test_a_problem_of_a_judge_points_at_its_rollout(tmp_path: Path) -> None:
    default, named = wanted(load_text(tmp_path, MINIMAL + JUDGED)).judges
    lines = (MINIMAL + JUDGED).splitlines()
    problem = named.place.problem("said", "wanted")
    assert problem.where == "rollouts.second.rollback.judge"
    assert "second:" in lines[problem.line - 1]
    problem = default.place.problem("said", "wanted")
    assert problem.where == "rollouts.first.rollback.judge"
    assert "first:" in lines[problem.line - 1]


NAMER = """
from proxy.api import Application, RouteName, Settings


class NamerSettings(Settings):
    routes: tuple[RouteName, ...] = ()


class Namer(Application):
    settings: NamerSettings
"""


async def test_a_file_without_a_route_that_a_plugin_names_is_refused(tmp_path: Path) -> None:
    async with changing(tmp_path) as proxy:
        (proxy.plugins / "namer.py").write_text(NAMER)
        plugins = {"path": ["plugins"], "namer": {"routes": ["all"]}}
        assert (await proxy.changed(plugins=plugins)).done
        generation = proxy.number
        other = {**CONFIG["routes"][0], "name": "any"}
        proxy.write(plugins=plugins, routes=[other])
        outcome = await proxy.event()
        assert not outcome.done
        says = 'plugins.namer.routes[0]: said "all"; wanted the name of a declared route: any'
        assert says in outcome.problems[0]
        assert proxy.number == generation
