"""The documentation is tried: configurations load, commands run, links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from proxy.config import load
from proxy.config.models import Config
from scripts.house_rules import ROOT, source_files
from scripts.reference_pages import stale
from tests.kit.certificates import Authority

PAGES = [file for file in source_files() if file.path.endswith(".md")]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
RUN_HERE = {"check", "explain", "version"}


class Block(NamedTuple):
    """A fenced block: where it stands, its language, its text."""

    where: str
    language: str
    text: str


def blocks(page: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    for found in FENCE.finditer(text):
        line = text[: found.start()].count("\n") + 1
        yield Block(f"{page}:{line}", found[2], found[3])


def is_configuration(block: Block) -> bool:
    """Whether a block is a whole configuration file."""
    keys = set(re.findall(r"^(\w+):", block.text, re.MULTILINE))
    return block.language == "yaml" and {"listen", "upstreams"} <= keys


ALL_BLOCKS = [block for page in PAGES for block in blocks(page.path, page.text)]
CONFIGURATIONS = [block for block in ALL_BLOCKS if is_configuration(block)]


class Command(NamedTuple):
    """A `crossfade` command of a page, and the configuration that stands before it."""

    where: str
    words: list[str]
    config: str


def commands() -> Iterator[Command]:
    """Every crossfade command that the documentation shows."""
    for page in PAGES:
        config = (ROOT / "config.yaml").read_text(encoding="utf-8")
        for block in blocks(page.path, page.text):
            if is_configuration(block):
                config = block.text
            if block.language != "sh":
                continue
            for line in block.text.splitlines():
                if found := re.match(r"(?:\.venv/bin/)?crossfade .*", line):
                    words = shlex.split(found[0], comments=True)[1:]
                    yield Command(f"{block.where}: {line}", words, config)


ALL_COMMANDS = list(commands())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands for /etc/crossfade, with a certificate."""
    made = tmp_path_factory.mktemp("etc")
    Authority(made).issue("server")
    return made


def environment_for(text: str) -> dict[str, str]:
    """The variables that a configuration cannot do without."""
    names = re.findall(r"\$\{(\w+)\}", text)
    return {name: f"{name}-of-at-least-32-characters" for name in names}


def slow_is_compared(config: Config) -> set[str]:
    """Rollouts to the orchestrator that a brake would roll back because models take their time."""
    asking = {
        route.rollout
        for route in config.routes
        if route.rollout
        and route.arms
        and route.arms.new.plugin
        and route.arms.new.plugin.plugin == "orchestrator"
    }
    return {name for name in asking if "slow" in config.rollouts[name].rollback.metrics}


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=lambda block: block.where)
def test_each_configuration_in_the_documentation_loads(block: Block, folder: Path) -> None:
    path = folder / "config.yaml"
    path.write_text(block.text.replace("/etc/crossfade", str(folder)), encoding="utf-8")
    config = load(path, environment_for(block.text))
    assert config.listen
    assert slow_is_compared(config) == set()


@pytest.mark.parametrize("name", ["config.yaml", "deploy/config.yaml"])
def test_each_configuration_of_the_repository_loads_with_an_empty_environment(name: str) -> None:
    config = load(ROOT / name, {})
    assert config.rollouts["hybrid-orchestrator"].percentage == 5
    assert slow_is_compared(config) == set()


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda command: command.where)
def test_each_command_in_the_documentation_is_understood(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = list(command.words)
    if words[0] not in RUN_HERE:
        words = [*words, "--help"]
    elif "--config" in words:
        path = tmp_path / "config.yaml"
        path.write_text(command.config, encoding="utf-8")
        for name, value in environment_for(command.config).items():
            monkeypatch.setenv(name, value)
        words[words.index("--config") + 1] = str(path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output


def test_the_documentation_shows_configurations_and_commands_at_all() -> None:
    assert len(CONFIGURATIONS) > 8
    assert {command.words[0] for command in ALL_COMMANDS} >= {"check", "serve", "explain", "status"}


def test_each_link_between_pages_leads_to_a_file() -> None:
    dead = [
        f"{page.path} -> {target}"
        for page in PAGES
        for target in LINK.findall(page.text)
        if not (ROOT / page.path).parent.joinpath(target).exists()
    ]
    assert dead == []


def test_each_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            targets = LINK.findall(page.read_text(encoding="utf-8"))
            waiting += [page.parent / target for target in targets]
    pages = {path.resolve() for path in (ROOT / "docs").rglob("*.md")}
    assert pages - reached == set()


def test_the_generated_pages_say_what_the_code_says() -> None:
    assert stale() == [], "run: python -m scripts.reference_pages"
