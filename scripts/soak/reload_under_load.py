"""Rewrite the file many times under steady load: `python -m scripts.soak.reload_under_load`.

Ends with 1 if a request failed, met a mixture of two files, or if the generations
were not exactly as many as the changes.
"""

import argparse
import asyncio
import statistics
import sys

from scripts.soak import show, within
from tests.story.reloading import Judgement, Reloading


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="how often the file is rewritten")
    parser.add_argument("--seconds", type=float, default=300, help="the most that it may take")
    parser.add_argument("--rate", type=float, default=600, help="requests per second")
    parser.add_argument("--seed", type=int, default=1, help="for the way each reload is asked for")
    parser.add_argument("--dwell", type=float, default=0.5, help="seconds that each file serves")
    asked = parser.parse_args()
    soak = Reloading(asked.count, asked.rate, asked.seed, asked.dwell)
    found = asyncio.run(within(asked.seconds, soak.run(show)))
    _report(found)
    rose = found.last_generation - found.first_generation
    return 1 if found.failures or found.mixed or rose != asked.count else 0


def _report(found: Judgement) -> None:
    rows = {
        "reloads": found.changes,
        "generations": f"{found.first_generation} to {found.last_generation}",
        "requests": found.requests,
        "requests per second": f"{found.rate:.0f}",
        "answered by version a, b": ", ".join(str(n) for n in found.by_version.values()),
        "failed": len(found.failures),
        "mixed views": len(found.mixed),
        "latency p50, p99, max in ms": ", ".join(
            f"{found.latency(q):.1f}" for q in (0.5, 0.99, 1.0)
        ),
        "in effect after, median and max in s": (
            f"{statistics.median(found.in_effect_after):.2f}, {max(found.in_effect_after):.2f}"
        ),
    }
    for name, value in rows.items():
        print(f"{name:<38} {value}")
    for said in (*found.failures[:10], *found.mixed[:10]):
        print(f"! {said}")


if __name__ == "__main__":
    sys.exit(main())
