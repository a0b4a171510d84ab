"""Active health checks: each endpoint is asked for its health path at its interval."""

import asyncio

import aiohttp
import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Health
from proxy.dataplane.generation import Generation
from proxy.dataplane.upstream import Endpoint, Upstream

__all__ = ["HealthChecks"]

_log: FilteringBoundLogger = structlog.get_logger()
_BODY_MOST = 64 * 1024


class HealthChecks:
    """Runs one task per endpoint of every upstream that declares `health`."""

    def __init__(self) -> None:
        """Check nothing yet."""
        self._tasks: dict[Upstream, list[asyncio.Task[None]]] = {}

    def follow(self, generation: Generation) -> None:
        """Check the endpoints of `generation`, and no others; unchanged upstreams go on."""
        current = set(generation.upstreams.values())
        for upstream in [u for u in self._tasks if u not in current]:
            for task in self._tasks.pop(upstream):
                task.cancel()
        for upstream in current - self._tasks.keys():
            health = upstream.declared.health
            if health is None:
                for endpoint in upstream.endpoints:
                    endpoint.health.up, endpoint.health.streak = True, 0
            else:
                self._tasks[upstream] = [
                    asyncio.create_task(_watch(upstream, endpoint, health))
                    for endpoint in upstream.endpoints
                ]

    async def close(self) -> None:
        """Stop checking."""
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(upstream: Upstream, endpoint: Endpoint, health: Health) -> None:
    timeout = aiohttp.ClientTimeout(total=health.timeout)
    connector = aiohttp.TCPConnector(force_close=True, use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        while True:
            passed = await _passes(session, endpoint, health)
            if endpoint.health.checked(
                passed=passed,
                healthy_after=health.healthy_after,
                unhealthy_after=health.unhealthy_after,
            ):
                say = _log.info if passed else _log.warning
                event = "endpoint_up" if passed else "endpoint_down"
                say(event, upstream=upstream.name, endpoint=endpoint.url)
            await asyncio.sleep(health.interval)


async def _passes(session: aiohttp.ClientSession, endpoint: Endpoint, health: Health) -> bool:
    rule = endpoint.pool.rule
    try:
        async with session.get(
            endpoint.url + health.path,
            allow_redirects=False,
            ssl=rule.tls if rule.tls is not None else True,
            server_hostname=rule.server_name if rule.tls is not None else None,
        ) as response:
            await response.content.read(_BODY_MOST)
            return 200 <= response.status < 400
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return False
