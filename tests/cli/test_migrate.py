"""`crossfade migrate`: what plugins create and upgrade, told by words, exit code, JSON."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from tests.cli.plugged import write_config

SHELVES = """
class Shelves(Application):
    @hook
    async def startup(self, services):
        raise RuntimeError("a migration starts nothing")
    @hook
    async def migrate(self, services, dry_run):
        file = services.sqlite(Path("shelves.db"), ["CREATE TABLE boards (name TEXT)"])
        count = "SELECT count(*) FROM sqlite_master WHERE name = 'nails'"
        there = (await file.ask(lambda db: db.execute(count).fetchone()))[0]
        if there:
            return ()
        if not dry_run:
            await file.write(lambda db: db.execute("CREATE TABLE nails (name TEXT)"))
        return ("the table nails is made.",)
"""
BROKEN = """
class Broken(Application):
    @hook
    async def migrate(self):
        raise RuntimeError("no right to create tables; ask for it")
"""
WRONG = """
class Wrong(Application):
    @hook
    async def migrate(self):
        return "all is well"
"""
NEEDS_PATH = "from pathlib import Path\n"


def folder_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **plugins: str) -> None:
    named = ", ".join(f"{name}: {{}}" for name in plugins)
    write_config(tmp_path, plugins, f"plugins: {{path: plugins, {named}}}\n")
    monkeypatch.chdir(tmp_path)


def crossfade(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, words, env={"NO_COLOR": "1", "TERM": "dumb"})
    return result.exit_code, result.stdout, result.stderr


def test_what_was_done_is_told_and_the_second_time_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_with(tmp_path, monkeypatch, shelves=NEEDS_PATH + SHELVES)
    assert crossfade("migrate") == (0, "shelves: the table nails is made.\n", "")
    assert crossfade("migrate") == (0, "shelves: nothing to do\n", "")
    assert (tmp_path / "shelves.db").exists()


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_with(tmp_path, monkeypatch, shelves=NEEDS_PATH + SHELVES)
    said = "shelves: the table nails is made.\nnothing was changed: this was a dry run\n"
    assert crossfade("migrate", "--dry-run") == (0, said, "")
    assert crossfade("migrate", "--dry-run") == (0, said, "")


def test_what_fails_is_told_and_keeps_nobody_else_from_migrating(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_with(tmp_path, monkeypatch, broken=BROKEN, wrong=WRONG, shelves=NEEDS_PATH + SHELVES)
    code, out, err = crossfade("migrate")
    assert (code, out) == (1, "shelves: the table nails is made.\n")
    assert err == (
        "broken: no right to create tables; ask for it\n"
        "wrong: migrate returned something else than a tuple of texts\n"
    )


def test_machines_are_told_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(tmp_path, monkeypatch, shelves=NEEDS_PATH + SHELVES, broken=BROKEN)
    code, out, _ = crossfade("migrate", "--json")
    assert code == 1
    assert json.loads(out) == {
        "dry_run": False,
        "plugins": [
            {"plugin": "shelves", "done": ["the table nails is made."], "trouble": ""},
            {"plugin": "broken", "done": [], "trouble": "no right to create tables; ask for it"},
        ],
    }


def test_without_tables_there_is_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, {}, "")
    monkeypatch.chdir(tmp_path)
    said = "no plugin of this configuration has tables of its own\n"
    assert crossfade("migrate") == (0, said, "")


def test_a_configuration_that_cannot_be_used_is_told_and_exits_with_two(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("listn: 127.0.0.1:0\n")
    code, out, err = crossfade("migrate", "--config", str(path))
    assert (code, out) == (2, "")
    assert "listn" in err
