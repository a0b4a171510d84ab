"""Let one of two providers fail under load: `python -m scripts.soak.lose_provider`.

Ends with 1 if a client saw a failure, if the sick provider was asked more often than probes
are allowed, or if it took longer than one opening of its breaker until it was used again.
"""

import argparse
import asyncio
import sys

from scripts.soak import show, within
from tests.kit.provider import hang_before_head, status
from tests.story.outage import Outage, outage

FAULTS = {
    "not there": None,
    "500": status(500),
    "503": status(503),
    "429, 2 s": status(429, retry_after=2),
    "hangs": hang_before_head(),
}
LONGEST_OPEN = 4.0 * 1.1 + 1.0


async def run(rate: float, seconds: float, seed: int) -> dict[str, Outage]:
    """Have each fault once."""
    found = {}
    cases = [
        (f"{name}, {dialect}{', flaps' * flaps}", fault, dialect, flaps)
        for flaps in (False, True)
        for name, fault in FAULTS.items()
        for dialect in ("azure", "openai")
    ]
    for number, (name, fault, dialect, flaps) in enumerate(cases):
        found[name] = await outage(
            fault,
            rate=rate,
            sick_for=seconds,
            seed=seed + number,
            dialect=dialect,
            flaps=flaps,
        )
        show(number + 1)
    return found


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="the most that it may take")
    parser.add_argument("--sick", type=float, default=8, help="seconds of each outage")
    parser.add_argument("--rate", type=float, default=100, help="requests per second")
    parser.add_argument("--seed", type=int, default=1, help="for which request comes when")
    asked = parser.parse_args()
    found = asyncio.run(within(asked.seconds, run(asked.rate, asked.sick, asked.seed)))
    print(f"{'fault':24} asked  failed  before it opened  probes  allowed  recovered  slowest")
    for name, one in found.items():
        print(
            f"{name:24} {one.asked:5}  {len(one.failed):6}  {one.until_open:16}  "
            f"{one.while_open:6}  {one.probes_allowed:7}  {one.recovered:7.2f} s  "
            f"{one.slowest:.2f} s"
        )
    bad = [
        name
        for name, one in found.items()
        if one.failed or one.while_open > one.probes_allowed or one.recovered > LONGEST_OPEN
    ]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
