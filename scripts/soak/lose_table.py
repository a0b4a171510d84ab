"""Lose the table of a fleet's ledger while it spends: `python -m scripts.soak.lose_table`.

Ends with 1 if, once the table is back, a row of a journal is not in it, is in it twice or
otherwise; if totals of the table are not what the rows of the journals come to, to the nano-dollar;
if an attempt was refused, or waited for the table.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from scripts.soak import told, within
from tests.kit.dynamo import dynamo_server
from tests.plugins.cost_meter.sharing.outage import WEATHERS, Found, Outage


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outages", type=int, default=30, help="how often the weather changes")
    parser.add_argument("--attempts", type=int, default=100, help="how many there are in each")
    parser.add_argument("--replicas", type=int, default=3, help="each with a journal of its own")
    parser.add_argument("--restarts", type=float, default=30, help="in so many of 100 one ends")
    parser.add_argument("--seed", type=int, default=1, help="for all that is random")
    parser.add_argument("--seconds", type=float, default=600, help="the most that it may take")
    asked = parser.parse_args()
    found = _run(asked)
    told(_figures(found), found.wrong)
    return 1 if found.wrong or found.rows != found.attempts else 0


def _run(asked: argparse.Namespace) -> Found:
    chance = random.Random(asked.seed)
    weathers = [chance.choice([*WEATHERS]) for _ in range(asked.outages)]
    with dynamo_server() as server, tempfile.TemporaryDirectory() as folder:
        outage = Outage(server, Path(folder), asked.seed, asked.replicas)
        work = outage.run(weathers, attempts=asked.attempts, restarts=asked.restarts)
        return asyncio.run(within(asked.seconds, work))


def _figures(found: Found) -> dict[str, object]:
    slowest = {name: f"{seconds * 1000:.1f} ms" for name, seconds in found.slowest.items()}
    return {
        "attempts": found.attempts,
        "rows in the journals": found.rows,
        "what they come to, in USD": found.usd,
        "replicas that ended and came back": found.restarts,
        "requests to the table by fate": dict(sorted(found.fares.items())),
        "longest wait of an attempt, by weather": slowest,
        "catching up, in s of work": f"{found.caught_up:.2f}",
    }


if __name__ == "__main__":
    sys.exit(main())
