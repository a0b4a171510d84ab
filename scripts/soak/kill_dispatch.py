"""Kill a proxy that runs workflows, again and again: `python -m scripts.soak.kill_dispatch`.

Ends with 1 if a workflow is lost or was executed twice, or if an attempt is in no record.
"""

import sys
import time

from scripts.soak import kills_asked, show, told
from tests.story.killing_dispatch import Judgement, Killing


def main() -> int:
    """Read the arguments, run, report."""
    asked = kills_asked(__doc__, 900)
    found = _soak(asked.count, asked.seed, time.monotonic() + asked.seconds)
    figures = {
        "kills": found.kills,
        "requests": found.asked,
        "answers by status, 0 if cut off": dict(sorted(found.answered.items())),
        "workflows by status": dict(sorted(found.statuses.items())),
        "gone on with after a kill": found.resumed,
        "attempts that the provider executed": found.executed,
    }
    told(figures, found.wrong)
    return 1 if found.wrong or found.kills < asked.count else 0


def _soak(count: int, seed: int, until: float) -> Judgement:
    with Killing(seed) as killing:
        while killing.found.kills < count and time.monotonic() < until:
            killing.kill_once()
            show(killing.found.kills)
        killing.settle()
        return killing.judge()


if __name__ == "__main__":
    sys.exit(main())
