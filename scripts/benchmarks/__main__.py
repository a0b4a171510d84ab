"""Measures Crossfade and what it is compared with: `python -m scripts.benchmarks [part]`.

Everything runs on loopback, for a bounded time, and is ended when it is done.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from proxy import __version__
from scripts.benchmarks import (
    ledger,
    limits,
    memory,
    metering,
    plugins,
    queue,
    report,
    requests,
    websocket,
    workflows,
)
from scripts.benchmarks.servers import program

PARTS = (
    "http",
    "plugins",
    "memory",
    "websocket",
    "dispatch",
    "stream",
    "limits",
    "queue",
    "ledger",
    "metering",
    "metered",
)
WITH_WRK = frozenset(("http", "plugins", "dispatch", "metered", "all"))


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of a part (default 3)")
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    return parser.parse_args()


def measure(part: str, rounds: int, seconds: int) -> report.Results:
    """Run the parts that were asked for."""
    results: report.Results = {
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "machine": {
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
    }
    runs: dict[str, Callable[[], object]] = {
        "http": lambda: requests.run(rounds, seconds),
        "plugins": lambda: plugins.run(8 * rounds),
        "memory": memory.run,
        "websocket": websocket.run,
        "dispatch": lambda: workflows.dispatch(rounds, seconds),
        "stream": lambda: workflows.stream(rounds),
        "limits": lambda: limits.run(rounds),
        "queue": lambda: queue.run(rounds),
        "ledger": lambda: ledger.run(rounds),
        "metering": lambda: metering.run(rounds),
        "metered": lambda: workflows.metered(rounds, seconds),
    }
    for name in PARTS:
        if part in {name, "all"}:
            results[name] = runs[name]()
    return results


def main() -> int:
    asked = arguments()
    if asked.part in WITH_WRK and not (program("wrk") and program("nginx")):
        print("scripts/bench needs wrk and nginx (scripts/setup installs them)", file=sys.stderr)
        return 2
    results = measure(asked.part, asked.rounds, asked.seconds)
    print(f"\n{report.markdown(results)}\n")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if asked.write:
        report.write(results)
    broken = report.over_budget(results)
    for line in broken:
        print(f"over budget: {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
