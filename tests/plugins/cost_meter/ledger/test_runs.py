"""Who is alive, by the locks that the kernel keeps."""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.cost_meter.ledger.runs import Run
from tests.kit.running import ROOT

HOLDS = """
import pathlib, sys
from plugins.cost_meter.ledger.runs import Run
run = Run(pathlib.Path(sys.argv[1]), "theirs")
run.take()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_process_lives_until_it_is_killed(tmp_path: Path) -> None:
    journal = tmp_path / "costs.db"
    mine = Run(journal, "mine")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(journal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert mine.lives("theirs")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not mine.lives("theirs")
    mine.forget("theirs")
    assert list(tmp_path.iterdir()) == []


def test_two_journals_of_one_process_hold_the_lock_together(tmp_path: Path) -> None:
    journal = tmp_path / "costs.db"
    before, after, other = Run(journal, "one"), Run(journal, "one"), Run(journal, "other")
    before.take()
    after.take()
    before.release()
    assert other.lives("one")
    after.release()
    assert not other.lives("one")
    assert list(tmp_path.iterdir()) == []


def test_to_take_and_release_twice_is_once(tmp_path: Path) -> None:
    run, other = Run(tmp_path / "costs.db", "one"), Run(tmp_path / "costs.db", "other")
    run.take()
    run.take()
    assert other.lives("one")
    run.release()
    run.release()
    assert not other.lives("one")


def test_who_was_never_there_does_not_live(tmp_path: Path) -> None:
    assert not Run(tmp_path / "costs.db", "one").lives("nobody")
    assert list(tmp_path.iterdir()) == []


def test_who_ends_leaves_its_logs_and_whoever_settled_them_takes_them_away(tmp_path: Path) -> None:
    run, other = Run(tmp_path / "costs.db", "one"), Run(tmp_path / "costs.db", "other")
    run.take()
    log = run.log()
    other.forget("one")
    assert (other.lives("one"), run.logs("one")) == (True, [log.path])
    run.release()
    log.close()
    assert [one.name for one in tmp_path.iterdir()] == [log.path.name]
    assert other.dead() == ["one"]
    other.forget("one")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_taken_away_while_it_is_waited_for_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = Run(tmp_path / "costs.db", "one"), Run(tmp_path / "costs.db", "other")
    real = fcntl.flock

    def after_another_took_it_away(opened: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        (tmp_path / "costs.db-run-one").unlink()
        real(opened, how)

    monkeypatch.setattr(fcntl, "flock", after_another_took_it_away)
    run.take()
    assert other.lives("one")
    run.release()
    assert list(tmp_path.iterdir()) == []
