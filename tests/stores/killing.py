"""A process that saves without pause, killed in the middle, again and again.

`python -m tests.stores.killing PATH` is that process: it prints a line for each change that
the store has acknowledged.
"""

import asyncio
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import AuditEntry
from proxy.stores.sqlite import SqliteStore
from tests.kit.running import ROOT
from tests.stores.written import change

ROLLOUTS = ("campaigns", "orders", "users")


@dataclass
class Judgement:
    """What was found."""

    kills: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)


class Killing:
    """Starts the writer on one file, kills it after some of its lines, and looks at the file."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._random = random.Random(seed)
        self._acknowledged: dict[str, int] = {}

    def run(self, kills: int) -> Judgement:
        """Kill so often; what was wrong after each is in the judgement."""
        found = Judgement()
        for _ in range(kills):
            found.acknowledged += self._kill_after(self._random.randint(1, 150))
            found.kills += 1
            found.wrong += asyncio.run(self._look())
        return found

    def _kill_after(self, lines: int) -> int:
        command = [sys.executable, "-m", "tests.stores.killing", str(self._path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        with process.stdout as told:
            for count, line in enumerate(told, 1):
                self._note(line)
                if count == lines:
                    process.kill()
            # What it had told before it was killed counts, too; not a line that was cut.
        process.wait()
        return count

    def _note(self, line: str) -> None:
        if line.endswith("\n"):
            name, version = line.split()
            self._acknowledged[name] = int(version)

    async def _look(self) -> list[str]:
        store = SqliteStore(self._path)
        try:
            states, entries = await store.load(), await _all(store)
        finally:
            await store.close()
        return [wrong for name in ROLLOUTS if (wrong := self._wrong(name, states, entries))]

    def _wrong(
        self, name: str, states: dict[str, RolloutState], entries: list[AuditEntry]
    ) -> str | None:
        state = states.get(name, RolloutState(name))
        told = [entry.version for entry in reversed(entries) if entry.rollout == name]
        if told != list(range(1, state.version + 1)):
            return f"{name} is at version {state.version}, its audit tells {told[-5:]}"
        if state.percentage != state.version % 100:
            return f"{name} at version {state.version} has the percentage of another one"
        if state.version < self._acknowledged.get(name, 0):
            return f"{name} is at {state.version}, acknowledged was {self._acknowledged[name]}"
        return None


async def _all(store: SqliteStore) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    while page := await store.audit(before=entries[-1].id if entries else "", limit=1_000):
        entries += page
    return entries


async def _write(path: Path) -> None:
    store = SqliteStore(path)
    states = await store.load()
    while True:
        for name in ROLLOUTS:
            state = states.get(name, RolloutState(name))
            percentage = float((state.version + 1) % 100)
            states[name] = await change(store, _at(state, percentage))
            print(name, states[name].version, flush=True)


def _at(state: RolloutState, percentage: float) -> RolloutState:
    return RolloutState(state.name, state.version, percentage)


if __name__ == "__main__":
    asyncio.run(_write(Path(sys.argv[1])))
