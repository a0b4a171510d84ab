"""Let providers keep the proxy waiting: `python -m scripts.soak.keep_deadline`.

Ends with 1 if an answer came later than 100 ms after its deadline.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from scripts.soak import show, within
from tests.kit.provider import Step, answer, hang_before_head
from tests.story.deadlines import LATE_MOST, MIXED, TROUBLE, WAYS, Waiting, waiting


async def run(count: int, at_once: int, seed: int) -> dict[str, Waiting]:
    """Have each trouble once, all of them together in each way, and a store that is held up."""
    cases: list[tuple[str, tuple[Step, ...], Mapping[str, Any], bool]] = [
        *((name, steps, {}, False) for name, steps in TROUBLE.items()),
        *((f"mixed, {name}", MIXED, how, False) for name, how in WAYS.items()),
        ("the store is locked", (answer(),), {}, True),
        ("it is locked, no head", (hang_before_head(),), {}, True),
    ]
    found = {}
    for number, (name, steps, how, locked) in enumerate(cases):
        found[name] = await waiting(
            steps, how, count=count, at_once=at_once, seed=seed + number, locked=locked
        )
        show(number + 1)
    return found


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="the most that it may take")
    parser.add_argument("--count", type=int, default=128, help="requests for each trouble")
    parser.add_argument("--at-once", type=int, default=32, help="requests at a time")
    parser.add_argument("--seed", type=int, default=1, help="for what is asked, and the trouble")
    asked = parser.parse_args()
    found = asyncio.run(within(asked.seconds, run(asked.count, asked.at_once, asked.seed)))
    print("stalled: so long the clients themselves stood still; of a busy machine this says little")
    print(f"{'ms after the deadline':27}   of     p50     p99    most  stalled  answers")
    for name, one in found.items():
        shares = [f"{1000 * one.share(of):6.0f}" if one.late else "     -" for of in (0.5, 0.99, 1)]
        shown = f"{len(one.late):4}  {'  '.join(shares)}  {1000 * one.stalled:7.0f}"
        print(f"{name:27} {shown}  {dict(one.statuses)}")
    return 1 if any(max(one.late, default=0.0) > LATE_MOST for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
