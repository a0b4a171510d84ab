"""Two materials have the same digest when their generations would behave the same."""

from pathlib import Path

import pytest

from proxy.config import ConfigError
from proxy.controlplane.material import read
from tests.config.writing import MINIMAL

USES = MINIMAL + "plugins: {path: plugins, hello: {}}\n"


def digest(folder: Path, text: str = USES) -> str:
    (folder / "config.yaml").write_text(text)
    return read(folder / "config.yaml", {}).digest


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "hello.py").write_text("one = 1")
    return folder


def test_a_used_plugin_that_changes_changes_the_digest(plugins: Path) -> None:
    before = digest(plugins.parent)
    assert digest(plugins.parent) == before
    (plugins / "hello.py").write_text("two = 2")
    assert digest(plugins.parent) != before


def test_a_plugin_that_nobody_uses_changes_nothing(plugins: Path) -> None:
    before = digest(plugins.parent)
    (plugins / "other.py").write_text("")
    assert digest(plugins.parent) == before


def test_another_configuration_has_another_digest(plugins: Path) -> None:
    before = digest(plugins.parent)
    assert digest(plugins.parent, USES + "expose: false\n") != before


def test_without_plugins_it_is_the_digest_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(MINIMAL)
    material = read(tmp_path / "config.yaml", {})
    assert material.digest == material.config.digest
    assert material.sources == {}


def test_a_plugin_that_is_not_found_is_missing_and_its_arrival_is_a_change(plugins: Path) -> None:
    (plugins / "hello.py").rename(plugins / "later.txt")
    before = digest(plugins.parent)
    (plugins / "later.txt").rename(plugins / "hello.py")
    assert digest(plugins.parent) != before


def test_a_folder_of_plugins_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="plugins"):
        digest(tmp_path)
