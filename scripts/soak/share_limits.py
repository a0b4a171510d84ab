"""Ask a fleet for more than its limits allow: `python -m scripts.soak.share_limits`.

Several proxies share one Redis; clients ask without a pause. Ends with 1 if any window ever held
more than its limit, or if anything was refused while there was room.
"""

import argparse
import asyncio
import sys

from scripts.soak import told, within
from tests.story.sharing_limits import Found, shared

_TO_JUDGE = 600
"""Seconds for starting, and for replaying what was seen."""


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long the clients ask")
    parser.add_argument("--clients", type=int, default=500, help="how many ask at a time")
    parser.add_argument("--proxies", type=int, default=3, help="how many proxies there are")
    parser.add_argument("--seed", type=int, default=1, help="for what they ask for")
    asked = parser.parse_args()
    work = shared(
        seconds=asked.seconds, clients=asked.clients, seed=asked.seed, proxies=asked.proxies
    )
    found = asyncio.run(within(asked.seconds + _TO_JUDGE, work))
    told(_figures(found), found.wrong)
    return 1 if found.wrong or not found.let_through else 0


def _figures(found: Found) -> dict[str, object]:
    fullest = {f"fullest window of {policy}": most for policy, most in found.fullest.items()}
    refused = {f"refused by {policy}": times for policy, times in sorted(found.violated.items())}
    refusals = sum(len(some) for some in found.refusals.values())
    return {"let through": found.let_through, "refusals": refusals, **fullest, **refused}


if __name__ == "__main__":
    sys.exit(main())
