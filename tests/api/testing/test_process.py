"""The files of a real proxy, and what is said of one that does not do as it should."""

from pathlib import Path

import pytest
import yaml

from proxy.api.testing import EchoUpstream, ProxyError
from proxy.api.testing.process import ServingProcess


@pytest.fixture
def process(tmp_path: Path) -> ServingProcess:
    return ServingProcess(tmp_path, EchoUpstream(), {})


def written(process: ServingProcess) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((process.folder / "config.yaml").read_text())
    return found


def test_what_a_configuration_leaves_out_is_filled_in(process: ServingProcess) -> None:
    process.write_config("")
    config = written(process)
    assert set(config) == {"listen", "admin", "upstreams", "plugins"}
    assert config["listen"] == "127.0.0.1:0"
    assert config["plugins"] == {"path": ["plugins"]}
    assert (process.folder / "plugins").is_dir()


def test_what_a_configuration_says_stays_and_keeps_its_lines(process: ServingProcess) -> None:
    text = "# mine\nlisten: 127.0.0.1:8080\nadmin: {listen: '127.0.0.1:1'}\nplugins:\n  path: [p]\n"
    process.write_config(text)
    assert (process.folder / "config.yaml").read_text().startswith(text)
    config = written(process)
    assert config["listen"] == "127.0.0.1:8080"
    assert config["plugins"] == {"path": ["p"]}
    assert "legacy" in str(config["upstreams"])


def test_the_admin_keeps_its_port_when_the_configuration_is_edited(
    process: ServingProcess,
) -> None:
    process.write_config("")
    before = written(process)["admin"]
    process.write_config("log: {level: info}")
    assert written(process)["admin"] == before


def test_plugins_are_files_or_packages_in_their_folder(process: ServingProcess) -> None:
    process.write_plugin("hello", "x = 1\n")
    process.write_plugin("other.py", "x = 2\n")
    process.write_plugin("shop/__init__.py", "x = 3\n")
    found = sorted(path.relative_to(process.folder) for path in process.folder.rglob("*.py"))
    assert [str(path) for path in found] == [
        "plugins/hello.py",
        "plugins/other.py",
        "plugins/shop/__init__.py",
    ]


@pytest.mark.parametrize("name", ["../hello.py", "/hello.py", "a/../../b.py"])
def test_a_plugin_cannot_be_written_elsewhere(process: ServingProcess, name: str) -> None:
    with pytest.raises(ValueError, match="is not in the folder plugins"):
        process.write_plugin(name, "x = 1\n")
    assert not list(process.folder.rglob("*.py"))


async def test_a_log_that_stays_silent_is_told_with_what_it_holds(
    process: ServingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.api.testing.process._LOG_SECONDS", 0.02)
    with pytest.raises(ProxyError, match=r"0 lines of 'reloaded'.*not 2:\n\(it wrote nothing\)"):
        await process.lines("reloaded", 2)
    (process.folder / "output").write_text('{"event": "reloaded", "n": 1}\n{"event": "relo\nok\n')
    with pytest.raises(ProxyError, match=r"1 lines of 'reloaded'(?s:.*)\nok"):
        await process.lines("reloaded", 2)
    assert await process.lines("reloaded", 1) == [{"event": "reloaded", "n": 1}]


async def test_what_was_never_started_can_be_stopped(process: ServingProcess) -> None:
    await process.stop()
    assert process.output() == ""
