"""The compiled hot path is used only if it was made from these very sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import compiled

ROOT = Path(__file__).resolve().parents[1]
ASK = "import proxy, proxy.core.field as f; print(proxy.HOT_PATH, f.__file__.endswith('.py'))"


def ask(folder: Path, **env: str) -> list[str]:
    """What a new process in `folder` says of its hot path, and whether it runs the source."""
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the choice looks at, without compiled modules."""
    for name in ("__init__", "compiled", "core/reason", *compiled.MODULES):
        target = tmp_path / "proxy" / f"{name}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((compiled.HOME / f"{name}.py").read_bytes())
    for folder in ("core", "dataplane"):
        (tmp_path / "proxy" / folder / "__init__.py").touch()
    return tmp_path


def test_without_a_compilation_the_sources_run(copy: Path) -> None:
    assert ask(copy) == ["source", "True"]


def test_a_stamp_of_other_sources_is_passed_over(copy: Path) -> None:
    (copy / "proxy" / "compiled.json").write_text('{"python": "cpython-311"}')

    assert ask(copy) == ["outdated", "True"]


def test_a_broken_stamp_counts_as_none(copy: Path) -> None:
    (copy / "proxy" / "compiled.json").write_text("[1")

    assert ask(copy) == ["source", "True"]


def test_one_changed_source_puts_all_compiled_modules_aside(copy: Path) -> None:
    before = compiled.made_from(copy / "proxy")
    source = copy / "proxy" / "core" / "field.py"
    source.write_bytes(source.read_bytes() + b"\n# changed\n")

    after = compiled.made_from(copy / "proxy")

    assert {name for name in before if before[name] != after[name]} == {"core/field"}


def test_the_sources_can_be_asked_for() -> None:
    assert ask(ROOT, CROSSFADE_PURE="1") == ["source", "True"]


def test_every_module_to_compile_exists() -> None:
    missing = [m for m in compiled.MODULES if not (compiled.HOME / f"{m}.py").exists()]

    assert missing == []
