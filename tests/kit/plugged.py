"""The proxy's inside with plugins: real files, a real host, a real door on a MemoryLoop."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

from prometheus_client import CollectorRegistry

from proxy.controlplane.wanted import wanted
from proxy.core.message import parse_request_head, parse_response_head
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.plugin_set import PluginSet
from tests.kit.inside import Inside, configuration
from tests.kit.transport import MemoryTransport, turns

HEAD = """
import asyncio
from proxy.api import *
"""

GET = b"GET /a?b=1 HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

ARMS: dict[str, Any] = {
    "rollout": "r",
    "upstream": None,
    "arms": {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}},
}
SPLIT: dict[str, Any] = {
    "upstreams": {
        "legacy": {"url": "http://127.0.0.1:3000"},
        "new": {"url": "http://127.0.0.1:3001"},
    },
    "identity": {"key": ["cookie:sid"]},
    "rollouts": {"r": {"percentage": 0}},
}
PLAIN: dict[str, Any] = {"name": "all", "match": {"path": "/**"}, "upstream": "legacy"}


@asynccontextmanager
async def plugged(
    files: dict[str, str], route: dict[str, Any] | None = None, **sections: Any
) -> AsyncIterator[Inside]:
    """A door whose one route uses all `files` (plugin name to source), unless told otherwise."""
    with TemporaryDirectory() as folder:
        for name, source in files.items():
            (Path(folder) / f"{name}.py").write_text(HEAD + dedent(source))
        routes = sections.pop("routes", [PLAIN | {"plugins": list(files)} | (route or {})])
        plugins = {"path": [folder]} | sections.pop("plugins", {})
        declared = configuration(routes=routes, plugins=plugins, **sections)
        host = PluginHost(CollectorRegistry(), asyncio.get_running_loop().time)
        made: PluginSet = await host.prepare(wanted(declared), None)
        host.serve(made)
        inside = Inside(made=made, declared=declared)
        try:
            yield inside
        finally:
            await inside.close()
            await host.close()


def answer(client: MemoryTransport) -> tuple[int, dict[bytes, bytes], bytes]:
    head, _, body = client.sent().partition(b"\r\n\r\n")
    parsed = parse_response_head(head + b"\r\n\r\n")
    return parsed.status, parsed.by_name, body


def reason(client: MemoryTransport) -> tuple[int, str]:
    status, _, body = answer(client)
    return status, json.loads(body)["reason"]


async def through(inside: Inside, data: bytes = GET, response: bytes = OK) -> tuple[Any, Any]:
    """Ask, answer as upstream; what upstream got and what the client got."""
    client, upstream = await inside.ask(data)
    got = upstream.sent()
    upstream.peer_sends(response)
    await turns()
    upstream.peer_ends()
    await turns()
    head, _, body = got.partition(b"\r\n\r\n")
    return (parse_request_head(head + b"\r\n\r\n"), body), answer(client)
