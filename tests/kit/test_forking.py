"""The nursery splits off processes that begin, speak and end as any other does."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.kit.forking import Forked, forked
from tests.kit.running import ROOT
from tests.kit.waiting import until


def begun(output: Path, *words: str, cwd: Path = ROOT) -> Forked:
    module, *arguments = words
    with output.open("ab") as file:
        return forked(module, *arguments, stdout=file.fileno(), stderr=file.fileno(), cwd=cwd)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Forked]:
    process = begun(tmp_path / "output", "tests.kit.onlyfans", "--log", "done", cwd=tmp_path)
    yield process
    process.kill()
    process.wait()


def test_its_arguments_its_output_and_its_end_are_its_own(tmp_path: Path) -> None:
    output = tmp_path / "output"
    assert begun(output, "tests.kit.onlyfans", "--help").wait() == 0
    assert output.read_text().startswith("usage: python -m tests.kit.onlyfans")
    assert begun(output, "tests.kit.onlyfans", "--nonsense").wait() == 2
    assert output.read_text().endswith("unrecognized arguments: --nonsense\n")


async def test_it_runs_in_its_folder_until_it_is_told_to_end(
    serving: Forked, tmp_path: Path
) -> None:
    await until((tmp_path / "done").exists, "it has made its file")
    await until(lambda: b"port" in (tmp_path / "output").read_bytes(), "it listens")
    assert serving.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        serving.wait(0.0)
    serving.terminate()
    assert serving.wait() == serving.poll() == serving.returncode == 0


def test_one_that_is_killed_says_by_what(serving: Forked) -> None:
    os.kill(serving.pid, signal.SIGKILL)
    assert serving.wait() == -signal.SIGKILL
    serving.terminate()
    assert serving.returncode == -signal.SIGKILL


def test_many_may_begin_at_once(tmp_path: Path) -> None:
    def one(number: int) -> tuple[int, str]:
        output = tmp_path / f"output {number}"
        process = begun(output, "tests.kit.onlyfans", f"--wrong-{number}")
        return process.wait(), output.read_text().rpartition(" ")[2]

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(one, range(6)))
    assert found == [(2, f"--wrong-{number}\n") for number in range(6)]
