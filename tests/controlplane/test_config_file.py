"""The file is written whole or not at all; what somebody else has written stays."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.api import Change, ChangeRefusedError
from proxy.controlplane.config_file import Rewrite
from tests.kit.running import ROOT

BEFORE = "# mine\na: 1  # one\n"
AFTER = "# mine\na: 2  # one\n"
CHANGES = (Change(("a",), 2, 1),)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(BEFORE)
    path.chmod(0o640)
    return path


def test_nothing_is_written_until_it_is_asked_for(file: Path) -> None:
    rewrite = Rewrite(file, CHANGES)
    assert rewrite.content == AFTER.encode()
    assert file.read_text() == BEFORE


def test_the_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it(file: Path) -> None:
    rewrite = Rewrite(file, CHANGES)
    rewrite.write()
    assert file.read_text() == AFTER
    assert file.stat().st_mode & 0o7777 == 0o640
    assert list(file.parent.iterdir()) == [file]
    rewrite.put_back()
    assert file.read_text() == BEFORE


def test_a_symbolic_link_stays_one_and_what_it_leads_to_is_written(file: Path) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file.name)
    Rewrite(link, CHANGES).write()
    assert link.is_symlink()
    assert file.read_text() == AFTER


def test_what_was_changed_meanwhile_is_not_overwritten(file: Path) -> None:
    rewrite = Rewrite(file, CHANGES)
    file.write_text("a: 3\n")
    with pytest.raises(ChangeRefusedError, match="changed meanwhile"):
        rewrite.write()
    assert file.read_text() == "a: 3\n"


def test_what_was_written_since_is_not_put_back(file: Path) -> None:
    rewrite = Rewrite(file, CHANGES)
    rewrite.write()
    file.write_text("a: 3\n")
    rewrite.put_back()
    assert file.read_text() == "a: 3\n"


def test_a_file_that_cannot_be_replaced_is_refused_with_what_to_do(file: Path) -> None:
    rewrite = Rewrite(file, CHANGES)
    moved = file.parent.with_name("elsewhere")
    file.parent.rename(moved)
    with pytest.raises(ChangeRefusedError, match=r"cannot be written.*make it and its folder"):
        rewrite.write()
    assert (moved / file.name).read_text() == BEFORE


WRITING = """
import sys
from pathlib import Path
from proxy.api import Change
from proxy.controlplane.config_file import Rewrite

path, number = Path(sys.argv[1]), 1
print("begins", flush=True)
while True:
    Rewrite(path, [Change(("a",), 3 - number, number)]).write()
    number = 3 - number
"""


@pytest.mark.parametrize("wait", [0.0, 0.003, 0.011, 0.02])
def test_whenever_the_writer_is_killed_the_file_is_whole(file: Path, wait: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, str(file)], stdout=subprocess.PIPE, cwd=ROOT
    ) as writing:
        assert writing.stdout is not None
        assert writing.stdout.readline() == b"begins\n"
        with suppress(subprocess.TimeoutExpired):
            writing.wait(wait)
        writing.kill()
    assert file.read_text() in (BEFORE, AFTER)
    assert file.stat().st_mode & 0o7777 == 0o640


def test_changes_that_do_not_fit_the_file_are_refused_at_once(file: Path) -> None:
    with pytest.raises(ChangeRefusedError, match="somebody has changed it since"):
        Rewrite(file, [Change(("a",), 2, 7)])
