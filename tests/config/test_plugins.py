"""Plugins in the configuration: what is written, what becomes of it, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from proxy.api import RolloutName, RouteName, Settings, setting
from proxy.config import Config, ConfigError, load
from proxy.config.models import PluginUse
from tests.config.writing import MINIMAL, load_text
from tests.settings.rich import Rich

GOLDEN = Path(__file__).parent / "golden_settings"
ENV = {"WORD": "hunter2", "THREE": "3", "MINUS": "-3"}
FILES = sorted(path.name for path in GOLDEN.glob("*.yaml"))
UPSTREAMS = {"legacy": {"url": "http://127.0.0.1:3000"}}


class Host(Settings):
    host: str
    port: int = 8125


def uses(*entries: str) -> str:
    """A file with a route that uses these plugins."""
    route = f"name: a, match: {{}}, upstream: legacy, plugins: [{', '.join(entries)}]"
    return f"{MINIMAL}routes: [{{{route}}}]\n"


def refused(config: Config, use: PluginUse, model: type[Settings] = Rich) -> str:
    """What is said about the settings of a use."""
    with pytest.raises(ConfigError) as caught:
        config.read_settings(model, use.loc, use.settings)
    return str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_wrong_settings_of_uses_are_told_in_the_words_of_the_golden_text(
    name: str, tmp_path: Path
) -> None:
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    entries = "".join(
        f"      - rich:\n          {line[2:]}\n" if line.startswith("- ") else f"        {line}\n"
        for line in lines
    )
    path = tmp_path / name
    path.write_text(f"{MINIMAL}routes:\n  - name: a\n    match: {{}}\n    upstream: legacy\n"
                    f"    plugins:\n{entries}", encoding="utf-8")  # fmt: skip
    config = load(path, ENV)

    told = "\n".join(refused(config, use) for use in config.routes[0].plugins)

    expected = (GOLDEN / name).with_suffix(".txt").read_text(encoding="utf-8")
    assert told.replace(f"{tmp_path}/", "") + "\n" == expected
    assert "hunter2" not in told


def test_a_use_is_a_name_or_a_name_with_settings(tmp_path: Path) -> None:
    config = load_text(tmp_path, uses("hello", "{headers: {a: 1, on_error: skip}}", "{hello: {}}"))

    bare, full, empty = config.routes[0].plugins
    assert (bare.plugin, bare.on_error, bare.settings) == ("hello", "", {})
    assert (full.plugin, full.on_error, full.settings) == ("headers", "skip", {"a": 1})
    assert (empty.plugin, empty.settings) == ("hello", {})
    assert [use.loc for use in (bare, full, empty)] == [
        ("routes", 0, "plugins", 0),
        ("routes", 0, "plugins", 1, "headers"),
        ("routes", 0, "plugins", 2, "hello"),
    ]


def test_a_plugin_may_stand_where_an_upstream_could(tmp_path: Path) -> None:
    text = f"""{MINIMAL}
rollouts: {{fade: {{}}}}
routes:
  - {{name: a, match: {{}}, plugin: {{static_reply: {{status: 410}}}}, timeout: 5s}}
  - name: b
    match: {{}}
    rollout: fade
    arms: {{legacy: {{upstream: legacy}}, new: {{plugin: orchestrator}}}}
