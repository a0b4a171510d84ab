"""Move a fleet again and again, and cut one replica off: `python -m scripts.soak.move_fleet`.

Each round sets a percentage at one replica and measures until all serve by it. Then one
replica is cut off from Redis, braked by hand, and let back; all must come to what it did.
Ends with 1 if a move took more than a second, or if a replica did not follow.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time

from scripts.soak import show, within
from tests.story.fleet import Fleet, fleet
from tests.story.steering import until

MOST_SECONDS = 1.0


async def moved_after(one: Fleet, percentage: float, at: int) -> float:
    """Return how many seconds it took until all replicas had the percentage."""
    begun = time.monotonic()
    await asyncio.to_thread(one.admins[at].set, "fade", percentage)
    await until(lambda: one.agree("percentage", percentage), "all have moved")
    return time.monotonic() - begun


async def healed_after(one: Fleet, cut: int) -> float:
    """Cut a replica off, roll back there, mend; return how long until all had followed."""
    alone = one.admins[cut]
    one.links[cut].cut()
    await until(lambda: alone.rollout("fade")["stale"], "it knows that it is alone")
    await asyncio.to_thread(alone.tell, "fade", "rollback")
    others = [admin for number, admin in enumerate(one.admins) if number != cut]
    found = [await asyncio.to_thread(admin.rollout, "fade") for admin in others]
    assert {rollout["standing"] for rollout in found} == {"draft"}, found
    one.links[cut].mend()
    begun = time.monotonic()
    await until(lambda: one.agree("standing", "rolled_back"), "all are on legacy", 20)
    took = time.monotonic() - begun
    await asyncio.to_thread(one.admins[0].tell, "fade", "resume")
    await until(lambda: one.agree("standing", "draft"), "all are ready again", 20)
    return took


async def run(count: int, cuts: int, replicas: int, seed: int) -> tuple[list[float], list[float]]:
    """Return how long the moves took, and the ways back after a cut."""
    draw = random.Random(seed)
    moves = []
    async with fleet(replicas, percentage=5) as one:
        for number in range(count):
            percentage = draw.randint(1, 99) + number / 1000
            moves.append(await moved_after(one, percentage, draw.randrange(replicas)))
            show(number + 1)
        heals = [await healed_after(one, draw.randrange(replicas)) for _ in range(cuts)]
    return moves, heals


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="how many moves")
    parser.add_argument("--cuts", type=int, default=3, help="how many partitions")
    parser.add_argument("--replicas", type=int, default=3, help="how many proxies")
    parser.add_argument("--seconds", type=float, default=300, help="the most that it may take")
    parser.add_argument("--seed", type=int, default=1, help="for where and whither it moves")
    asked = parser.parse_args()
    work = run(asked.count, asked.cuts, asked.replicas, asked.seed)
    moves, heals = asyncio.run(within(asked.seconds, work))
    print(f"moves in force everywhere after, median and max in s   {shown(moves)}")
    print(f"all on legacy after a partition heals, in s            {shown(heals)}")
    return 1 if max(moves) > MOST_SECONDS else 0


def shown(seconds: list[float]) -> str:
    """Return the median and the maximum in words."""
    if not seconds:
        return "none"
    return f"{statistics.median(seconds):.2f}, {max(seconds):.2f}"


if __name__ == "__main__":
    sys.exit(main())
