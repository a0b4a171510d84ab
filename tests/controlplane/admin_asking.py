"""The client side of the admin listener, for tests of it."""

from typing import Any

import aiohttp
import orjson

from proxy.controlplane.admin.auth import Role

SECRETS = {role.name.lower(): f"the token of the {role.name.lower()}" for role in Role}
TOKENS = [{"name": f"a-{role}", "role": role, "token": text} for role, text in SECRETS.items()]


def by(role: str, **more: str) -> dict[str, str]:
    """The header fields of somebody with this role; underscores in their names are hyphens."""
    return {"Authorization": f"Bearer {SECRETS[role]}"} | {
        name.replace("_", "-"): value for name, value in more.items()
    }


class Asked:
    """The client side: a session and where to ask."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def __call__(
        self, path: str, method: str = "GET", **more: Any
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        async with self.session.request(method, self.url + path, **more) as response:
            raw = await response.read()
            found = orjson.loads(raw) if "json" in response.content_type else raw.decode()
            return response.status, found, response
