"""Kill Redis under load and bring it back: `python -m scripts.soak.lose_redis`.

Ends with 1 if a request failed, if the percentage rose, or if a replica did not find
its way back.
"""

import argparse
import asyncio
import sys
import time

from scripts.soak import within
from tests.kit.redis import RedisServer
from tests.story.echo import EchoUpstream
from tests.story.operator import Admin
from tests.story.steering import Traffic, serving, steered, until


async def run(gone: float, rate: float, replicas: int) -> tuple[Traffic, float, set[float]]:
    """Return the traffic, how long finding back took, and the percentages afterwards."""
    with RedisServer() as redis:
        async with EchoUpstream("legacy") as legacy, EchoUpstream("new") as new:
            config = steered((legacy, new), redis.url, percentage=30)
            async with serving(*[config] * replicas) as proxies:
                admins = [Admin(proxy) for proxy in proxies]
                ports = [proxy.port for proxy in proxies]
                async with Traffic(ports, rate).flowing() as traffic:
                    await traffic.for_seconds(2)
                    redis.save()
                    redis.stop()
                    await traffic.for_seconds(gone)
                    await asyncio.to_thread(redis.start)
                    back = time.monotonic()
                    await until(
                        lambda: not any(admin.rollout("fade")["stale"] for admin in admins),
                        "all have found it again",
                        30,
                    )
                    took = time.monotonic() - back
                    await traffic.for_seconds(2)
                return traffic, took, {admin.rollout("fade")["percentage"] for admin in admins}


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gone", type=float, default=30, help="seconds without Redis")
    parser.add_argument("--rate", type=float, default=500, help="requests per second in all")
    parser.add_argument("--replicas", type=int, default=2, help="how many proxies")
    parser.add_argument("--seconds", type=float, default=180, help="the most that it may take")
    asked = parser.parse_args()
    work = run(asked.gone, asked.rate, asked.replicas)
    traffic, took, percentages = asyncio.run(within(asked.seconds, work))
    print(f"requests                     {len(traffic.seen)}")
    print(f"failed                       {len(traffic.failed())}")
    print(f"found again after, in s      {took:.2f}")
    print(f"percentages afterwards       {', '.join(f'{one:g}' for one in sorted(percentages))}")
    for said in traffic.failed()[:10]:
        print(f"! {said}")
    return 1 if traffic.failed() or percentages != {30} else 0


if __name__ == "__main__":
    sys.exit(main())