"""
    one, other = load_text(tmp_path, text).routes

    assert one.plugin == PluginUse(
        plugin="static_reply", settings={"status": 410}, loc=("routes", 0, "plugin", "static_reply")
    )
    assert (one.upstream, one.timeout) == (None, 5.0)
    assert other.arms is not None
    assert (other.arms.legacy.upstream, other.arms.legacy.plugin) == ("legacy", None)
    assert other.arms.new.plugin == PluginUse(
        plugin="orchestrator", loc=("routes", 1, "arms", "new", "plugin")
    )
    assert (other.arms.new.upstream, other.arms.new.timeout) == (None, 30.0)


@pytest.mark.parametrize("path", ["mine", "[mine]"])
def test_the_folders_of_plugins_are_taken_from_the_folder_of_the_file(
    tmp_path: Path, path: str
) -> None:
    text = f"{MINIMAL}plugins: {{path: {path}, statsd: {{host: a}}, applications: {{}}}}\n"
    plugins = load_text(tmp_path, text).plugins

    assert plugins.path == (tmp_path / "mine",)
    assert plugins.applications == {"statsd": {"host": "a"}, "applications": {}}


def test_without_a_word_about_plugins_there_are_none(tmp_path: Path) -> None:
    config = load_text(tmp_path, MINIMAL)

    assert (config.plugins.path, config.plugins.applications) == ((), {})
    assert config.limits.buffered_body == 10 * 1024 * 1024
    assert config.limits.hook_timeout == 10.0


def test_settings_are_read_by_the_model_of_the_plugin(tmp_path: Path) -> None:
    config = load_text(tmp_path, f"{MINIMAL}plugins: {{statsd: {{host: '${{WORD}}'}}}}\n", ENV)

    raw = config.plugins.applications["statsd"]
    assert config.read_settings(Host, ("plugins", "statsd"), raw) == Host(host="hunter2")


def test_a_path_in_settings_is_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load_text(tmp_path, uses("{rich: {file: a/b}}"))
    use = config.routes[0].plugins[0]

    assert config.read_settings(Rich, use.loc, use.settings).file == tmp_path / "a" / "b"


def test_a_bare_name_that_needs_settings_is_told_how_to_write_them(tmp_path: Path) -> None:
    config = load_text(tmp_path, uses("statsd"))

    told = refused(config, config.routes[0].plugins[0], Host)
    assert told.endswith(
        "config.yaml:3:59: routes[0].plugins[0].host: said nothing; wanted text; "
        "write {statsd: {host: ...}}"
    )


def test_a_configuration_out_of_no_file_tells_problems_without_lines() -> None:
    route = {"name": "a", "match": {}, "upstream": "legacy", "plugins": [{"rich": {"whole": "x"}}]}
    config = Config.model_validate(
        {"listen": "127.0.0.1:0", "upstreams": UPSTREAMS, "routes": [route]}
    )
    use = config.routes[0].plugins[0]

    assert refused(config, use) == (
        'routes[0].plugins[0].rich.whole: said "x"; wanted a whole number'
    )
    assert str(config.problem(use.loc, "a", "b", "c")) == (
        "routes[0].plugins[0].rich: said a; wanted b; c"
    )


def test_a_problem_of_the_host_points_into_the_file(tmp_path: Path) -> None:
    config = load_text(tmp_path, uses("{headers: {a: 1}}"))
    loc = config.routes[0].plugins[0].loc
    places = [config.problem(loc, "a", "b"), config.problem(loc, "a", "b", at_key=True)]

    assert [(place.line, place.column) for place in places] == [(3, 69), (3, 60)]
    assert places[0].file == str(tmp_path / "config.yaml")


def test_settings_are_in_no_repr_and_no_dump(tmp_path: Path) -> None:
    text = uses("{rich: {a: '${WORD}'}}") + "plugins: {rich: {b: '${WORD}'}}\n"
    config = load_text(tmp_path, text, ENV)
    route = config.routes[0]

    shown: list[Any] = [config, config.plugins, route, route.plugins, config.model_dump()]
    shown += [config.model_dump_json(), config._places]
    assert "hunter2" not in f"{shown} {config}"
    assert route.plugins[0].settings == {"a": "hunter2"}


class Naming(Settings):
    routes: tuple[RouteName, ...] = ()
    bounds: dict[RolloutName, int] = setting(default={})


NAMING = """\
listen: 127.0.0.1:8080
upstreams: {legacy: {url: "http://127.0.0.1:3000"}}
rollouts: {fade: {}}
routes:
  - {name: campaigns, match: {path: /campaigns}, upstream: legacy}
  - {name: everything, match: {path: "/**"}, upstream: legacy}
plugins:
  meter:
    routes: [campaigns, campain]
    bounds:
      faed: 1
      fade: 2
"""


def test_a_name_that_nothing_has_is_told_with_its_place_and_the_nearest(tmp_path: Path) -> None:
    config = load_text(tmp_path, NAMING)
    with pytest.raises(ConfigError) as caught:
        config.read_settings(Naming, ("plugins", "meter"), config.plugins.applications["meter"])
    route, rollout = map(str, caught.value.problems)
    assert route.endswith(
        'config.yaml:9:25: plugins.meter.routes[1]: said "campain"; wanted the name of a declared '
        "route: campaigns, everything; did you mean campaigns?"
    )
    assert rollout.endswith(
        "config.yaml:11:7: plugins.meter.bounds.faed: said the name faed; wanted the name of a "
        "declared rollout: fade; did you mean fade?"
    )


def test_names_that_something_has_are_taken(tmp_path: Path) -> None:
    said = NAMING.replace(", campain", "").replace("faed: 1", "")
    config = load_text(tmp_path, said)
    raw = config.plugins.applications["meter"]
    found = config.read_settings(Naming, ("plugins", "meter"), raw)
    assert (found.routes, found.bounds) == (("campaigns",), {"fade": 2})
