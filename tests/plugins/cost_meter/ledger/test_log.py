"""What is appended is there, whole or not at all."""

import resource
import signal
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from plugins.cost_meter.ledger.log import Log
from proxy.api import StoreError
from tests.kit.running import ROOT
from tests.plugins.cost_meter.ledger.kept import full

APPENDS = """
import pathlib, sys
from plugins.cost_meter.ledger.log import Log
log = Log(pathlib.Path(sys.argv[1]))
for number in range(1000):
    log.append(b"line %d" % number)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db-log-me-1"


def test_lines_are_there_as_soon_as_they_are_appended(path: Path) -> None:
    log = Log(path)
    log.append(b"one")
    log.append(b"two")
    assert path.read_bytes() == b"one\ntwo\n"
    assert log.size == 8
    log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_kill_takes_nothing_away(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", APPENDS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.read_bytes().splitlines() == [b"line %d" % number for number in range(1000)]


def test_a_file_that_is_there_is_nobody_elses(path: Path) -> None:
    Log(path).close()
    with pytest.raises(FileExistsError):
        Log(path)


def test_a_folder_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/log cannot be written \(No such file"):
        Log(tmp_path / "nowhere" / "log")


def test_what_a_full_disk_refuses_is_said_and_what_comes_later_is_there(path: Path) -> None:
    log = Log(path)
    log.append(b"before")
    refused = pytest.raises(StoreError, match=r"cannot be written \(No space left on device")
    with full(log), refused:
        log.append(b"lost")
    log.append(b"after")
    assert path.read_bytes() == b"before\nafter\n"
    log.close()


@pytest.mark.parametrize(("room", "fits"), [(2, False), (4, False), (5, True)])
def test_what_follows_a_part_of_a_line_is_a_line_of_its_own(
    path: Path, room: int, *, fits: bool
) -> None:
    # So large may a file of this process become; the kernel writes a part of what is beyond it.
    log = Log(path)
    log.append(b"one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 + room, before[1]))
    try:
        refused = pytest.raises(StoreError, match="a part of a line only")
        with nullcontext() if fits else refused:
            log.append(b"three")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.append(b"four")
    assert path.read_bytes().splitlines() == [b"one", b"three"[:room], b"four"]
    log.close()


def test_it_is_written_anew_with_what_still_counts(path: Path) -> None:
    log = Log(path)
    for number in range(100):
        log.append(b"line %d" % number)
    log.rewrite([b"line 7", b"line 9"])
    log.append(b"line 100")
    assert path.read_bytes() == b"line 7\nline 9\nline 100\n"
    assert log.size == len(path.read_bytes())
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    log.close()


def test_where_it_cannot_be_written_anew_it_is_as_it_was(path: Path) -> None:
    log = Log(path)
    log.append(b"one")
    path.with_name(f"{path.name}.new").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        log.rewrite([b"two"])
    log.append(b"three")
    assert path.read_bytes() == b"one\nthree\n"
    log.close()


@pytest.mark.parametrize(("room", "fits"), [(5, False), (7, True)])
def test_a_disk_that_is_full_as_it_is_written_anew_costs_no_line(
    path: Path, room: int, *, fits: bool
) -> None:
    log = Log(path)
    log.append(b"one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with nullcontext() if fits else pytest.raises(StoreError, match="a part of a line only"):
            log.rewrite([b"one", b"two"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.append(b"three")
    kept = [b"one", b"two", b"three"] if fits else [b"one", b"three"]
    assert path.read_bytes().splitlines() == kept
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    log.close()
