"""The plugin alone beside workflows of a test, asked by users and administrators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plugins.campaigns import CampaignsUse
from plugins.campaigns.paths import STATUS
from proxy.api import Reply, Request, Workflows
from proxy.api.testing import Isolated, isolated, request
from tests.plugins.campaigns.stub import InMemory

ADMIN = {"role": "ADMIN"}


@asynccontextmanager
async def campaigns(memory: InMemory | None = None, **settings: Any) -> AsyncIterator[Isolated]:
    """Start the plugin; `memory` is what an orchestrator offers, if there is one."""
    async with isolated(CampaignsUse, application_settings=settings) as plugin:
        if memory is not None:
            plugin.services.share(Workflows, memory)
        yield plugin


def asks(
    path: str = STATUS,
    query: str = "",
    user: str | None = "ann",
    *,
    admin: bool = False,
    method: str = "GET",
    **more: Any,
) -> Request:
    """A request of a user that somebody vouches for."""
    return request(
        method,
        path,
        query=query,
        key=user,
        verified=user is not None,
        attributes=ADMIN if admin else {},
        **more,
    )


async def answer(plugin: Isolated, asked: Request) -> Reply:
    """What an endpoint of the plugin answers."""
    return await plugin.endpoints[asked.method, asked.path](asked, b"")
