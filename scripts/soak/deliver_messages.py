"""Kill proxies and Redis while messages are delivered: `python -m scripts.soak.deliver_messages`.

Ends with 1 if an acknowledged message is lost, was executed twice, or is uncertain without being
shown to operators (with `--idempotent`: is uncertain at all), or if a limit was exceeded.
"""

import argparse
import sys

from scripts.soak import told
from tests.story.delivering_messages import Delivering, Found


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="how many are posted")
    parser.add_argument("--count", type=int, default=50, help="how often something is killed")
    parser.add_argument("--seconds", type=float, default=900, help="the most that it may take")
    parser.add_argument("--seed", type=int, default=1, help="for all that is random")
    parser.add_argument("--store", choices=["redis", "sqlite"], default="redis")
    parser.add_argument(
        "--idempotent", action="store_true", help="the platform executes each key once"
    )
    asked = parser.parse_args()
    with Delivering(asked.seed, store=asked.store, repeats=asked.idempotent) as delivering:
        found = delivering.deliver(
            messages=asked.messages, kills=asked.count, seconds=asked.seconds
        )
    told(_figures(found), found.wrong)
    return 1 if found.wrong or found.kills + found.redis_kills < asked.count else 0


def _figures(found: Found) -> dict[str, object]:
    return {
        "kills of a proxy": found.kills,
        "kills of Redis": found.redis_kills,
        "answers by status, 0 if cut off": dict(sorted(found.answered.items())),
        "messages by state": dict(found.states),
        "executed by the platform": found.executed,
        "uncertain ones that were executed": found.uncertain_executed,
        **{f"waited in s, {name}": spread for name, spread in found.waits.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
