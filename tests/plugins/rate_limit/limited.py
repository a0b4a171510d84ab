"""The plugin alone, with rules, and requests of people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plugins.rate_limit import RateLimitUse
from plugins.rate_limit.service import CountingLimits
from proxy.api import Request
from proxy.api.limits import Limits
from proxy.api.testing import Isolated, isolated, request

MINUTE = {"limit": 3, "per": "1m"}
PER_USER = {"scope": ["user"], "windows": [MINUTE]}


@asynccontextmanager
async def limited(
    use: dict[str, Any] | None = None, rule_sets: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[Isolated]:
    """Start it with `rules`, by default three a minute for each user."""
    said = {"rules": {"one": PER_USER}, "rule_sets": list(rule_sets)} | settings
    async with isolated(RateLimitUse, use or {}, application_settings=said) as plugin:
        yield plugin


def of(user: str | None = "ann", method: str = "GET", **said: Any) -> Request:
    return request(method, key=user, verified=user is not None, **said)


def limits_of(plugin: Isolated) -> CountingLimits:
    found = plugin.services.shared(Limits)
    assert isinstance(found, CountingLimits)
    return found


async def statuses(plugin: Isolated, *requests: Request, body: bytes = b"") -> list[int]:
    return [(await plugin.through(one, body=body)).reply.status for one in requests]
