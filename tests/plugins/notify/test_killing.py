"""A process that is killed loses no alert that was taken in, and tells of none forever."""

import subprocess
import sys
from pathlib import Path

from plugins.notify.store import Filter
from tests.kit.running import ROOT
from tests.plugins.notify.killing import CAP, LEASE, opened


def killed_after(lines: int, path: Path, life: int) -> list[tuple[str, str]]:
    """Start the process, and kill it after so many lines; all that it has said."""
    command = [sys.executable, "-m", "tests.plugins.notify.killing", str(path), str(life)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    found: list[tuple[str, str]] = []
    with process.stdout as said:
        for number, line in enumerate(said, 1):
            if line.endswith("\n"):
                what, one = line.split()
                found.append((what, one))
            if number == lines:
                process.kill()
    assert process.wait() == -9
    return found


async def test_after_each_kill_what_was_taken_in_is_told_or_still_waits(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    said: list[tuple[str, str]] = []
    lives = (151, 80, 233)
    for life, lines in enumerate(lives):
        said += killed_after(lines, path, life)
    of = {what: {one for word, one in said if word == what} for what in ("taken", "delivered")}
    assert len(of["taken"]) > 50
    async with opened(path, len(lives)) as store:
        listed = {one.id for one in await store.list(Filter(), 10**6)}
        waiting = {
            one.notice.id for one in await store.outbox(dead=False, channel=None, limit=10**6)
        }
        assert of["taken"] <= listed
        assert of["taken"] - of["delivered"] <= waiting | {one for w, one in said if w == "sent"}
        assert of["delivered"] & waiting == set()
        left = 0
        while claimed := await store.claim("ops", CAP, lease=LEASE):
            left += await store.delivered(claimed)
        assert left == len(waiting)
