"""scripts/ramp and scripts/rollback as a pipeline runs them: real processes and exit codes."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from proxy.cli.admin_client import TOKEN_VARIABLE
from tests.cli.told import Told, mark, rollout

ROOT = Path(__file__).resolve().parents[2]
PATH = "/v1/rollouts/hybrid"
LONGEST = 30.0


async def started(name: str, *words: str, folder: Path = ROOT) -> Process:
    """Start a script from a folder, as somebody who has a token."""
    return await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / name),
        *words,
        cwd=folder,
        env={**os.environ, TOKEN_VARIABLE: "of a pipeline", "NO_COLOR": "1"},
        stdout=PIPE,
        stderr=PIPE,
        # What runs in the background of a shell ignores it, and so would whatever it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


async def ended(process: Process) -> tuple[int, str, str]:
    """Wait for the end; returns exit code, output, errors."""
    out, err = await asyncio.wait_for(process.communicate(), LONGEST)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("name", ["ramp", "rollback"])
async def test_a_script_explains_itself_and_its_exit_codes(name: str) -> None:
    code, out, err = await ended(await started(name, "--help"))
    assert (code, err) == (0, "")
    assert f"scripts/{name} ROLLOUT" in out
    assert "Exit codes:" in out
    assert "set -" not in out
    assert (await ended(await started(name)))[0] == 2


async def test_a_ramp_that_was_rolled_back_fails_the_pipeline(tmp_path: Path) -> None:
    told = Told()
    back = rollout("rolled_back", marks={"rolled_back": mark("auto_rollback", "5xx on new")})
    told.tell(f"GET {PATH}", rollout("bake"), rollout("bake"), back)
    async with told.serving() as url:
        words = ("hybrid", "--admin", url, "--interval", "1ms")
        code, out, err = await ended(await started("ramp", *words, folder=tmp_path))
    assert code == 3
    assert "step 2 of 4, bake" in out
    assert "Rolled back by auto_rollback" in err
    assert {one.headers["Authorization"] for one in told.asked} == {"Bearer of a pipeline"}


async def test_ctrl_c_ends_the_watching_and_leaves_the_ramp_going() -> None:
    told = Told()
    told.tell(f"GET {PATH}", rollout("bake"))
    async with told.serving() as url:
        process = await started("ramp", "hybrid", "--admin", url, "--interval", "1ms")
        assert process.stdout is not None
        first = await asyncio.wait_for(process.stdout.readline(), LONGEST)
        process.send_signal(signal.SIGINT)
        code, _, err = await ended(process)
    assert b"step 2 of 4, bake" in first
    assert (code, told.changes) == (130, [])
    assert "goes on. Follow it: crossfade ramp hybrid --wait" in err
    assert "crossfade rollouts pause hybrid" in err


async def test_a_rollback_sends_everybody_back(tmp_path: Path) -> None:
    told = Told()
    told.tell(f"POST {PATH}/rollback", rollout("rolled_back", share=0.0))
    async with told.serving() as url:
        words = ("hybrid", "--reason", "500s", "--admin", url)
        code, out, err = await ended(await started("rollback", *words, folder=tmp_path))
    assert (code, err) == (0, "")
    assert "0 % on new" in out
    assert told.changes[0].body == {"reason": "500s"}
