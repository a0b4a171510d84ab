"""Let new begin to fail again and again under load: `python -m scripts.soak.roll_back`.

Each round starts a proxy, lets users flow, makes new answer with errors, and measures how
long it takes until nobody meets new any more. Ends with 1 if that took more than two
seconds, or if a client saw an error.
"""

import argparse
import asyncio
import statistics
import sys
import time

from scripts.soak import show, within
from tests.story.echo import EchoUpstream
from tests.story.steering import Traffic, serving, steered

MOST_SECONDS = 2.0


async def rolled_back_after(percentage: float, rate: float, seed: int) -> tuple[float, int, int]:
    """Return the seconds from the first failure to the last request on new.

    Then how many requests were rescued, and how many clients saw a failure.
    """
    async with (
        EchoUpstream("legacy") as legacy,
        EchoUpstream("new") as new,
        serving(steered((legacy, new), percentage=percentage)) as (proxy,),
        Traffic([proxy.port], rate, seed=seed).flowing() as traffic,
    ):
        await traffic.for_seconds(2)
        new.sick, failing = True, time.monotonic()
        await traffic.for_seconds(4)
    rescued = [
        one.sent for one in traffic.after(failing) if one.reason in ("failover", "percentage")
    ]
    return max(rescued, default=failing) - failing, len(rescued), len(traffic.failed())


async def run(
    rounds: int, percentage: float, rate: float, seed: int
) -> list[tuple[float, int, int]]:
    """Do it so often."""
    found = []
    for number in range(rounds):
        found.append(await rolled_back_after(percentage, rate, seed + number))
        show(number + 1)
    return found


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="how many rounds")
    parser.add_argument("--seconds", type=float, default=300, help="the most that it may take")
    parser.add_argument("--rate", type=float, default=300, help="requests per second")
    parser.add_argument("--percentage", type=float, default=25, help="of the users on new")
    parser.add_argument("--seed", type=int, default=1, help="for which users ask when")
    asked = parser.parse_args()
    rounds = run(asked.count, asked.percentage, asked.rate, asked.seed)
    found = asyncio.run(within(asked.seconds, rounds))
    took = [seconds for seconds, _, _ in found]
    failed = sum(failures for _, _, failures in found)
    rescued = sum(number for _, number, _ in found)
    slowest = f"{statistics.median(took):.2f}, {max(took):.2f}"
    print(f"last request on new after, median and max in s   {slowest}")
    print(f"requests rescued by legacy                       {rescued}")
    print(f"failures that clients saw                        {failed}")
    return 1 if failed or max(took) > MOST_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
