"""Kill a process that saves to SQLite, again and again: `python -m scripts.soak.kill_store`.

Ends with 1 if a change that was acknowledged is gone, or if states and audit differ.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from scripts.soak import show
from tests.stores.killing import Judgement, Killing


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how often the process is killed")
    parser.add_argument("--seconds", type=float, default=300, help="the most that it may take")
    parser.add_argument("--seed", type=int, default=1, help="for the moments of the kills")
    asked = parser.parse_args()
    found = _soak(asked.count, asked.seed, time.monotonic() + asked.seconds)
    for name, value in {
        "kills": found.kills,
        "changes acknowledged": found.acknowledged,
        "wrong afterwards": len(found.wrong),
    }.items():
        print(f"{name:<38} {value}")
    for said in found.wrong[:20]:
        print(f"! {said}")
    return 1 if found.wrong or found.kills < asked.count else 0


def _soak(count: int, seed: int, until: float) -> Judgement:
    total = Judgement()
    with tempfile.TemporaryDirectory(prefix="crossfade-kill-") as folder:
        killing = Killing(Path(folder) / "state.db", seed)
        while total.kills < count and time.monotonic() < until:
            found = killing.run(1)
            total.kills += found.kills
            total.acknowledged += found.acknowledged
            total.wrong += found.wrong
            show(total.kills)
    return total


if __name__ == "__main__":
    sys.exit(main())
