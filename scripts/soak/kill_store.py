"""Kill a process that saves to SQLite, again and again: `python -m scripts.soak.kill_store`.

Ends with 1 if a change that was acknowledged is gone, or if states and audit differ.
"""

import sys
import tempfile
import time
from pathlib import Path

from scripts.soak import kills_asked, show, told
from tests.stores.killing import Judgement, Killing


def main() -> int:
    """Read the arguments, run, report."""
    asked = kills_asked(__doc__, 300)
    found = _soak(asked.count, asked.seed, time.monotonic() + asked.seconds)
    figures = {
        "kills": found.kills,
        "changes acknowledged": found.acknowledged,
    }
    told(figures, found.wrong)
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
