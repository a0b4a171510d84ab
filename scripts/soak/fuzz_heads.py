"""The long version of the fuzz tests: `python -m scripts.soak.fuzz_heads --seconds 120 --seed 1`.

Heads against another parser, bytes of clients and of upstreams against the proxy's
inside, all in memory and from one seed; ends with 1 and the case at the first failure.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections import Counter
from random import Random

from tests.kit.fuzzing import Fuzz
from tests.kit.odd_heads import request_head, response_head
from tests.kit.second_opinion import SecondOpinion
from tests.kit.transport import MemoryLoop

HEADS_IN_A_ROW = 5000
CLIENTS_IN_A_ROW = 500


def heads(rng: Random) -> Counter[str]:
    """Ask for a second opinion on some heads."""
    opinion = SecondOpinion()
    seen: Counter[str] = Counter()
    for _ in range(HEADS_IN_A_ROW):
        seen["request: " + opinion.request(request_head(rng, odd=0.5), rng)] += 1
        seen["response: " + opinion.response(response_head(rng, odd=0.5), rng)] += 1
    opinion.close()
    return seen


async def clients(rng: Random, *, odd_upstream: bool) -> Counter[str]:
    """Let some clients in, one after the other."""
    fuzz = Fuzz(rng)
    for _ in range(CLIENTS_IN_A_ROW):
        await fuzz.client(odd_upstream=odd_upstream)
    await fuzz.close()
    side = "upstream" if odd_upstream else "client"
    counted = Counter({f"odd {side}: {what}": count for what, count in fuzz.seen.items()})
    counted[f"odd {side}: clients in all"] = CLIENTS_IN_A_ROW
    return counted


def one_round(seed: int) -> Counter[str]:
    """Everything once; the same seed does the same."""
    seen = heads(Random(seed))
    for odd_upstream in (False, True):
        with asyncio.Runner(loop_factory=MemoryLoop) as runner:
            seen += runner.run(clients(Random(seed), odd_upstream=odd_upstream))
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="the first round's seed")
    wanted = parser.parse_args()
    until = time.monotonic() + wanted.seconds
    seen: Counter[str] = Counter()
    rounds = 0
    while time.monotonic() < until:
        seed = wanted.seed + rounds
        try:
            seen += one_round(seed)
        except Exception:
            traceback.print_exc()
            print(f"failed with --seed {seed}", file=sys.stderr)
            return 1
        rounds += 1
    for what, count in sorted(seen.items()):
        print(f"{count:>10}  {what}")
    print(f"{rounds} rounds from seed {wanted.seed}, no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
