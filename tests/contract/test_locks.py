"""The lock files: hashes for everything, addresses of nothing, and no requirement missing."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"]


def locked(name: str) -> dict[str, str]:
    """Package name to the rest of its entry."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {entry.partition("==")[0]: entry.partition("==")[2] for entry in entries}


def wanted(requirements: list[str]) -> set[str]:
    """The package names of requirements, without extras and versions."""
    return {re.split(r"[\[<>=!~; ]", one)[0].lower() for one in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_each_locked_package_has_a_version_and_a_hash(name: str) -> None:
    entries = locked(name)
    assert entries
    broken = [p for p, rest in entries.items() if not re.match(r"[\w.!+]+ +--hash=sha256:", rest)]
    assert broken == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_file_says_where_packages_come_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"https?://|file:|--find|-url|/\w+/", text) == []


def test_everything_that_the_project_requires_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = wanted(project["project"]["dependencies"])
    development = wanted(project["project"]["optional-dependencies"]["dev"])
    assert runtime - set(locked("requirements.lock")) == set()
    assert (runtime | development) - set(locked("requirements-dev.lock")) == set()
    assert wanted(project["build-system"]["requires"]) == set(locked("requirements-build.lock"))


def test_both_lock_files_pin_the_same_versions() -> None:
    runtime, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {p: development.get(p) for p in runtime} == runtime
