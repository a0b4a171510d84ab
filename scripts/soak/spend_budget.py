"""Have a fleet asked for more than its budget pays for: `python -m scripts.soak.spend_budget`.

Several proxies share one Redis; clients ask without a pause until each is refused, and once more
with a proxy killed in the middle. Ends with 1 if the provider's bill is above the limit, if it is
not what the budget has counted, or if anything is refused while there is something left.
"""

import argparse
import asyncio
import sys

from scripts.soak import told, within
from tests.story.spending_together import USD, Found, spent, spent_until_killed


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", default="5.00", help="the budget in US dollars")
    parser.add_argument("--clients", type=int, default=200, help="how many ask at a time")
    parser.add_argument("--proxies", type=int, default=3, help="how many proxies there are")
    parser.add_argument("--rounds", type=int, default=3, help="how often all of it is done")
    parser.add_argument("--seed", type=int, default=1, help="for the moment of the kill")
    parser.add_argument("--rest", type=float, default=240, help="seconds for leases to end")
    parser.add_argument("--seconds", type=float, default=900, help="the most that it may take")
    return asyncio.run(_report(parser.parse_args()))


async def _report(asked: argparse.Namespace) -> int:
    failed = False
    for turn in range(asked.rounds):
        for killed in (False, True):
            found = await within(asked.seconds / asked.rounds / 2, _run(asked, turn, killed))
            print(f"-- round {turn + 1}{', one proxy killed' if killed else ''}")
            told(_figures(found), found.wrong)
            failed = failed or bool(found.wrong) or not found.billed
    return int(failed)


async def _run(asked: argparse.Namespace, turn: int, killed: bool) -> Found:
    seed = asked.seed + turn
    if killed:
        return await spent_until_killed(
            limit=asked.limit,
            clients=asked.clients,
            seed=seed,
            proxies=asked.proxies,
            rest=asked.rest,
        )
    return await spent(limit=asked.limit, clients=asked.clients, seed=seed, proxies=asked.proxies)


def _figures(found: Found) -> dict[str, object]:
    return {
        "limit, USD": found.limit / USD,
        "billed by the provider, USD": found.billed / USD,
        "counted by the budget, USD": found.counted / USD,
        "calls that the provider executed": found.calls,
        "answers by status, 0 if cut off": dict(sorted(found.answered.items())),
        "answers after the limit was raised": dict(found.served_again),
    }


if __name__ == "__main__":
    sys.exit(main())
