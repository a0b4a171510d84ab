"""A process that takes units of a file's counts, and says so, until it is killed."""

import asyncio
import sys
from pathlib import Path

from plugins.rate_limit.claims import SECOND, Claim, Kind, Window
from plugins.rate_limit.counting.kept import MIGRATIONS, KeptCounts
from plugins.rate_limit.counting.memory import MemoryCounts
from proxy.stores.for_plugins import StoresForPlugins

MANY = Claim(Kind.LOG, "many", (Window("hour", 1_000_000, 3600 * SECOND, 1_000_000),))
TASKS = 8


def at_rest() -> int:
    return 1_700_000_000 * SECOND


async def take(counts: KeptCounts, name: str) -> None:
    number = 0
    while True:
        number += 1
        counted = await counts.take((MANY,), f"{name}-{number}")
        assert counted.admitted
        print(f"{name}-{number}", flush=True)


async def main(path: Path, name: str) -> None:
    file = StoresForPlugins(path.parent).sqlite("rate_limit", path, MIGRATIONS)
    counts = KeptCounts(file, MemoryCounts({}, at_rest))
    await counts.open()
    await asyncio.gather(*(take(counts, f"{name}{task}") for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
