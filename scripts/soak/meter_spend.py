"""Kill proxies that spend, and compare with the bill: `python -m scripts.soak.meter_spend`.

Ends with 1 if an attempt of the bill is in no ledger, or in any twice; if what the provider told
does not come to the bill's nano-dollars, attempt by attempt; if an estimate is not marked as one;
if totals are not the sums of the rows; or if corrected ledgers do not come to the bill.
"""

import argparse
import sys

from scripts.soak import told
from tests.story.metering_spend import Found, Spending


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--attempts", type=int, default=100_000, help="how many are billed at least"
    )
    parser.add_argument("--count", type=int, default=200, help="how often a proxy is killed")
    parser.add_argument("--seconds", type=float, default=3600, help="the most that it may take")
    parser.add_argument("--seed", type=int, default=1, help="for all that is random")
    parser.add_argument("--proxies", type=int, default=3, help="each with a journal of its own")
    parser.add_argument("--clients", type=int, default=16, help="how many ask at a time")
    asked = parser.parse_args()
    with Spending(asked.seed, proxies=asked.proxies, clients=asked.clients) as spending:
        found = spending.spend(attempts=asked.attempts, kills=asked.count, seconds=asked.seconds)
    told(_figures(found), found.wrong)
    return 1 if found.wrong or found.kills < asked.count else 0


def _figures(found: Found) -> dict[str, object]:
    return {
        "kills of a proxy": found.kills,
        "answers by status, 0 if cut off": dict(sorted(found.answered.items())),
        "attempts on the bill": found.billed,
        "attempts in the ledgers": found.rows,
        "attempts by source of their usage": dict(found.sources),
        "corrections by the bill": found.corrected,
        "ledgers after them, in USD": found.ledger_usd,
        "the bill, in USD": found.bill_usd,
    }


if __name__ == "__main__":
    sys.exit(main())
